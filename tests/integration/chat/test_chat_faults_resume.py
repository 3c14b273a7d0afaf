"""Coming back: after a cut at any byte, and whatever mix of pages and events it takes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, get_args

import pytest
from support.chat_hosts import ChatHost, User
from support.fault_proxy import Cut, fault_proxy
from support.faulty_hosts import FaultyCluster, faulty_cluster, room
from support.strict_reader import StrictReader

from streamhub.domain.changes import Change
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.protocol import frames
from streamhub.protocol.received import reply_body
from streamhub.protocol.tables import EVENTS

STEP_BYTES = 13


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        yield cluster


async def test_after_a_cut_at_any_byte_nothing_is_missing_and_nothing_comes_twice(
    cluster: FaultyCluster,
) -> None:
    """The reader connects with something to catch up, and something comes live; its connection
    ends after n bytes, for n from the first of the handshake to the last of the live event."""
    ann = await cluster.user()
    channel = await room(ann)
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        path, body = f"/v1/channels/{channel}/messages", {"text": f"text {sent}"}
        assert (await ann.rest("POST", path, body))[0] == 201

    async with fault_proxy(cluster.hosts[0].url) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"

        async def read(reader: StrictReader) -> None:
            await reader.connect(url)
            await reader.follow(sent + 1)
            await send()
            await reader.follow(sent + 1)

        await send()
        reader = StrictReader(ann, channel)
        await read(reader)
        at, whole = 0, False
        while not whole:
            held_before, seen_before = reader.held, len(reader.messages)
            await reader.hang_up()
            await send()
            proxy.cuts = partial(Cut, answers_bytes=at, reset=bool(at % 2))
            with suppress(ConnectionError):
                await read(reader)
                whole = True
            at += STEP_BYTES
            proxy.cuts = Cut
            await reader.connect(url)
            await reader.follow(sent + 1)
            assert len(reader.messages) - seen_before == reader.held - held_before
        assert [message.seq for message in reader.messages] == list(range(1, sent + 1))
        print(f"\n{at // STEP_BYTES} connections, cut after each {STEP_BYTES}th byte of {at}")
        assert at > 500
        await reader.hang_up()


class Script:
    """Does what makes each kind of durable event in a room."""

    def __init__(self, ann: User, bob: User, channel: str) -> None:
        self.ann = ann
        self.bob = bob
        self.path = f"/v1/channels/{channel}"
        self.newest = ""

    async def post(self) -> None:
        body = {"text": f"hi @{self.bob.handle}"}
        status, receipt = await self.ann.rest("POST", f"{self.path}/messages", body)
        assert status == 201
        self.newest = f"{self.path}/messages/{receipt['id']}"

    async def edit(self) -> None:
        assert (await self.ann.rest("PATCH", self.newest, {"text": "hi all"}))[0] == 200

    async def delete(self) -> None:
        assert (await self.ann.rest("DELETE", self.newest))[0] == 200

    async def join(self) -> None:
        body = {"users": [self.bob.id]}
        assert (await self.ann.rest("POST", f"{self.path}/members", body))[0] == 200

    async def leave(self) -> None:
        assert (await self.ann.rest("DELETE", f"{self.path}/members/{self.bob.id}"))[0] == 200

    async def promote(self) -> None:
        body = {"role": "moderator"}
        assert (await self.ann.rest("PATCH", f"{self.path}/members/{self.bob.id}", body))[0] == 200

    async def archive(self) -> None:
        assert (await self.ann.rest("POST", f"{self.path}/archive", {}))[0] == 200

    async def bring_back(self) -> None:
        assert (await self.ann.rest("POST", f"{self.path}/archive", {"archived": False}))[0] == 200


STEPS: Final[dict[str, Callable[[Script], Awaitable[None]]]] = {
    "message.created": Script.post,
    "message.updated": Script.edit,
    "message.deleted": Script.delete,
    "member.joined": Script.join,
    "member.left": Script.leave,
    "member.updated": Script.promote,
    "channel.archived": Script.archive,
    "channel.updated": Script.bring_back,
}
OF_PROPERTIES: Final = frozenset({"channel.archived", "channel.updated"})
"""What one kind of change is called."""

SKIPPED: Final = frozenset({"rev.skipped"})
"""What those hear of a change who may not see it."""

ORDER: Final = (
    *("message.created", "member.joined", "message.updated", "member.updated"),
    *("channel.archived", "channel.updated"),
    *("message.created", "member.left", "message.deleted"),
) * 2


def test_every_kind_of_durable_event_is_compared_with_a_snapshot() -> None:
    durable = {name for name, spec in EVENTS.items() if spec.durable}
    assert durable == STEPS.keys() | SKIPPED, "a new kind needs a step here"
    made = len(STEPS.keys() - OF_PROPERTIES) + 1
    assert len(get_args(Change)) == made, "a new change needs a step here"
    assert set(ORDER) == STEPS.keys()


async def test_snapshot_pages_and_events_are_a_fresh_snapshot(cluster: FaultyCluster) -> None:
    """One reader stays; for each step, one misses only it, and one misses all from it on."""
    ann, bob = await cluster.user(), await cluster.user()
    channel = await room(ann)
    script = Script(ann, bob, channel)
    urls = [host.url for host in cluster.hosts]
    stays = StrictReader(ann, channel)
    miss_one = [StrictReader(ann, channel) for _ in ORDER]
    miss_the_rest = [StrictReader(ann, channel) for _ in ORDER]
    readers = [stays, *miss_one, *miss_the_rest]
    for number, reader in enumerate(readers):
        await reader.connect(urls[number % 2])
    rev = 1
    for number, kind in enumerate(ORDER):
        for reader in (stays, *miss_one, *miss_the_rest[number:]):
            await reader.follow(rev)
        for reader in (miss_one[number], miss_the_rest[number]):
            await reader.hang_up()
        await STEPS[kind](script)
        rev += 1
        await miss_one[number].connect(urls[number % 2])
    for reader in miss_the_rest:
        await reader.connect(urls[0])
    fresh = await _snapshot(ann, channel, cluster.hosts[1])
    for reader in readers:
        await reader.follow(rev)
        assert _held(reader) == fresh
        await reader.hang_up()
    assert stays.kinds == {*STEPS, "sync.page"}
    assert miss_the_rest[0].kinds == {"sync.page"}


def _held(reader: StrictReader) -> tuple[object, ...]:
    assert len({message.id for message in reader.messages}) == len(reader.messages)
    present = [member for member in reader.members.values() if not member.left]
    return (
        reader.messages,
        sorted(present, key=lambda member: member.user),
        reader.held,
        reader.info,
    )


async def _snapshot(user: User, channel: str, host: ChatHost) -> tuple[object, ...]:
    """What somebody who comes only now is shown."""
    socket = await user.connect(host)
    history = await socket.command("message.history", frames.MessageHistory(channel=channel))
    members = await socket.command("member.list", frames.MemberList(channel=channel))
    info = await socket.command("channel.get", frames.ChannelGet(channel=channel))
    page = reply_body("message.history", history.body)
    listed = reply_body("member.list", members.body)
    assert isinstance(page, frames.History)
    assert isinstance(listed, frames.MemberPage)
    await socket.close()
    return (
        list(page.items),
        sorted(listed.items, key=lambda member: member.user),
        page.rev,
        reply_body("channel.get", info.body),
    )
