"""The ring: the newest changes, dense, within a count and a host's budget."""

import pytest

from streamhub.actors import ring
from streamhub.actors.ring import Ring, RingBudget
from streamhub.domain.changes import MembersLeft
from streamhub.domain.ids import ChannelId

CHANNEL = ChannelId("ch_a")


def change(rev: int) -> MembersLeft:
    return MembersLeft(channel=CHANNEL, rev=rev, members=())


def filled(budget: RingBudget, first: int, last: int) -> Ring:
    made = Ring(budget, first - 1)
    for rev in range(first, last + 1):
        made.append(change(rev))
    return made


def revs(made: Ring, since: int) -> list[int] | None:
    changes = made.after(since)
    return None if changes is None else [one.rev for one in changes]


def test_it_gives_all_that_came_after_a_rev() -> None:
    made = filled(RingBudget(), 5, 8)
    assert revs(made, 4) == [5, 6, 7, 8]
    assert revs(made, 6) == [7, 8]
    assert revs(made, 8) == []


@pytest.mark.parametrize("since", [-1, 0, 3, 9])
def test_it_gives_nothing_when_it_has_not_all(since: int) -> None:
    assert filled(RingBudget(), 5, 8).after(since) is None


def test_an_empty_one_knows_where_it_stands() -> None:
    made = Ring(RingBudget(), 7)
    assert revs(made, 7) == []
    assert made.after(6) is None


def test_it_forgets_its_oldest_beyond_its_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "MAX_CHANGES", 3)
    made = filled(RingBudget(), 1, 5)
    assert revs(made, 2) == [3, 4, 5]
    assert made.after(1) is None


def test_it_forgets_its_own_oldest_when_the_host_has_no_room() -> None:
    budget = RingBudget(limit_bytes=3_000)
    quiet = filled(budget, 1, 2)
    busy = filled(budget, 1, 10)
    assert budget.used_bytes <= budget.limit_bytes
    assert revs(quiet, 0) == [1, 2]
    assert revs(busy, 7) == [8, 9, 10]
    assert busy.after(6) is None


def test_without_any_room_it_still_counts() -> None:
    budget = RingBudget(limit_bytes=0)
    made = filled(budget, 1, 3)
    assert (revs(made, 3), made.after(2), budget.used_bytes) == ([], None, 0)


def test_cleared_it_gives_its_memory_back() -> None:
    budget = RingBudget()
    made, other = filled(budget, 1, 3), filled(budget, 1, 1)
    before = budget.used_bytes
    made.clear()
    assert budget.used_bytes == before // 4
    assert (made.after(2), revs(made, 3), revs(other, 0)) == (None, [], [1])
