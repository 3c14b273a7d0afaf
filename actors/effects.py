"""The effects of one handler call: collected while it runs, performed in order after it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from streamhub.actors.cell import Cell
from streamhub.actors.context import Token
from streamhub.actors.interest import Interests
from streamhub.actors.ports import Clock
from streamhub.domain.changes import Change, Journal, NotStored, Settled
from streamhub.domain.drafts import Draft
from streamhub.domain.envelopes import Changed, Passed
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import RANDOM_BYTES, HostId, make_id
from streamhub.domain.messages import (
    UNKNOWN,
    ActorId,
    Answer,
    AwayChanged,
    Message,
    Passing,
    Problem,
)


class _System(Protocol):
    """What effects are done with; see `ActorSystem`."""

    host: HostId
    clock: Clock
    journal: Journal
    interests: Interests

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float = ...
    ) -> None: ...
    def tell(self, to: ActorId, message: Message) -> None: ...
    def settle(self, token: Token | None, answer: Answer) -> None: ...
    def drop(self, cell: Cell, answer: Problem) -> None: ...
    def complete(self, cell: Cell, then: Callable[..., None], *result: Any) -> None: ...
    def spawn(
        self, work: Awaitable[Any], done: Callable[["asyncio.Future[Any]"], None]
    ) -> None: ...


class Effects:
    """The `Context` of one handler call, and what became of it."""

    __slots__ = ("_cell", "_effects", "_system", "_token", "replied")

    def __init__(self, system: _System, cell: Cell, token: Token | None) -> None:
        self._system = system
        self._cell = cell
        self._token = token
        self._effects: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.replied = False

    @property
    def now_ms(self) -> int:
        return self._system.clock.now_ms()

    def new_id(self, prefix: str) -> str:
        clock = self._system.clock
        return make_id(prefix, clock.now_ms(), clock.random_bytes(RANDOM_BYTES))

    def reply(self, answer: Answer) -> None:
        self._claim()
        self._effects.append((self._system.settle, (self._token, answer)))

    def take_reply(self) -> Token:
        self._claim()
        token = self._token or Token(self._system.host, 0)
        self._effects.append((self._cell.owed.add, (token,)))
        return token

    def answer(self, token: Token, answer: Answer) -> None:
        self._effects.append((self._answer, (token, answer)))

    def tell(self, to: ActorId, message: Message) -> None:
        self._effects.append((self._system.tell, (to, message)))

    def ask(
        self,
        to: ActorId,
        message: Message,
        then: Callable[..., None],
        failed: Callable[..., None],
        within_s: float = 5.0,
    ) -> None:
        self._effects.append((self._ask, (to, message, then, failed, within_s)))

    def store(self, draft: Draft, then: Callable[..., None], failed: Callable[..., None]) -> None:
        self._effects.append((self._store, (draft, then, failed)))

    def publish(self, event: Change | Passing | AwayChanged, term: int = 0) -> None:
        self._effects.append((self._publish, (event, term)))

    def run(
        self,
        work: Callable[[], Awaitable[Any]],
        then: Callable[..., None],
        failed: Callable[..., None],
    ) -> None:
        self._effects.append((self._run, (work, then, failed)))

    def timer(self, after_s: float, then: Callable[..., None]) -> None:
        self._effects.append((self._timer, (after_s, then)))

    def drop(self) -> None:
        self._effects.append((self._system.drop, (self._cell, UNKNOWN)))

    def perform(self) -> None:
        self._cell.used_at = asyncio.get_running_loop().time()
        effects, self._effects = self._effects, []  # they refer to us: leave no cycle behind
        for effect, arguments in effects:
            effect(*arguments)

    def _claim(self) -> None:
        if self.replied:
            raise RuntimeError("a request is answered once")
        self.replied = True

    def _answer(self, token: Token, answer: Answer) -> None:
        self._cell.owed.discard(token)
        self._system.settle(token, answer)

    def _ask(
        self,
        to: ActorId,
        message: Message,
        then: Callable[..., None],
        failed: Callable[..., None],
        within_s: float,
    ) -> None:
        system, cell = self._system, self._cell
        cell.waiting += 1

        def done(answer: Answer) -> None:
            if isinstance(answer, Problem):
                system.complete(cell, failed, answer.error())
            else:
                system.complete(cell, then, answer)

        system.ask(to, message, done, within_s)

    def _store(self, draft: Draft, then: Callable[..., None], failed: Callable[..., None]) -> None:
        system, cell = self._system, self._cell
        cell.waiting += 1

        def done(outcome: Settled | NotStored) -> None:
            system.complete(cell, failed if isinstance(outcome, NotStored) else then, outcome)

        system.journal.submit(draft, done)

    def _publish(self, event: Change | Passing | AwayChanged, term: int) -> None:
        topic = str(self._cell.id)
        if isinstance(event, Change):
            self._system.interests.publish(Changed(topic=topic, term=term, change=event))
        else:
            self._system.interests.publish(Passed(topic=topic, event=event))

    def _run(
        self,
        work: Callable[[], Awaitable[Any]],
        then: Callable[..., None],
        failed: Callable[..., None],
    ) -> None:
        system, cell = self._system, self._cell
        cell.waiting += 1

        def done(future: "asyncio.Future[Any]") -> None:
            if future.cancelled():
                system.complete(cell, failed, TryAgain("unknown", "the work was given up"))
            elif (error := future.exception()) is not None:
                system.complete(cell, failed, error)
            else:
                system.complete(cell, then, future.result())

        system.spawn(work(), done)

    def _timer(self, after_s: float, then: Callable[..., None]) -> None:
        self._cell.waiting += 1
        loop = asyncio.get_running_loop()
        loop.call_later(after_s, self._system.complete, self._cell, then)
