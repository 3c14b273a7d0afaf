"""The database of a simulation: the in-memory twins behind a connection that delays and fails.

Statements run in the database's own context: a host that dies does not take back what it sent.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from simulation.loop import NOBODY, Life

from streamhub.domain.changes import Hint, Outcome
from streamhub.domain.channels import Changes, Loaded, Overview, ReadMarker
from streamhub.domain.drafts import Draft
from streamhub.domain.errors import StreamHubError, TryAgain
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.reading import Marking
from streamhub.persistence.memory import (
    Fault,
    InMemoryChannelStore,
    InMemoryJournal,
    InMemoryOutbox,
    Tables,
)

Result = TypeVar("Result")


class Database:
    """One PostgreSQL, and what is wrong with it: nothing, until `trouble` says otherwise.

    `trouble` is the share of statements that fail, half of them after they were done; `away` is
    all of them; `slow_s` adds to each way.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.trouble = 0.0
        self.away = False
        self.slow_s = 0.0
        self.tables = Tables(lambda: int(_loop().time() * 1000))

    def heal(self) -> None:
        self.trouble, self.away, self.slow_s = 0.0, False, 0.0

    def delay_s(self) -> float:
        return self.random.uniform(0.0002, 0.002) + self.random.random() * self.slow_s

    def fails(self) -> bool:
        return self.away or (self.trouble > 0 and self.random.random() < self.trouble)

    def fault(self, batch: tuple[Draft, ...]) -> Fault | None:
        """What happens to a batch of the journal."""
        if not self.fails():
            return None
        faults: tuple[Fault, ...] = ("unavailable", "lost", "answer_lost", "late")
        return self.random.choice(faults[:2] if self.away else faults)

    def soon(self, step: Callable[[], None]) -> None:
        _loop().call_later(self.delay_s(), step, context=NOBODY)

    async def ask(self, statement: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Send a statement and wait for its answer. Raises TryAgain("unavailable")."""
        answer: asyncio.Future[Any] = _loop().create_future()
        lost = self.fails()
        done = not lost or (not self.away and self.random.random() < 0.5)

        def give(outcome: Any) -> None:
            if not answer.done():
                answer.set_result(outcome)

        def finished(outcome: Any) -> None:
            _loop().call_later(self.delay_s(), give, _AWAY if lost else outcome, context=NOBODY)

        def begin() -> None:
            if done:
                _carry_out(statement(), finished)
            else:
                finished(None)

        _loop().call_later(self.delay_s(), begin, context=NOBODY)
        result = await answer
        if result is _AWAY:
            raise TryAgain("unavailable", "the simulated database is away", retry_after_ms=500)
        if isinstance(result, StreamHubError):
            raise result
        return result  # type: ignore[no-any-return]


def _carry_out(statement: Coroutine[Any, Any, Any], finished: Callable[[Any], None]) -> None:
    """Run it as a task of the database would, without the cost of one: most wait for no lock."""

    def go_on(lock: "asyncio.Future[Any] | None" = None) -> None:
        try:
            waits_for = statement.send(None)
        except StopIteration as end:
            finished(end.value)
        except StreamHubError as refusal:
            finished(refusal)
        else:
            waits_for.add_done_callback(go_on, context=NOBODY)

    go_on()


_AWAY = object()


class SimulatedChannelStore(InMemoryChannelStore):
    """The channel store as one host reaches it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.tables)
        self._database = database

    async def take_over(self, channel: ChannelId, view: int) -> Loaded | None:
        return await self._database.ask(lambda: InMemoryChannelStore.take_over(self, channel, view))

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        return await self._database.ask(lambda: InMemoryChannelStore.overviews(self, user))

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        return await self._database.ask(lambda: InMemoryChannelStore.overview(self, channel, user))

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        return await self._database.ask(lambda: InMemoryChannelStore.heads(self, channels))

    async def memberships(self, users: Sequence[UserId]) -> Mapping[UserId, int]:
        return await self._database.ask(lambda: InMemoryChannelStore.memberships(self, users))

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        return await self._database.ask(
            lambda: InMemoryChannelStore.changes(self, channel, user, since, limit)
        )

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        return await self._database.ask(lambda: InMemoryChannelStore.mark_read(self, user, marks))


class SimulatedOutbox(InMemoryOutbox):
    """The outbox as one host reaches it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.tables)
        self._database = database

    async def due(self, older_than_ms: int, limit: int) -> tuple[Hint, ...]:
        return await self._database.ask(lambda: InMemoryOutbox.due(self, older_than_ms, limit))

    async def taken(self, numbers: Sequence[int], view: int) -> None:
        await self._database.ask(lambda: InMemoryOutbox.taken(self, numbers, view))


class SimulatedJournal(InMemoryJournal):
    """The journal of one host; its outcomes are heard in that host's life."""

    def __init__(self, database: Database, life: Life) -> None:
        super().__init__(database.tables, database.soon, faults=database.fault)
        self._life = life

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        super().submit(draft, lambda outcome: self._life.run(done, outcome))

    def _begin(self, channel: ChannelId) -> None:
        self._life.run(super()._begin, channel)  # a frozen host sends its next batch once it wakes


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
