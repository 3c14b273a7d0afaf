"""A host dies, or hears nothing, at each point of a commit: a retry gives one row, the first seq.

before the statement | in the transaction | after the commit | after the reply
                      the row is locked     PostgreSQL's answer is held back
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from support.chat_hosts import Socket, User
from support.fault_proxy import fault_proxy
from support.faulty_hosts import FaultyCluster, FaultyHost, faulty_cluster, history, room
from support.polling import until
from support.strict_reader import StrictReader

from streamhub.domain.ids import ChannelId
from streamhub.domain.messages import channel_actor
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.protocol import frames
from streamhub.protocol.notifying import NotificationCreated

KEY = "the one key"
BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@dataclass
class Stage:
    """Ann's room with one message; `owner` owns it, `other` does not."""

    cluster: FaultyCluster
    ann: User
    channel: str
    owner: FaultyHost
    other: FaultyHost

    @property
    def path(self) -> str:
        return f"/v1/channels/{self.channel}/messages"

    async def post(self, host: FaultyHost, text: str, key: str) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key}
        return await self.ann.rest("POST", self.path, {"text": text}, host=host, headers=headers)

    async def rows(self, count: int) -> None:
        """Wait until so many messages are committed."""

        async def there() -> bool:
            found = "SELECT count(*) FROM messages WHERE channel_id = $1"
            return bool(await self.cluster.pool.fetchval(found, self.channel) == count)

        await until(there)

    async def deciding(self, count: int = 1) -> None:
        """Wait until the owner has so many messages that are not committed as far as it knows."""

        async def pending() -> bool:
            actor = self.owner.chat.actors.active(channel_actor(ChannelId(self.channel)))
            return len(getattr(actor, "_pending", ())) >= count

        await until(pending)

    async def all_stored(self) -> None:
        """Wait until the second message is committed."""
        await self.rows(2)

    async def blocked(self, count: int = 1) -> None:
        """Wait until so many statements wait for the channel's row."""

        async def are() -> bool:
            return bool(await self.cluster.pool.fetchval(BLOCKED) >= count)

        await until(are)

    async def until_left(self) -> None:
        """Wait until the owner learned that it must end."""

        async def did() -> bool:
            return bool(self.owner.left)

        await until(did)

    async def lock_row(self, ends: AsyncExitStack) -> None:
        """Hold the channel's row until `ends`."""
        connection = await asyncpg.connect(self.cluster.database)
        ends.push_async_callback(connection.close)
        await ends.enter_async_context(connection.transaction())
        lock = "SELECT FROM channels WHERE id = $1 FOR UPDATE"
        await connection.execute(lock, self.channel)


