"""One request to an actor, asked until it is answered or the time is up."""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

from streamhub.domain.messages import ActorId, Answer, Message, Problem

WITHIN_S: Final = 8.0
_AGAIN: Final = frozenset({"moved", "unknown", "unavailable", "timeout"})
_IN_DOUBT: Final = frozenset({"unknown", "timeout"})
_FIRST_DELAY_S: Final = 0.02
_MOST_DELAY_S: Final = 1.0
_ONE_TRY_S: Final = 4.0


class Asked(Protocol):
    """Who passes requests on to actors; see `actors.system`."""

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float
    ) -> None: ...


class Question:
    """Its answer goes to `done`, once. It is no pair of closures: those would refer to each other,
    and finding them all was a tenth of what a send costs."""

    __slots__ = ("_actors", "_deadline", "_delay_s", "_done", "_doubt", "_loop", "_message", "_to")

    def __init__(
        self, actors: Asked, to: ActorId, message: Message, done: Callable[[Answer], None]
    ) -> None:
        self._actors = actors
        self._to = to
        self._message = message
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + WITHIN_S
        self._delay_s = _FIRST_DELAY_S
        self._doubt: Problem | None = None

    def ask(self) -> None:
        within_s = max(0.1, min(_ONE_TRY_S, self._deadline - self._loop.time()))
        self._actors.ask(self._to, self._message, self._answered, within_s)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, Problem) or answer.code not in _AGAIN:
            self._settle(answer)
            return
        if answer.code in _IN_DOUBT:
            self._doubt = answer
        wait_s = self._delay_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
        if self._loop.time() + wait_s < self._deadline:
            self._delay_s = min(_MOST_DELAY_S, self._delay_s * 2)
            self._again_in(wait_s)
        else:  # what may have been done stays so, whatever came later
            self._give_up(self._doubt or answer)

    def _again_in(self, wait_s: float) -> None:
        self._loop.call_later(wait_s, self.ask)

    def _settle(self, answer: Answer) -> None:
        self._done(answer)

    def _give_up(self, problem: Problem) -> None:
        self._done(problem)
