"""Asking actors from the edge: again, with the same key, while the answer says so."""

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


class Actors(Protocol):
    """The host's actor system; see `actors.system`."""

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float
    ) -> None: ...
    def tell(self, to: ActorId, message: Message) -> None: ...


class Asking:
    """Retries what moved, broke or timed out until it is answered or the time is up.

    Everything that is asked here may be asked twice: posts carry a key, the rest says what must
    be so.
    """

    def __init__(self, actors: Actors) -> None:
        self._actors = actors

    def tell(self, to: ActorId, message: Message) -> None:
        self._actors.tell(to, message)

    def ask(self, to: ActorId, message: Message, done: Callable[[Answer], None]) -> None:
        """`done` gets the answer at once when it comes: what follows it is newer."""
        _Question(self._actors, to, message, done).ask()

    async def request(self, to: ActorId, message: Message) -> Answer:
        """The answer. Raises StreamHubError for a problem."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ask(to, message, lambda a: None if future.done() else future.set_result(a))
        answer = await future
        if isinstance(answer, Problem):
            raise answer.error()
        return answer


class _Question:
    """One request until its answer. It is no pair of closures: those would refer to each other, and
    finding them all was a tenth of what a send costs."""

    __slots__ = ("_actors", "_deadline", "_delay_s", "_done", "_doubt", "_loop", "_message", "_to")

    def __init__(
        self, actors: Actors, to: ActorId, message: Message, done: Callable[[Answer], None]
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
        if isinstance(answer, Problem) and answer.code in _AGAIN:
            if answer.code in _IN_DOUBT:
                self._doubt = answer
            wait_s = self._delay_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            if self._loop.time() + wait_s < self._deadline:
                self._delay_s = min(_MOST_DELAY_S, self._delay_s * 2)
                self._loop.call_later(wait_s, self.ask)
                return
            answer = self._doubt or answer  # what may have been done stays so, whatever came later
        self._done(answer)
