# ruff: noqa: S608 - what is put into the statements are columns and conditions
"""What users are notified of, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Final

from streamhub.domain.channels import Level, Page
from streamhub.domain.ids import ChannelId, MessageId, NotificationId, UserId
from streamhub.domain.notifications import (
    EXCERPT,
    KEPT_READ_MS,
    MAX_UNREAD,
    Hears,
    Notification,
    Told,
)
from streamhub.persistence.gathered import Gathered
from streamhub.persistence.paging import before_notification, notification_cursor
from streamhub.persistence.postgres import Pool, Record
from streamhub.persistence.sql import load

_TAKE: Final = load("take_notifications")
_SHOWN: Final = """
    FROM notifications n
    JOIN members r ON r.channel_id = n.channel_id AND r.user_id = n.user_id AND r.left_at IS NULL
    LEFT JOIN messages m ON m.channel_id = n.channel_id AND m.seq = n.seq
    WHERE (n.seq IS NULL OR (m.seq > r.floor_seq AND m.deleted_at IS NULL))
"""
_COLUMNS: Final = (
    "n.id, n.kind, n.channel_id, n.by_id, n.created_at, n.read_at, m.id AS message_id, n.seq,"
    f" m.thread_id, left(m.body, {EXCERPT}) AS excerpt"
)
_BY_IDS: Final = f"""
    SELECT {_COLUMNS} {_SHOWN} AND n.id = ANY ($1::text[]) ORDER BY n.created_at, n.id
"""
_PAGE: Final = f"""
    SELECT {_COLUMNS} {_SHOWN} AND n.user_id = $1 AND (n.created_at, n.id) < ($2, $3)
    ORDER BY n.created_at DESC, n.id DESC
    LIMIT $4
"""
_UNREAD: Final = f"""
    SELECT n.user_id, count(*) {_SHOWN} AND n.user_id = ANY ($1::text[]) AND n.read_at IS NULL
      AND r.user_id = ANY ($1::text[])
    GROUP BY n.user_id
"""
_TIDY: Final = f"""
    DELETE FROM notifications t
    WHERE t.user_id = $1 AND t.channel_id = ANY ($2::text[])
      AND NOT EXISTS (SELECT {_SHOWN}
                        AND n.user_id = t.user_id AND n.channel_id = t.channel_id
                        AND n.place = t.place
                        AND (n.kind <> 'mention'
                             OR EXISTS (SELECT FROM mentions c
                                        WHERE c.user_id = n.user_id AND c.nth = m.nth
                                          AND c.channel_id = n.channel_id AND c.seq = n.seq)))
    RETURNING t.id
"""
_READ: Final = """
    UPDATE notifications SET read_at = $3
    WHERE user_id = $1 AND id = ANY ($2::text[]) AND read_at IS NULL
    RETURNING id
"""
_AT: Final = "SELECT created_at FROM notifications WHERE user_id = $1 AND id = $2"
_READ_UP_TO: Final = """
    UPDATE notifications SET read_at = $4
    WHERE user_id = $1 AND (created_at, id) <= ($2, $3) AND read_at IS NULL
    RETURNING id
"""
_READ_CHANNELS: Final = """
    UPDATE notifications n SET read_at = $4
    FROM unnest($2::text[], $3::bigint[]) AS upto(channel_id, seq)
    WHERE n.user_id = $1 AND n.channel_id = upto.channel_id AND n.read_at IS NULL
      AND (n.seq IS NULL OR n.seq <= upto.seq)
    RETURNING n.id
"""
_READ_THREAD: Final = """
    UPDATE notifications n SET read_at = $5
    FROM messages m
    WHERE n.user_id = $1 AND n.channel_id = $2 AND n.read_at IS NULL AND n.seq <= $4
      AND m.channel_id = n.channel_id AND m.seq = n.seq AND m.thread_id = $3
    RETURNING n.id
"""
_TRIM: Final = """
    DELETE FROM notifications
    WHERE id IN (SELECT n.id FROM notifications n
                 WHERE n.user_id = $1 AND n.read_at IS NULL
                 ORDER BY n.created_at DESC, n.id DESC
                 OFFSET $2)
"""
_SET_LEVEL: Final = """
    INSERT INTO notify_levels (user_id, channel_id, level, until)
    SELECT m.user_id, m.channel_id, $3, $4::bigint FROM members m
    WHERE m.channel_id = $2 AND m.user_id = $1 AND m.left_at IS NULL
    ON CONFLICT (user_id, channel_id) DO UPDATE SET level = excluded.level, until = excluded.until
    RETURNING true
