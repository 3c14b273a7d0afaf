"""What a user sets for itself, one after the other: the last one said is the last one kept."""

from collections import deque
from typing import NamedTuple

from streamhub.actors.context import Context, Token
from streamhub.domain.channel_store import ChannelStore
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

    def __init__(self, user: UserId, store: ChannelStore, notifications: NotificationStore) -> None:
        self._user = user
        self._store = store
        self._notifications = notifications
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
