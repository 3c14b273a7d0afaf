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
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WITHIN_S
        delay_s = _FIRST_DELAY_S
        doubt: Problem | None = None

        def attempt() -> None:
            within_s = max(0.1, min(_ONE_TRY_S, deadline - loop.time()))
            self._actors.ask(to, message, answered, within_s)

        def answered(answer: Answer) -> None:
            nonlocal delay_s, doubt
            if isinstance(answer, Problem) and answer.code in _AGAIN:
                if answer.code in _IN_DOUBT:
                    doubt = answer
                wait_s = delay_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
                if loop.time() + wait_s < deadline:
                    delay_s = min(_MOST_DELAY_S, delay_s * 2)
                    loop.call_later(wait_s, attempt)
                    return
                answer = doubt or answer  # what may have been done stays so, whatever came later
            done(answer)

        attempt()

    async def request(self, to: ActorId, message: Message) -> Answer:
        """The answer. Raises StreamHubError for a problem."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ask(to, message, lambda a: None if future.done() else future.set_result(a))
        answer = await future
        if isinstance(answer, Problem):
            raise answer.error()
        return answer
