"""Work on a store, one piece after the other: what was asked last is what is kept last."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from streamhub.actors.context import Context, Token
from streamhub.domain.errors import StreamHubError
from streamhub.domain.messages import BROKEN, Problem

T = TypeVar("T")


class _Waiting(NamedTuple):
    work: Callable[[], Awaitable[Any]]
    then: Callable[[Any, Context], None]
    token: Token | None


class InTurn:
    """Part of an actor. `then` is given what its work came to, before the next one begins."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._busy = False

    def do(
        self,
        work: Callable[[], Awaitable[T]],
        then: Callable[[T, Context], None],
        token: Token | None,
        ctx: Context,
    ) -> None:
        """When it fails, `token` gets the problem, if somebody asked."""
        self._waiting.append(_Waiting(work, then, token))
        self._next(ctx)

    def _next(self, ctx: Context) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        work, then, token = self._waiting.popleft()

        def done(result: Any, ctx: Context) -> None:
            self._busy = False
            then(result, ctx)
            self._next(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._busy = False
            if token is not None:
                problem = Problem.of(error) if isinstance(error, StreamHubError) else BROKEN
                ctx.answer(token, problem)
            self._next(ctx)

        ctx.run(work, done, failed)