@pytest.fixture
async def stage(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[Stage]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        ann = await cluster.user()
        channel = await room(ann)
        stage = Stage(cluster, ann, channel, *cluster.owners(channel))
        assert (await stage.post(stage.owner, "zero", "zero"))[0] == 201
        yield stage


@pytest.fixture
async def reader(stage: Stage) -> AsyncIterator[StrictReader]:
    """On the host that survives; it holds the first message."""
    reader = StrictReader(stage.ann, stage.channel)
    await reader.connect(stage.other.url)
    await reader.follow(2)
    yield reader
    await reader.hang_up()


async def _hold_requests(stage: Stage, ends: AsyncExitStack) -> None:
    stage.owner.database.requests_flow.clear()


async def _hold_row(stage: Stage, ends: AsyncExitStack) -> None:
    await stage.lock_row(ends)


async def _hold_answers(stage: Stage, ends: AsyncExitStack) -> None:
    stage.owner.database.answers_flow.clear()


POINTS = {  # what stops the commit there, and how one sees that it is there
    "before the statement": (_hold_requests, Stage.deciding),
    "in the transaction": (_hold_row, Stage.blocked),
    "after the commit": (_hold_answers, Stage.all_stored),
}


@pytest.mark.parametrize("via", ["owner", "other"])
@pytest.mark.parametrize("point", POINTS)
async def test_a_host_that_dies_in_a_commit_leaves_one_row_for_the_key(
    stage: Stage, reader: StrictReader, point: str, via: str
) -> None:
    host = stage.owner if via == "owner" else stage.other
    hold, reached = POINTS[point]
    async with AsyncExitStack() as ends:
        await hold(stage, ends)
        sending = asyncio.ensure_future(stage.post(host, "once", KEY))
        await reached(stage)
        await stage.cluster.crash(stage.owner)
    await stage.cluster.publish()
    if via == "other":
        status, first = await sending
        assert status == 201, first
    else:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    status, again = await stage.post(stage.other, "once", KEY)
    assert (status, again["seq"]) == (201, 2)
    assert (await stage.post(stage.other, "another", KEY))[1]["code"] == "key_reused"
    assert await history(stage.ann, stage.channel) == [(1, "zero"), (2, "once")]
    await reader.follow(3)
    assert [message.text for message in reader.messages] == ["zero", "once"]


@pytest.mark.parametrize("told", [False, True], ids=["before the reply", "after the reply"])
async def test_a_host_that_dies_around_the_reply_leaves_one_row_for_the_key(
    stage: Stage, reader: StrictReader, told: bool
) -> None:
    async with fault_proxy(stage.owner.url) as proxy:
        socket = await _socket(stage, f"http://127.0.0.1:{proxy.port}")
        if not told:
            proxy.answers_flow.clear()
        send = frames.MessageSend(channel=stage.channel, text="once")
        sending = asyncio.ensure_future(socket.command("message.send", send, key=KEY))
        if told:
            assert (await sending).problem is None
        await reader.follow(3)
        await stage.cluster.crash(stage.owner)
        proxy.cut()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await socket.close()
    await stage.cluster.publish()
    status, again = await stage.post(stage.other, "once", KEY)
    assert (status, again["seq"]) == (201, 2)
    assert await history(stage.ann, stage.channel) == [(1, "zero"), (2, "once")]
    assert (await stage.post(stage.other, "next", "next"))[1]["seq"] == 3
    await reader.follow(4)
    assert [message.text for message in reader.messages] == ["zero", "once", "next"]


async def test_a_mention_whose_host_dies_after_the_commit_notifies_once(stage: Stage) -> None:
    """Nobody told the inbox: the outbox does."""
    bob = await stage.cluster.user()
    his = await bob.connect(stage.other)
    await stage.ann.rest("POST", f"/v1/channels/{stage.channel}/members", {"users": [bob.id]})
    added = (await his.event("notification.created")).body
    assert isinstance(added, NotificationCreated)
    stage.owner.database.answers_flow.clear()
    sending = asyncio.ensure_future(stage.post(stage.other, f"@{bob.handle}", KEY))
    await stage.all_stored()
    await stage.cluster.crash(stage.owner)
    await stage.cluster.publish()
    assert (await sending)[0] == 201
    assert (await stage.post(stage.other, f"@{bob.handle}", KEY))[1]["seq"] == 2
    assert (await stage.post(stage.other, f"@{bob.handle}", "next"))[1]["seq"] == 3
    told: dict[str, int | None] = {}
    while len(told) < 2:
        body = (await his.event("notification.created", 20.0)).body
        assert isinstance(body, NotificationCreated)
        assert body.notification.id not in told
        told[body.notification.id] = body.notification.seq
    assert {2, 3} == {*told.values()}
    _, page = await bob.rest("GET", "/v1/notifications", host=stage.other)
    assert sorted(item["id"] for item in page["items"]) == sorted([*told, added.notification.id])
    await his.close()


async def test_a_batch_whose_answer_is_lost_is_acknowledged_once_and_rightly(
    stage: Stage, reader: StrictReader
) -> None:
    async with AsyncExitStack() as ends:
        await stage.lock_row(ends)
        sends = [asyncio.ensure_future(stage.post(stage.owner, "plug", "plug"))] * 2
        await stage.blocked()
        sends += [
            asyncio.ensure_future(stage.post(host, f"{n}", f"key {n}"))
            for n in range(10)
            for host in (stage.owner, stage.other)  # each key over both
        ]
        await stage.deciding(11)
        stage.owner.database.requests_flow.clear()
    await sends[0]  # so the ten behind it are asked for, in one statement, which is held back
    stage.owner.database.answers_flow.clear()
    stage.owner.database.requests_flow.set()
    await stage.rows(12)
    stage.owner.database.cut()
    stage.owner.database.flow()
    answers = await asyncio.gather(*sends)
    assert {status for status, _ in answers} == {201}
    told = {receipt["seq"]: n // 2 for n, (_, receipt) in enumerate(answers)}
    texts = ["plug", *map(str, range(10))]
    expected = [(1, "zero"), *((seq, texts[n]) for seq, n in sorted(told.items()))]
    assert len(expected) == 12
    assert await history(stage.ann, stage.channel) == expected
    await reader.follow(13)
    assert [(m.seq, m.text) for m in reader.messages] == expected


async def test_what_a_stopped_host_had_under_way_is_refused_when_it_wakes(
    stage: Stage, reader: StrictReader
) -> None:
    """As SIGSTOP and SIGCONT: its statement arrives when another host owns the channel."""
    stage.owner.database.requests_flow.clear()
    late = asyncio.ensure_future(stage.post(stage.owner, "late", "late"))
    await stage.deciding()
    stage.cluster.exclude(stage.owner)
    await stage.cluster.publish()
    status, receipt = await stage.post(stage.other, "next", "next")
    assert (status, receipt["seq"]) == (201, 2)
    stage.owner.database.flow()
    status, answer = await late  # refused, and asked again of the new owner if time was left
    assert status in (503, 504) or answer["seq"] == 3, answer  # nobody links to it any more
    await stage.until_left()
    status, receipt = await stage.post(stage.other, "late", "late")
    assert (status, receipt["seq"]) == (201, 3)
    await reader.follow(4)
    assert [message.text for message in reader.messages] == ["zero", "next", "late"]


async def test_a_poison_message_fails_alone_and_the_channel_lives(
    stage: Stage, reader: StrictReader
) -> None:
    """One that every check lets through and the database refuses, amid a batch of others."""
    check = "ALTER TABLE messages ADD CHECK (body <> 'poison')"
    await stage.cluster.pool.execute(check)
    texts = [*map(str, range(10)), "poison", *map(str, range(10, 20))]
    answers = await asyncio.gather(*(stage.post(stage.owner, text, text) for text in texts))
    told = dict(zip(texts, answers, strict=True))
    status, problem = told.pop("poison")
    assert (status, problem["code"]) == (400, "bad_request")
    assert "CHECK" not in str(problem)
    assert {status for status, _ in told.values()} == {201}
    expected = sorted((receipt["seq"], text) for text, (_, receipt) in told.items())
    assert await history(stage.ann, stage.channel) == [(1, "zero"), *expected]
    await reader.follow(22)
    assert [message.seq for message in reader.messages] == list(range(1, 22))


async def _socket(stage: Stage, url: str) -> Socket:
    """Beyond `ready`, at an address of one's own."""
    reader = StrictReader(stage.ann, stage.channel)
    await reader.connect(url)
    assert reader.socket is not None
    return reader.socket
