"""What one turn of an inbox does to its user's notifications."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from streamhub.domain.changes import Hint
from streamhub.domain.ids import ChannelId, MessageId, NotificationId, UserId
from streamhub.domain.messages import ReadNotifications
from streamhub.domain.notifications import Notification, NotificationStore, told_by


class Notices(NamedTuple):
    """What became of them. `known`: whether there is what each request names; `unread` None:
    nobody asked, and nothing changed."""

    created: Sequence[Notification] = ()
    gone: Sequence[NotificationId] = ()
    known: Sequence[bool] = ()
    unread: int | None = None


class Notifying:
    """Part of the inbox: one turn after the other, so no count is older than the one before it."""

    def __init__(self, user: UserId, store: NotificationStore) -> None:
        self._user = user
        self._store = store

    async def turn(
        self,
        hints: Sequence[Hint],
        read: Mapping[ChannelId, int],
        threads: Mapping[tuple[ChannelId, MessageId], int],
        asked: Sequence[ReadNotifications],
        now_ms: int,
        new_id: Callable[[], NotificationId],
    ) -> Notices:
        """Take what hints tell of, forget what is gone, and mark as read: in channels and threads
        up to these seqs, and what requests name. Raises TryAgain."""
        created: Sequence[Notification] = ()
        gone: list[NotificationId] = []
        if told := told_by(hints, new_id):
            created = await self._store.take(self._user, told, now_ms)
        channels = list(dict.fromkeys(hint.channel for hint in hints if hint.kind in _ENDS))
        if channels:
            gone += await self._store.tidy(self._user, channels)
        if read:
            gone += await self._store.read_channels(self._user, read, now_ms)
        for (channel, root), seq in threads.items():
            gone += await self._store.read_thread(self._user, channel, root, seq, now_ms)
        known = [await self._read(one, gone, now_ms) for one in asked]
        unread = None
        if created or gone or asked:
            unread = await self._store.unread(self._user)
        still = [one for one in created if one.id not in gone and one.read_at is None]
        return Notices(still, gone, known, unread)

    async def _read(
        self, asked: ReadNotifications, gone: list[NotificationId], now_ms: int
    ) -> bool:
        if asked.up_to is None:
            gone += await self._store.read(self._user, asked.notifications, now_ms)
            return True
        read = await self._store.read_up_to(self._user, asked.up_to, now_ms)
        gone += read or ()
        return read is not None


_ENDS = frozenset({"unmentioned", "channel_removed"})
"""Hints after which something may be gone."""
