"""Two hosts that both think they own a channel, and one that no longer knows what it owns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from support.chat_hosts import User
from support.faulty_hosts import FaultyCluster, FaultyHost, faulty_cluster, history, room
from support.polling import until
from support.strict_reader import StrictReader

from streamhub.domain.cluster import ClusterStore, HostEntry, LogEntry, View
from streamhub.domain.errors import TryAgain
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls

ELSEWHERE_WITHIN_S = 5.0


class HeldBackLog:
    """The log as a host reads it whose questions are not answered while `held`; its statements
    still are, so that it goes on as an owner."""

    def __init__(self, store: ClusterStore) -> None:
        self._store = store
        self.held = True

    async def entries_after(self, number: int) -> tuple[LogEntry, ...]:
        if self.held:
            raise TryAgain("unavailable", "held back by the test")
        return await self._store.entries_after(number)

    async def view(self) -> View:
        return await self._store.view()

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        return await self._store.publish(hosts, expected_version=expected_version)

    async def append(self, kind: str, subject: str) -> None:
        await self._store.append(kind, subject)

    async def newest_entry(self) -> int:
        return await self._store.newest_entry()

    async def epoch(self) -> int:
        return await self._store.epoch()


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        yield cluster


def _hold_back_log(host: FaultyHost) -> HeldBackLog:
    log = HeldBackLog(PostgresClusterStore(host._pool))
    host.membership._store = log
    return log


async def _post(user: User, channel: str, host: FaultyHost, text: str) -> tuple[int, str]:
    """Status and code (empty for 201), or 0 when the host hung up."""
    path, headers = f"/v1/channels/{channel}/messages", {"Idempotency-Key": text}
    with suppress(aiohttp.ClientError):
        status, answer = await user.rest("POST", path, {"text": text}, host=host, headers=headers)
        return status, answer.get("code", "")
    return 0, "gone"


async def test_of_two_owners_one_is_refused_and_its_clients_go_elsewhere(
    cluster: FaultyCluster,
) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    stale, owner = cluster.owners(channel)
    reader, stale_reader = StrictReader(ann, channel), StrictReader(ann, channel)
    await reader.connect(owner.url)
    await stale_reader.connect(stale.url)
    assert await _post(ann, channel, stale, "warm up") == (201, "")
    log = _hold_back_log(stale)
    cluster.exclude(stale)
    await cluster.publish()
    loop = asyncio.get_running_loop()
    excluded_s = loop.time()
    assert stale.membership.serving, "it still believes in itself"
    assert await _post(ann, channel, owner, "by the owner") == (201, "")
    late = [asyncio.ensure_future(_post(ann, channel, stale, f"late {n}")) for n in range(5)]
    assert await _post(ann, channel, owner, "again") == (201, "")
    loop.call_later(1, setattr, log, "held", False)
    with pytest.raises(ConnectionError, match="4401"):
        await stale_reader.follow(1000)
    assert loop.time() - excluded_s < ELSEWHERE_WITHIN_S
    answers = await asyncio.gather(*late)
    for n in range(5):
        assert await _post(ann, channel, owner, f"late {n}") == (201, "")
    texts = [text for _, text in await history(ann, channel)]
    assert sorted(texts) == sorted(
        ["warm up", "by the owner", "again", *(f"late {n}" for n in range(5))]
    )
    assert texts[:3] == ["warm up", "by the owner", "again"] or (201, "") in answers
    await reader.follow(9)
    assert [message.text for message in reader.messages] == texts
    assert [message.seq for message in reader.messages] == list(range(1, 9))
    seen = [message.text for message in stale_reader.messages]
    assert seen == texts[: len(seen)]


async def test_an_owner_that_cannot_read_the_log_answers_no_more_and_keeps_its_sockets(
    cluster: FaultyCluster,
) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    owner, other = cluster.owners(channel)
    reader = StrictReader(ann, channel)
    await reader.connect(owner.url)
    assert await _post(ann, channel, owner, "warm up") == (201, "")
    log = _hold_back_log(owner)

    async def has_lapsed() -> bool:
        return not owner.membership.serving

    await until(has_lapsed)
    answers = await asyncio.gather(
        _post(ann, channel, owner, "over"), _post(ann, channel, other, "and over")
    )
    assert set(answers) == {(503, "unavailable")}
    assert await history(ann, channel) == [(1, "warm up")]
    log.held = False
    owner.membership.look()
    assert await _post(ann, channel, owner, "over") == (201, "")
    await reader.follow(3)
    assert [message.text for message in reader.messages] == ["warm up", "over"]
    await reader.hang_up()
