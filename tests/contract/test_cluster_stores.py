"""What every store of the view and its log promises. Tests share a database, so all is relative."""

import asyncio
import re
from pathlib import Path

import pytest

from streamhub.domain.cluster import ClusterStore, HostEntry
from streamhub.domain.ids import HostId
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.memory import InMemoryClusterStore
from streamhub.persistence.postgres import Pool


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> ClusterStore:
    if request.param == "memory":
        return InMemoryClusterStore()
    return PostgresClusterStore(request.getfixturevalue("pool"))


def host(id: str) -> HostEntry:
    return HostEntry(id=HostId(id), node="node", address="127.0.0.1:1", pid=7, state="draining")


async def test_a_view_is_published_by_compare_and_set(store: ClusterStore) -> None:
    before = await store.view()
    hosts = (host("a"), host("b"))
    published = await store.publish(hosts, expected_version=before.version)
    assert published is not None
    assert (published.version, published.hosts) == (before.version + 1, hosts)
    assert await store.view() == published
    assert await store.publish((), expected_version=before.version) is None
    assert await store.publish((), expected_version=before.version + 2) is None
    assert await store.view() == published


async def test_of_many_who_publish_one_version_one_wins(store: ClusterStore) -> None:
    version = (await store.view()).version
    entry = await store.newest_entry()
    views = await asyncio.gather(
        *(store.publish((host(str(n)),), expected_version=version) for n in range(20))
    )
    (won,) = (view for view in views if view is not None)
    assert await store.view() == won
    (logged,) = await store.entries_after(entry)
    assert (logged.number, logged.kind, logged.subject) == (entry + 1, "view", str(version + 1))


async def test_a_reader_of_the_log_misses_nothing_that_others_write_meanwhile(
    store: ClusterStore,
) -> None:
    start = await store.newest_entry()
    writing = asyncio.gather(*(store.append("rights_changed", f"us_{n}") for n in range(200)))
    seen: list[str] = []
    last = start
    while len(seen) < 200:
        for entry in await store.entries_after(last):
            assert entry.number == last + 1
            last = entry.number
            seen.append(entry.subject)
        await asyncio.sleep(0)
    await writing
    assert sorted(seen) == sorted(f"us_{n}" for n in range(200))
    assert await store.newest_entry() == start + 200
    assert await store.entries_after(last) == ()


async def test_the_epoch_is_there(store: ClusterStore) -> None:
    assert await store.epoch() == 1


async def test_the_epoch_after_a_restore_is_what_operators_are_told_to_make_it(pool: Pool) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (statement,) = re.findall(r"-c '(UPDATE cluster_view .*)'", page)
    store = PostgresClusterStore(pool)
    before = await store.epoch()
    await pool.execute(statement)
    try:
        assert await store.epoch() == before + 1
    finally:
        await pool.execute("UPDATE cluster_view SET epoch = $1", before)
