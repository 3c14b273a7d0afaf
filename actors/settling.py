"""What a user sets for itself, one after the other: the last one said is the last one kept."""

from collections.abc import Callable

from streamhub.actors.context import Context
from streamhub.actors.in_turn import InTurn
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Thread
from streamhub.domain.ids import UserId
from streamhub.domain.messages import (
    NOT_FOUND,
    MarkThread,
    NotifyUpdated,
    SetNotify,
    ThreadUpdated,
)
from streamhub.domain.notifications import NotificationStore


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
        self._turns = InTurn()

    def take(self, wish: MarkThread | SetNotify, ctx: Context) -> None:
        token = ctx.take_reply()

        def then(kept: ThreadUpdated | NotifyUpdated | None, ctx: Context) -> None:
            ctx.answer(token, kept or NOT_FOUND)
            if kept is not None:
                ctx.publish(kept)
            if isinstance(kept, ThreadUpdated) and isinstance(wish, MarkThread) and wish.seq:
                self._on_read(kept.thread, wish.seq, ctx)

        self._turns.do(lambda: self._keep(wish), then, token, ctx)

    async def _keep(self, wish: MarkThread | SetNotify) -> ThreadUpdated | NotifyUpdated | None:
        if isinstance(wish, MarkThread):
            thread = await self._store.mark_thread(
                self._user, wish.root, seq=wish.seq, following=wish.following
            )
            return None if thread is None else ThreadUpdated(thread=thread)
        channel, level, until = wish.channel, wish.level, wish.until
        kept = await self._notifications.set_level(self._user, channel, level, until)
        return NotifyUpdated(channel=channel, level=level, until=until) if kept else None