"""
_LEVELS: Final = """
    SELECT channel_id, level, until FROM notify_levels
    WHERE user_id = $1 AND channel_id = ANY ($2::text[])
"""
_PRUNE: Final = """
    DELETE FROM notifications
    WHERE id IN (SELECT n.id FROM notifications n WHERE n.read_at <= $1 ORDER BY n.read_at LIMIT $2)
    RETURNING true
"""
_MOST_AT_ONCE: Final = 32


class PostgresNotificationStore:
    """Implements NotificationStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._unread = Gathered(self._all_unread, most=_MOST_AT_ONCE)

    async def take(
        self, user: UserId, told: Sequence[Told], now_ms: int
    ) -> tuple[Notification, ...]:
        columns = [list(column) for column in zip(*told, strict=True)]
        taken = _ids(await self._pool.fetch(_TAKE, user, *columns, now_ms))
        if not taken:
            return ()
        if await self.unread(user) > MAX_UNREAD:
            await self._pool.execute(_TRIM, user, MAX_UNREAD)
        return tuple(map(_notification, await self._pool.fetch(_BY_IDS, list(taken))))

    async def tidy(self, user: UserId, channels: Sequence[ChannelId]) -> tuple[NotificationId, ...]:
        return _ids(await self._pool.fetch(_TIDY, user, list(channels)))

    async def read(
        self, user: UserId, ids: Sequence[NotificationId], now_ms: int
    ) -> tuple[NotificationId, ...]:
        return _ids(await self._pool.fetch(_READ, user, list(ids), now_ms))

    async def read_up_to(
        self, user: UserId, last: NotificationId, now_ms: int
    ) -> tuple[NotificationId, ...] | None:
        at = await self._pool.fetchval(_AT, user, last)
        if at is None:
            return None
        return _ids(await self._pool.fetch(_READ_UP_TO, user, at, last, now_ms))

    async def read_channels(
        self, user: UserId, upto: Mapping[ChannelId, int], now_ms: int
    ) -> tuple[NotificationId, ...]:
        found = await self._pool.fetch(
            _READ_CHANNELS, user, list(upto), list(upto.values()), now_ms
        )
        return _ids(found)

    async def read_thread(
        self, user: UserId, channel: ChannelId, root: MessageId, upto: int, now_ms: int
    ) -> tuple[NotificationId, ...]:
        return _ids(await self._pool.fetch(_READ_THREAD, user, channel, root, upto, now_ms))

    async def unread(self, user: UserId) -> int:
        return await self._unread.get(user) or 0

    async def _all_unread(self, users: list[UserId]) -> Mapping[UserId, int]:
        return {user: count for user, count in await self._pool.fetch(_UNREAD, users)}

    async def page(self, user: UserId, cursor: str | None, limit: int) -> Page[Notification]:
        rows = await self._pool.fetch(_PAGE, user, *before_notification(cursor), limit + 1)
        items = tuple(map(_notification, rows[:limit]))
        return Page(items=items, next_cursor=notification_cursor(items, more=len(rows) > limit))

    async def set_level(
        self, user: UserId, channel: ChannelId, level: Level, until: int | None
    ) -> bool:
        return bool(await self._pool.fetchval(_SET_LEVEL, user, channel, level, until))

    async def levels(
        self, user: UserId, channels: Sequence[ChannelId]
    ) -> Mapping[ChannelId, Hears]:
        found = await self._pool.fetch(_LEVELS, user, list(channels))
        return {channel: Hears(level, until) for channel, level, until in found}

    async def prune(self, now_ms: int, limit: int) -> int:
        return len(await self._pool.fetch(_PRUNE, now_ms - KEPT_READ_MS, limit))


def _ids(rows: Sequence[Record]) -> tuple[NotificationId, ...]:
    return tuple(id for (id,) in rows)


def _notification(row: Record) -> Notification:
    return Notification(
        id=row["id"],
        kind=row["kind"],
        channel=row["channel_id"],
        by=row["by_id"],
        created_at=row["created_at"],
        read_at=row["read_at"],
        message=row["message_id"],
        seq=row["seq"],
        thread=row["thread_id"],
        excerpt=row["excerpt"] or "",
    )
