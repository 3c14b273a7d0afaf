"""The twin of the store of notifications."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from streamhub.domain.channels import Level, Message, Page
from streamhub.domain.ids import ChannelId, MessageId, NotificationId, UserId
from streamhub.domain.notifications import (
    EXCERPT,
    KEPT_READ_MS,
    MAX_UNREAD,
    Hears,
    Notification,
    Told,
)
from streamhub.persistence.memory.tables import ChannelRows, Tables
from streamhub.persistence.paging import before_notification, notification_cursor


class InMemoryNotificationStore:
    """Implements NotificationStore on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def take(
        self, user: UserId, told: Sequence[Told], now_ms: int
    ) -> tuple[Notification, ...]:
        taken = [one for each in told if (one := self._take(user, each, now_ms)) is not None]
        unread = [one for one in self._newest(user) if one.read_at is None]
        self._forget(user, {one.id for one in unread[MAX_UNREAD:]})
        return tuple(taken)

    async def tidy(self, user: UserId, channels: Sequence[ChannelId]) -> tuple[NotificationId, ...]:
        gone = {
            one.id
            for one in self._mine(user).values()
            if one.channel in channels and not self._stands(user, one)
        }
        self._forget(user, gone)
        return tuple(gone)

    async def read(
        self, user: UserId, ids: Sequence[NotificationId], now_ms: int
    ) -> tuple[NotificationId, ...]:
        mine = self._mine(user).values()
        return self._mark(user, [one for one in mine if one.id in ids], now_ms)

    async def read_up_to(
        self, user: UserId, last: NotificationId, now_ms: int
    ) -> tuple[NotificationId, ...] | None:
        mine = self._mine(user).values()
        place = next(((one.created_at, one.id) for one in mine if one.id == last), None)
        if place is None:
            return None
        return self._mark(user, [one for one in mine if (one.created_at, one.id) <= place], now_ms)

    async def read_channels(
        self, user: UserId, upto: Mapping[ChannelId, int], now_ms: int
    ) -> tuple[NotificationId, ...]:
        mine = self._mine(user).values()
        read = [one for one in mine if one.channel in upto and (one.seq or 0) <= upto[one.channel]]
        return self._mark(user, read, now_ms)

    async def read_thread(
        self, user: UserId, channel: ChannelId, root: MessageId, upto: int, now_ms: int
    ) -> tuple[NotificationId, ...]:
        shown = (self._shown(user, one) for one in self._mine(user).values())
        read = [
            one
            for one in shown
            if one is not None and (one.channel, one.thread) == (channel, root)
            if (one.seq or 0) <= upto
        ]
        return self._mark(user, read, now_ms)

    async def unread(self, user: UserId) -> int:
        return sum(one.read_at is None for one in self._newest(user))

    async def page(self, user: UserId, cursor: str | None, limit: int) -> Page[Notification]:
        below = before_notification(cursor)
        found = [one for one in self._newest(user) if (one.created_at, one.id) < below]
        items = tuple(found[:limit])
        return Page(items=items, next_cursor=notification_cursor(items, more=len(found) > limit))

    async def set_level(
        self, user: UserId, channel: ChannelId, level: Level, until: int | None
    ) -> bool:
        rows = self._tables.channels.get(channel)
        row = rows.present(user) if rows is not None else None
        if row is None:
            return False
        row.notify, row.notify_until = level, until
        return True

    async def levels(
        self, user: UserId, channels: Sequence[ChannelId]
    ) -> Mapping[ChannelId, Hears]:
        rows = {
            channel: row
            for channel in channels
            if channel in self._tables.channels
            and (row := self._tables.channels[channel].members.get(user)) is not None
        }
        return {
            channel: Hears(row.notify, row.notify_until)
            for channel, row in rows.items()
            if row.notify is not None
        }

    async def prune(self, now_ms: int, limit: int) -> int:
        before = now_ms - KEPT_READ_MS
        due = [
            (one.read_at, user, one.id)
            for user, mine in self._tables.notifications.items()
            for one in mine.values()
            if one.read_at is not None and one.read_at <= before
        ]
        for _, user, id in sorted(due)[:limit]:
            self._forget(user, {id})
        return min(len(due), limit)

    # -- private ----------------------------------------------------------------------------

    def _take(self, user: UserId, told: Told, now_ms: int) -> Notification | None:
        rows = self._tables.channels.get(told.channel)
        row = rows.present(user) if rows is not None else None
        if rows is None or row is None:
            return None
        by = told.by
        if told.seq is not None:
            message = _readable(rows, user, told.seq)
            silent = row.notify == "none" and (row.notify_until or now_ms + 1) > now_ms
            if message is None or silent:
                return None
            if told.kind == "mention" and message.nth not in rows.mentions.get(user, ()):
                return None
            by = message.author
        mine, place = self._mine(user), (told.channel, told.place)
        before = mine.get(place)
        if before is not None and (told.place or (before.seq or 0) >= (told.seq or 0)):
            return None
        read = told.seq is not None and told.seq <= row.read_seq
        if by is None:
            return None
        mine[place] = Notification(
            id=before.id if before else told.id,
            kind=told.kind,
            channel=told.channel,
            by=by,
            created_at=now_ms,
            read_at=now_ms if read else None,
            seq=told.seq,
        )
        return self._shown(user, mine[place])

    def _shown(self, user: UserId, kept: Notification) -> Notification | None:
        """With its message as it is now, if the user may see it."""
        rows = self._tables.channels[kept.channel]
        if rows.present(user) is None or kept.seq is None:
            return kept if rows.present(user) else None
        message = _readable(rows, user, kept.seq)
        if message is None:
            return None
        return replace(
            kept, message=message.id, thread=message.thread, excerpt=message.text[:EXCERPT]
        )

    def _stands(self, user: UserId, kept: Notification) -> bool:
        if self._shown(user, kept) is None:
            return False
        rows = self._tables.channels[kept.channel]
        if kept.kind != "mention" or kept.seq is None:
            return True
        return rows.nth_of(kept.seq) in rows.mentions.get(user, ())

    def _newest(self, user: UserId) -> list[Notification]:
        shown = (self._shown(user, one) for one in self._mine(user).values())
        found = [one for one in shown if one is not None]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def _mark(
        self, user: UserId, some: Sequence[Notification], now_ms: int
    ) -> tuple[NotificationId, ...]:
        unread = {one.id for one in some if one.read_at is None}
        mine = self._mine(user)
        for place, one in mine.items():
            if one.id in unread:
                mine[place] = replace(one, read_at=now_ms)
        return tuple(sorted(unread))

    def _forget(self, user: UserId, gone: set[NotificationId]) -> None:
        mine = self._mine(user)
        for place in [place for place, one in mine.items() if one.id in gone]:
            del mine[place]

    def _mine(self, user: UserId) -> dict[tuple[ChannelId, int], Notification]:
        return self._tables.notifications.setdefault(user, {})


def _readable(rows: ChannelRows, user: UserId, seq: int) -> Message | None:
    row = rows.present(user)
    if row is None or not max(row.member.floor_seq, rows.channel.gone_seq) < seq <= rows.head.seq:
        return None
    message = rows.at(seq)
    return None if message.deleted_at is not None else message
