"""Asking actors from the edge: again, with the same key, while the answer says so."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from streamhub.domain.messages import ActorId, Answer, Message, Problem
from streamhub.transport.pipeline import Pipelines
from streamhub.transport.question import Asked, Question


class Actors(Asked, Protocol):
    """The host's actor system; see `actors.system`."""

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
        Question(self._actors, to, message, done).ask()

    def pipelines(self) -> Pipelines:
        """For the posts of one client, which are to keep their order."""
        return Pipelines(self._actors)

    async def request(self, to: ActorId, message: Message) -> Answer:
        """The answer. Raises StreamHubError for a problem."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ask(to, message, lambda a: None if future.done() else future.set_result(a))
        answer = await future
        if isinstance(answer, Problem):
            raise answer.error()
        return answer
