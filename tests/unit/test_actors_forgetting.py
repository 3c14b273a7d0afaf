"""Forgetting what was read long ago: by one host, in batches, and again when the store is back."""

from collections.abc import Sequence
from typing import cast

import pytest

from streamhub.actors import forgetting
from streamhub.actors.forgetting import Forgetting
from streamhub.actors.ports import Directory
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.notifications import NotificationStore

HERE = HostId("ho_here")


class Store:
    """Has so many that are due, or is away."""

    def __init__(self, due: int) -> None:
        self.due = due
        self.asked: list[int] = []
        self.away = False

    async def prune(self, now_ms: int, limit: int) -> int:
        if self.away:
            raise TryAgain("unavailable", "away", retry_after_ms=1)
        self.asked.append(now_ms)
        gone = min(self.due, limit)
        self.due -= gone
        return gone


def job(store: Store) -> Forgetting:
    directory = cast(Directory, None)  # only `run` asks whose duty it is
    return Forgetting(HERE, cast(NotificationStore, store), directory, lambda: 7)


@pytest.mark.parametrize(("due", "batches"), [(0, [7]), (2, [7]), (3, [7, 7]), (7, [7, 7, 7])])
async def test_all_that_is_due_goes_in_batches(
    monkeypatch: pytest.MonkeyPatch, due: int, batches: Sequence[int]
) -> None:
    monkeypatch.setattr(forgetting, "_LIMIT", 3)
    store = Store(due)
    assert await job(store).forget() == due
    assert (store.due, store.asked) == (0, batches)


async def test_while_the_store_is_away_it_waits_for_the_next_time() -> None:
    store = Store(2)
    store.away = True
    assert await job(store).forget() == 0
    store.away = False
    assert await job(store).forget() == 2
