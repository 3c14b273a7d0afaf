"""The journal's twin under faults and delays: what simulations rely on."""

import asyncio
from collections import deque
from collections.abc import Callable

import pytest
from support.stores import ChatStores, created, message

from streamhub.domain.changes import Committed, NotStored, Outcome
from streamhub.domain.channels import Loaded
from streamhub.domain.drafts import Draft
from streamhub.persistence.memory import (
    Fault,
    InMemoryChannelStore,
    InMemoryJournal,
    InMemoryOutbox,
    Tables,
)
from streamhub.persistence.memory.hiding import InMemoryHidingStore
from streamhub.persistence.memory.kept_drafts import InMemoryDraftStore
from streamhub.persistence.memory.notifications import InMemoryNotificationStore
from streamhub.persistence.memory.presence import InMemoryPresenceStore
from streamhub.persistence.memory.retention import InMemoryRetentionStore
from streamhub.persistence.memory.scheduling import InMemoryJobStore
from streamhub.persistence.memory.search import InMemorySearch

UNKNOWN = NotStored(reason="unknown")
UNAVAILABLE = NotStored(reason="unavailable")


class Stage:
    """A journal whose steps are run one by one, and whose next batch may get a fault."""

    def __init__(self) -> None:
        self.steps: deque[Callable[[], None]] = deque()
        self.faults: deque[Fault] = deque()
        self.batches: list[int] = []
        self.told: list[Outcome] = []
        tables = Tables()
        self.store = InMemoryChannelStore(tables)
        self.journal = InMemoryJournal(tables, self.steps.append, faults=self._fault)
        other = InMemoryJournal(tables, asyncio.get_running_loop().call_soon)
        search = InMemorySearch(tables)
        drafts = InMemoryDraftStore(tables)
        others = (
            InMemoryRetentionStore(tables),
            drafts,
            InMemoryNotificationStore(tables),
            InMemoryPresenceStore(tables),
            search,
            search,
            InMemoryJobStore(tables),
            InMemoryHidingStore(tables),
        )
        self.stores = ChatStores(self.store, other, InMemoryOutbox(tables), other, *others)
        self.alice = self.stores.user()

    def _fault(self, batch: tuple[Draft, ...]) -> Fault | None:
        self.batches.append(len(batch))
        return self.faults.popleft() if self.faults else None

    def submit(self, channel: Loaded, *texts: str) -> None:
        for text in texts:
            self.journal.submit(message(channel, self.alice, text, key=text), self.told.append)

    def run(self, steps: int = 1000) -> None:
        while self.steps and steps:
            self.steps.popleft()()
            steps -= 1

    async def texts(self, channel: Loaded) -> list[str]:
        history = await self.store.history(channel.channel.id, self.alice)
        assert history is not None
        return [one.text for one in history.messages]


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_what_arrives_while_a_batch_is_in_flight_is_the_next_batch(stage: Stage) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.submit(channel, "a", "b")
    stage.run(steps=1)
    stage.submit(channel, "c", "d")
    stage.submit(channel, "e")
    stage.run()
    assert stage.batches == [2, 3]
    assert [created(outcome).seq for outcome in stage.told] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("fault", "outcome", "stored"),
    [
        ("unavailable", UNAVAILABLE, []),
        ("lost", UNKNOWN, []),
        ("answer_lost", UNKNOWN, ["a"]),
        ("late", UNKNOWN, ["a"]),
    ],
)
async def test_a_fault(stage: Stage, fault: Fault, outcome: Outcome, stored: list[str]) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.faults.append(fault)
    stage.submit(channel, "a")
    stage.run(steps=1)
    stage.submit(channel, "behind")
    stage.run()
    assert stage.told == [outcome, UNAVAILABLE]
    assert await stage.texts(channel) == stored
    stage.submit(channel, "after")
    stage.run()
    assert stage.told[-1] == UNAVAILABLE, "what was not stored must not be overtaken"
    loaded = await stage.stores.take_over(channel.channel.id)
    stage.submit(loaded, "later")
    stage.run()
    assert isinstance(stage.told[-1], Committed)


async def test_loading_waits_for_a_batch_nobody_listens_to_any_more(stage: Stage) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.faults.append("late")
    stage.submit(channel, "a")
    stage.run(steps=2)
    assert stage.told == [UNKNOWN]
    loading = asyncio.create_task(stage.stores.take_over(channel.channel.id))
    await asyncio.sleep(0)
    assert not loading.done()
    stage.run()
    assert (await loading).head.seq == 1


async def test_a_loader_that_gave_up_holds_nothing(stage: Stage) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.submit(channel, "a")
    stage.run(steps=1)
    loading = asyncio.create_task(stage.stores.take_over(channel.channel.id))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    stage.run()
    assert (await stage.stores.take_over(channel.channel.id)).head.seq == 1


async def test_a_loader_cancelled_at_its_turn_holds_nothing(stage: Stage) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.submit(channel, "a")
    stage.run(steps=1)
    loading = asyncio.create_task(stage.stores.take_over(channel.channel.id))
    await asyncio.sleep(0)
    stage.run()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert (await stage.stores.take_over(channel.channel.id)).head.seq == 1


async def test_a_dead_host_hears_nothing_but_what_was_sent_is_committed(stage: Stage) -> None:
    channel = await stage.stores.channel(stage.alice)
    stage.submit(channel, "sent")
    stage.run(steps=1)
    stage.submit(channel, "queued")
    stage.journal.crash()
    stage.run()
    stage.submit(channel, "later")
    stage.run()
    assert stage.told == []
    assert await stage.texts(channel) == ["sent"]


async def test_an_older_owner_is_fenced(stage: Stage) -> None:
    older = await stage.stores.channel(stage.alice)
    newer = await stage.stores.take_over(older.channel.id)
    stage.submit(older, "old")
    stage.submit(newer, "new")
    stage.run()
    assert stage.told[0] == NotStored(reason="stale")
    assert created(stage.told[1]).seq == 1
