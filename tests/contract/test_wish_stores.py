"""What every store of wishes promises. Tests share a database: each takes its wishes back."""

import asyncio
import time

import pytest

from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry, Sign, WishStore
from streamhub.persistence.memory import InMemoryWishStore
from streamhub.persistence.wishes import PostgresWishStore

A, B = HostId("ho_a"), HostId("ho_b")
SIGN = Sign(
    pid=7,
    node="n",
    version="1.2.3",
    ready=1,
    wanted=2,
    problem='it says "no"',
    nodes=(NodeEntry(id="n", address="10.0.0.1"), NodeEntry(id="m", address="x", carries=False)),
)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> WishStore:
    if request.param == "memory":
        return InMemoryWishStore(time.monotonic)
    return PostgresWishStore(request.getfixturevalue("pool"))


async def test_wishes_last_until_they_are_taken_back(store: WishStore) -> None:
    await store.wish_hosts_per_node(5)
    await store.wish_drained("n", True)
    await store.wish_drained("m", True)
    await store.wish_drained("n", True)
    await store.wish_gone(A)
    await store.wish_gone(B)
    await store.wish_gone(A)
    await store.wish_down(True)
    wishes = await store.wishes()
    assert wishes.hosts_per_node == 5
    assert wishes.drained == {"n", "m"}
    assert wishes.leaving == {A, B}
    assert wishes.down

    await store.wish_hosts_per_node(None)
    await store.wish_drained("n", False)
    await store.wish_drained("n", False)
    await store.forget(frozenset({A, HostId("ho_never_there")}))
    await store.wish_down(False)
    wishes = await store.wishes()
    assert wishes.hosts_per_node is None
    assert wishes.drained == {"m"}
    assert wishes.leaving == {B}
    assert not wishes.down

    await store.wish_drained("m", False)
    await store.forget(frozenset({B}))


async def test_wishes_made_at_once_are_all_kept(store: WishStore) -> None:
    hosts = [HostId(f"ho_{number}") for number in range(20)]
    await asyncio.gather(*map(store.wish_gone, hosts))
    assert (await store.wishes()).leaving == frozenset(hosts)
    await store.forget(frozenset(hosts))
    assert (await store.wishes()).leaving == frozenset()


async def test_a_supervisor_leaves_a_sign_and_reads_the_wishes_at_once(store: WishStore) -> None:
    await store.wish_gone(A)
    wishes = await store.attend(SIGN)
    assert wishes == await store.wishes()
    assert wishes.leaving == {A}
    last = await store.last_sign()
    assert last is not None
    assert last.sign == SIGN
    assert 0 <= last.age_s < 60
    await store.forget(frozenset({A}))


async def test_the_newest_sign_counts(store: WishStore) -> None:
    await store.attend(SIGN)
    other = Sign(pid=8, node="m", version="1", ready=0, wanted=0)
    await store.attend(other)
    last = await store.last_sign()
    assert last is not None
    assert last.sign == other


async def test_before_the_first_sign_there_is_none() -> None:
    assert await InMemoryWishStore(time.monotonic).last_sign() is None
