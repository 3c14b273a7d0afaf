"""A host's lease and view, on a clock of our own."""

import asyncio
from collections.abc import Callable

import pytest

from streamhub.cluster.membership import Membership
from streamhub.domain.cluster import HostEntry, LogEntry, View
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId
from streamhub.persistence.memory import InMemoryClusterStore

ME, OTHER = HostId("ho_me"), HostId("ho_other")
LEASE_S = 3.0


def entry(host: HostId) -> HostEntry:
    return HostEntry(id=host, node="n", address="127.0.0.1:1", pid=1)


def _nothing() -> None:
    """Happens while a store takes no time."""


class SlowStore(InMemoryClusterStore):
    """A store that can be away, take its time, and forget old entries."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.forgotten = 0
        self.meanwhile: Callable[[], None] = _nothing

    async def entries_after(self, number: int) -> tuple[LogEntry, ...]:
        if self.away:
            raise TryAgain("unavailable", "The database is away.")
        found = await super().entries_after(max(number, self.forgotten))
        self.meanwhile()
        return found

    def break_down(self) -> None:
        raise RuntimeError("a defect")


class Seat:
    """A host's membership and what it said."""

    def __init__(self, store: SlowStore) -> None:
        self.store = store
        self.now = 100.0
        self.left: list[str] = []
        self.views: list[int] = []
        self.entries: list[LogEntry] = []
        self.membership = Membership(
            ME, store, LEASE_S, on_left=self.left.append, clock=lambda: self.now
        )
        self.membership.on_view(self._saw)
        self.membership.on_entry(self.entries.append)

    def serves(self) -> bool:
        return self.membership.serving

    async def publish(self, *hosts: HostId) -> None:
        version = (await self.store.view()).version
        await self.store.publish(tuple(map(entry, hosts)), expected_version=version)

    async def _saw(self, view: View) -> None:
        self.views.append(view.version)


@pytest.fixture
async def seat() -> Seat:
    return Seat(SlowStore())


async def test_it_does_not_serve_before_it_is_in_the_view(seat: Seat) -> None:
    await seat.membership.read()
    assert not seat.serves()
    with pytest.raises(TryAgain, match="not in the view yet"):
        await seat.membership.check()


async def test_it_serves_once_it_is_in_the_view(seat: Seat) -> None:
    await seat.publish(ME, OTHER)
    await seat.membership.read()
    assert seat.serves()
    assert seat.views == [1]
    assert await seat.membership.check() == "version 1, 2 hosts"


async def test_owners_are_those_of_the_view(seat: Seat) -> None:
    actor = ActorId("channel", "ch_1")
    assert seat.membership.owner(actor) is None
    await seat.publish(ME)
    await seat.membership.read()
    assert seat.membership.owner(actor) == ME


async def test_without_reading_the_log_it_stops_serving_and_serves_again(seat: Seat) -> None:
    await seat.publish(ME)
    await seat.membership.read()
    seat.store.away = True
    seat.now += LEASE_S
    with pytest.raises(TryAgain):
        await seat.membership.read()
    assert not seat.serves()
    with pytest.raises(TryAgain, match=r"last read 3\.0 s ago"):
        await seat.membership.check()
    seat.store.away = False
    await seat.membership.read()
    assert seat.serves()
    assert seat.left == []


async def test_the_lease_counts_from_the_question_and_not_from_a_late_answer(seat: Seat) -> None:
    await seat.publish(ME)

    def answer_late() -> None:
        seat.now += 10.0

    seat.store.meanwhile = answer_late
    await seat.membership.read()
    assert not seat.serves()


async def test_a_host_that_left_the_view_must_end(seat: Seat) -> None:
    await seat.publish(ME, OTHER)
    await seat.membership.read()
    await seat.publish(OTHER)
    await seat.membership.read()
    assert seat.left == ["this host is no longer in the view"]
    assert not seat.serves()


async def test_a_host_that_was_never_in_the_view_waits(seat: Seat) -> None:
    await seat.publish(OTHER)
    await seat.membership.read()
    assert seat.left == []


async def test_a_host_for_which_the_log_went_on_too_far_must_end(seat: Seat) -> None:
    await seat.publish(ME)
    await seat.membership.read()
    for number in range(5):
        await seat.store.append("rights_changed", f"us_{number}")
    seat.store.forgotten = 3
    await seat.membership.read()
    assert seat.left == ["the cluster log went on without this host"]


async def test_every_other_entry_is_told_once_and_in_order(seat: Seat) -> None:
    await seat.store.append("sessions_revoked", "us_1")
    await seat.publish(ME)
    await seat.store.append("rights_changed", "us_2")
    await seat.membership.read()
    await seat.membership.read()
    assert [(e.kind, e.subject) for e in seat.entries] == [
        ("sessions_revoked", "us_1"),
        ("rights_changed", "us_2"),
    ]


async def test_what_was_logged_before_it_started_is_not_told(seat: Seat) -> None:
    await seat.store.append("rights_changed", "us_1")
    await seat.membership.start()
    await seat.membership.stop()
    await seat.membership.read()
    assert seat.entries == []


async def test_a_host_that_can_read_no_more_must_end(seat: Seat) -> None:
    await seat.publish(ME)
    await seat.membership.start()
    seat.store.meanwhile = seat.store.break_down
    seat.membership.look()
    await settle(20)
    assert seat.left == ["the cluster log cannot be read any more"]


@pytest.mark.parametrize("passes", range(6))
async def test_it_stops_even_when_a_new_view_comes_at_that_moment(seat: Seat, passes: int) -> None:
    await seat.membership.start()
    await settle(3)  # it waits for the event now
    seat.membership.look()
    await settle(passes)
    async with asyncio.timeout(5):
        await seat.membership.stop()


async def settle(passes: int) -> None:
    """Let so many passes of the event loop go by."""
    for _ in range(passes):
        await asyncio.sleep(0)
