"""What a user sets for itself, one after the other: the last one said is the last one kept."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from streamhub.actors.context import Context, Token
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Thread
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import UserId
from streamhub.domain.messages import (
    BROKEN,
    NOT_FOUND,
    MarkThread,
    NotifyUpdated,
    Problem,
    SetNotify,
    ThreadUpdated,
)
from streamhub.domain.notifications import NotificationStore


class _Waiting(NamedTuple):
    wish: MarkThread | SetNotify
    token: Token


class Settling:
    """Part of the inbox: markers of threads and how much of channels is heard of, published to all
    of the user's sessions once they are kept."""

    def __init__(
        self,
        user: UserId,
        store: ChannelStore,
        notifications: NotificationStore,
        on_read: Callable[[Thread, int, Context], None],
    ) -> None:
        """`on_read` is told that a thread was read up to that seq."""
        self._user = user
        self._store = store
        self._notifications = notifications
        self._on_read = on_read
        self._waiting: deque[_Waiting] = deque()
        self._busy = False

    def take(self, wish: MarkThread | SetNotify, ctx: Context) -> None:
        self._waiting.append(_Waiting(wish, ctx.take_reply()))
        self._next(ctx)

    def _next(self, ctx: Context) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        wish, token = self._waiting.popleft()

        def then(kept: ThreadUpdated | NotifyUpdated | None, ctx: Context) -> None:
            self._busy = False
            ctx.answer(token, kept or NOT_FOUND)
            if kept is not None:
                ctx.publish(kept)
            if isinstance(kept, ThreadUpdated) and isinstance(wish, MarkThread) and wish.seq:
                self._on_read(kept.thread, wish.seq, ctx)
            self._next(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._busy = False
            ctx.answer(token, Problem.of(error) if isinstance(error, StreamHubError) else BROKEN)
            self._next(ctx)

        ctx.run(lambda: self._keep(wish), then, failed)

    async def _keep(self, wish: MarkThread | SetNotify) -> ThreadUpdated | NotifyUpdated | None:
        if isinstance(wish, MarkThread):
            thread = await self._store.mark_thread(
                self._user, wish.root, seq=wish.seq, following=wish.following
            )
            return None if thread is None else ThreadUpdated(thread=thread)
        channel, level, until = wish.channel, wish.level, wish.until
        kept = await self._notifications.set_level(self._user, channel, level, until)
        return NotifyUpdated(channel=channel, level=level, until=until) if kept else None
