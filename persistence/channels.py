# ruff: noqa: S608 - what is put into the statements are lists of columns
"""Channels, members and messages in PostgreSQL: everything that is read, and creating."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from streamhub.domain.channel_store import newer_owner
from streamhub.domain.channels import (
    LOOKED_BACK,
    MAX_SAVED,
    MAX_SEEN,
    Changes,
    Channel,
    Edition,
    Head,
    History,
    Loaded,
    Member,
    Message,
    Overview,
    Page,
    ReadMarker,
    Saved,
    SeenUpTo,
    Thread,
    Wrote,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.reading import Marking
from streamhub.persistence.gathered import Gathered
from streamhub.persistence.paging import (
    after_banned,
    after_channel,
    after_member,
    banned_cursor,
    before_pin,
    before_saved,
    before_thread,
    channel_cursor,
    member_cursor,
    page_of,
    pin_cursor,
    saved_cursor,
    thread_cursor,
    window,
)
from streamhub.persistence.postgres import Pool, Record
from streamhub.persistence.rows import (
    CHANNEL_COLUMNS,
    MEMBER_COLUMNS,
    MESSAGE_COLUMNS,
    channel_of,
    edition_of,
    member_of,
    message_of,
)
from streamhub.persistence.sql import load

_CREATE: Final = load("create_channel")
_CREATED: Final = f"""
    SELECT c.create_digest, {CHANNEL_COLUMNS} FROM channels c
    WHERE c.created_by = $1 AND c.create_key = $2
"""
_OPEN_DIRECT: Final = load("open_direct")
_DIRECT: Final = f"SELECT {CHANNEL_COLUMNS} FROM channels c WHERE c.users = $1"
# Waits for a batch in flight: after it nobody else can commit, so the head is exact. The view is
# compared again after the wait.
_TAKE_OVER: Final = f"""
    UPDATE channels c SET term = term + 1, view = $2 WHERE id = $1 AND view <= $2
    RETURNING c.term, c.rev, c.seq, c.nth, {CHANNEL_COLUMNS}
"""
_PRESENT: Final = f"""
    SELECT {MEMBER_COLUMNS} FROM members m WHERE m.channel_id = $1 AND m.left_at IS NULL
    ORDER BY m.joined_at, m.user_id
"""
_BANNED_ONES: Final = """
    SELECT m.user_id FROM members m WHERE m.channel_id = $1 AND m.banned_at IS NOT NULL
"""
_WROTE: Final = """
    SELECT DISTINCT ON (author_id) author_id, created_at, key
    FROM (SELECT m.author_id, m.created_at, m.key, m.seq FROM messages m
          WHERE m.channel_id = $1 AND m.system IS NULL ORDER BY m.seq DESC LIMIT $2) newest
    WHERE created_at > extract(epoch FROM now()) * 1000 - $3::bigint * 1000
    ORDER BY author_id, seq DESC
"""
_OVERVIEWS: Final = load("overviews")
_OVERVIEW: Final = f"{_OVERVIEWS} AND m.channel_id = $2"
_MOST_AT_ONCE: Final = 32
_GET: Final = f"""
    SELECT {CHANNEL_COLUMNS} FROM channels c
    WHERE c.id = $1 AND (c.visibility = 'public' OR EXISTS (
        SELECT FROM members m
        WHERE m.channel_id = c.id AND m.user_id = $2 AND m.left_at IS NULL))
"""
_HEADS: Final = "SELECT id, rev FROM channels WHERE id = ANY ($1::text[])"
_MEMBERSHIPS: Final = """
    SELECT asked.user_id, count(m.channel_id)
    FROM unnest($1::text[]) AS asked(user_id)
    LEFT JOIN members m ON m.user_id = asked.user_id AND m.left_at IS NULL
    GROUP BY asked.user_id
"""
_DISCOVER: Final = load("discover")
_IS_MEMBER: Final = """
    SELECT true FROM members WHERE channel_id = $1 AND user_id = $2 AND left_at IS NULL
"""
_MEMBERS: Final = f"""
    SELECT {MEMBER_COLUMNS} FROM members m
    WHERE m.channel_id = $1 AND m.left_at IS NULL AND (m.joined_at, m.user_id) > ($2, $3)
    ORDER BY m.joined_at, m.user_id
    LIMIT $4
"""
_BANNED: Final = f"""
    SELECT {MEMBER_COLUMNS} FROM members m
    WHERE m.channel_id = $1 AND m.banned_at IS NOT NULL AND m.user_id > $2
    ORDER BY m.user_id
    LIMIT $3
"""
_CHANGES: Final = load("changes")
_HISTORY: Final = load("history")
_REPLIES: Final = load("thread_history")
_MARK_THREAD: Final = load("mark_thread")
_THREADS: Final = f"""
    SELECT f.following, f.read_number, {MESSAGE_COLUMNS}
    FROM thread_followers f
    JOIN messages m ON m.id = f.root_id
    JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = f.user_id
    WHERE f.user_id = $1 AND f.root_id < $2 AND f.following
      AND reader.left_at IS NULL AND m.seq > reader.floor_seq
    ORDER BY f.root_id DESC
    LIMIT $3
"""
_MESSAGE: Final = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages m
    JOIN members reader ON reader.channel_id = m.channel_id
    WHERE m.id = $1 AND reader.user_id = $2 AND reader.left_at IS NULL
      AND m.seq > reader.floor_seq
"""
_EDITIONS: Final = """
    SELECT e.body, e.mentions, e.written_at FROM editions e
    WHERE e.message_id = $1 ORDER BY e.number
"""
_SAVE: Final = load("save_message")
_UNSAVE: Final = """
    DELETE FROM saved_messages WHERE user_id = $1 AND message_id = $2 RETURNING true
"""
_SAVED: Final = f"""
    SELECT s.saved_at, {MESSAGE_COLUMNS}
    FROM saved_messages s
    JOIN messages m ON m.id = s.message_id
    JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = s.user_id
    WHERE s.user_id = $1 AND (s.saved_at, s.message_id) < ($2, $3)
      AND reader.left_at IS NULL AND m.seq > reader.floor_seq
    ORDER BY s.saved_at DESC, s.message_id DESC
    LIMIT $4
"""
_PINS: Final = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages m
    JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = $2
    WHERE m.channel_id = $1 AND m.pinned_at IS NOT NULL AND (m.pinned_at, m.id) < ($3, $4)
      AND m.seq > reader.floor_seq
    ORDER BY m.pinned_at DESC, m.id DESC
    LIMIT $5
"""
_MARK_READ: Final = load("mark_read")
_SEEN: Final = """
    WITH present AS MATERIALIZED (
        SELECT m.user_id, m.read_seq FROM members m
        WHERE m.channel_id = $1 AND m.left_at IS NULL
        LIMIT $3::int + 1
    )
    SELECT p.user_id, p.read_seq FROM present p
    WHERE p.user_id <> $2 AND (SELECT count(*) FROM present) <= $3
      AND coalesce((SELECT a.show_reading FROM accounts a WHERE a.id = p.user_id), true)
    ORDER BY p.user_id
"""

_messages = msgspec.json.Decoder(tuple[Message, ...])
_members = msgspec.json.Decoder(tuple[Member, ...])


class PostgresChannelStore:
    """Implements ChannelStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._overviews = Gathered(self._all_overviews, most=_MOST_AT_ONCE)

    async def create(self, channel: Channel, *, key: str, digest: bytes) -> Channel:
        made = await self._pool.fetchrow(
            _CREATE,
            channel.id,
            channel.kind,
            channel.visibility,
            channel.created_by,
            channel.created_at,
            channel.name,
            channel.topic,
            channel.archived_at,
            key,
            digest,
            msgspec.json.encode(channel.rules).decode(),
        )
        if made is not None:
            return msgspec.structs.replace(channel, rev=1)
        first_digest, *first = await self._one(_CREATED, channel.created_by, key)
        if first_digest != digest:
            raise Refused("key_reused", "the key was used for another channel", field="k")
        return channel_of(first)

    async def open_direct(self, channel: Channel) -> Channel:
        made = await self._pool.fetchrow(
            _OPEN_DIRECT,
            channel.id,
            channel.kind,
            channel.created_by,
            channel.created_at,
            channel.users,
        )
        if made is not None:
            return msgspec.structs.replace(channel, rev=1)
        return channel_of(await self._one(_DIRECT, channel.users))

    async def direct(self, users: Sequence[UserId]) -> Channel | None:
        row = await self._pool.fetchrow(_DIRECT, users)
        return None if row is None else channel_of(row)

    async def take_over(self, channel: ChannelId, view: int) -> Loaded | None:
        row = await self._pool.fetchrow(_TAKE_OVER, channel, view)
        if row is None:
            if await self.heads([channel]):
                raise newer_owner()
            return None
        present = await self._pool.fetch(_PRESENT, channel)
        banned = await self._pool.fetch(_BANNED_ONES, channel)
        found, wrote = channel_of(row[4:]), list[Record]()
        if slow_mode_s := found.rules.slow_mode_s:
            wrote = await self._pool.fetch(_WROTE, channel, LOOKED_BACK, slow_mode_s)
        return Loaded(
            channel=found,
            head=_head(row[:4]),
            members=tuple(map(member_of, present)),
            banned=tuple(user for (user,) in banned),
            wrote=tuple(Wrote(*one) for one in wrote),
        )

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        return tuple(await self._overviews.get(user) or ())

    async def _all_overviews(self, users: list[UserId]) -> Mapping[UserId, list[Overview]]:
        found: dict[UserId, list[Overview]] = {}
        for row in await self._pool.fetch(_OVERVIEWS, users):
            found.setdefault(row[-1], []).append(_overview(row))
        return found

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        row = await self._pool.fetchrow(_OVERVIEW, [user], channel)
        return None if row is None else _overview(row)

    async def get(self, channel: ChannelId, user: UserId) -> Channel | None:
        row = await self._pool.fetchrow(_GET, channel, user)
        return None if row is None else channel_of(row)

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        return {id: rev for id, rev in await self._pool.fetch(_HEADS, list(channels))}

    async def memberships(self, users: Sequence[UserId]) -> Mapping[UserId, int]:
        rows = await self._pool.fetch(_MEMBERSHIPS, list(dict.fromkeys(users)))
        return {user: channels for user, channels in rows}

    async def discover(self, user: UserId, cursor: str | None, limit: int) -> Page[Channel]:
        rows = await self._pool.fetch(_DISCOVER, user, after_channel(cursor), limit + 1)
        items = tuple(map(channel_of, rows[:limit]))
        return Page(items=items, next_cursor=channel_cursor(items, more=len(rows) > limit))

    async def members(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        joined_at, last = after_member(cursor)
        if not await self._pool.fetchval(_IS_MEMBER, channel, user):
            return None
        rows = await self._pool.fetch(_MEMBERS, channel, joined_at, last, limit + 1)
        items = tuple(map(member_of, rows[:limit]))
        return Page(items=items, next_cursor=member_cursor(items, more=len(rows) > limit))

    async def banned(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        last = after_banned(cursor)
        if not await self._pool.fetchval(_IS_MEMBER, channel, user):
            return None
        rows = await self._pool.fetch(_BANNED, channel, last, limit + 1)
        items = tuple(map(member_of, rows[:limit]))
        return Page(items=items, next_cursor=banned_cursor(items, more=len(rows) > limit))

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        row = await self._pool.fetchrow(_CHANGES, channel, user, since, limit)
        if row is None:
            return None
        head, upto, messages, members, *properties = row
        info = channel_of(properties)
        return Changes(
            since=since,
            to=upto,
            behind=max(0, head - since),
            messages=_messages.decode(messages) if messages else (),
            members=_members.decode(members) if members else (),
            channel=info if since < info.rev <= upto else None,
            more=upto < head,
        )

    async def history(
        self,
        channel: ChannelId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        anchor, older, newer = window(before, after, around, limit)
        rows = await self._pool.fetch(_HISTORY, channel, user, anchor, older, newer)
        if not rows:
            return None
        found = tuple(message_of(row[1:]) for row in rows if row["id"] is not None)
        return page_of(found, anchor, older, newer, rev=rows[0]["head"])

    async def replies(
        self,
        channel: ChannelId,
        root: MessageId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        anchor, older, newer = window(before, after, around, limit)
        rows = await self._pool.fetch(_REPLIES, channel, user, anchor, older, newer, root)
        if not rows:
            return None
        found = tuple(message_of(row[1:]) for row in rows if row["id"] is not None)
        return page_of(found, anchor, older, newer, rev=rows[0]["head"])

    async def threads(self, user: UserId, cursor: str | None, limit: int) -> Page[Thread]:
        rows = await self._pool.fetch(_THREADS, user, before_thread(cursor), limit + 1)
        items = tuple(map(_thread, rows[:limit]))
        return Page(items=items, next_cursor=thread_cursor(items, more=len(rows) > limit))

    async def mark_thread(
        self,
        user: UserId,
        root: MessageId,
        *,
        seq: int | None = None,
        following: bool | None = None,
    ) -> Thread | None:
        row = await self._pool.fetchrow(_MARK_THREAD, user, root, seq, following)
        return None if row is None else _thread(row)

    async def save(self, user: UserId, message: MessageId, now_ms: int) -> bool:
        return bool(await self._pool.fetchval(_SAVE, user, message, now_ms, MAX_SAVED))

    async def unsave(self, user: UserId, message: MessageId) -> bool:
        return await self._pool.fetchval(_UNSAVE, user, message) is not None

    async def saved(self, user: UserId, cursor: str | None, limit: int) -> Page[Saved]:
        rows = await self._pool.fetch(_SAVED, user, *before_saved(cursor), limit + 1)
        items = tuple(map(_saved, rows[:limit]))
        return Page(items=items, next_cursor=saved_cursor(items, more=len(rows) > limit))

    async def message(self, message: MessageId, user: UserId) -> Message | None:
        row = await self._pool.fetchrow(_MESSAGE, message, user)
        return None if row is None else message_of(row)

    async def editions(self, message: MessageId, user: UserId) -> tuple[Edition, ...] | None:
        if await self.message(message, user) is None:
            return None
        return tuple(map(edition_of, await self._pool.fetch(_EDITIONS, message)))

    async def pins(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Message] | None:
        pinned_at, last = before_pin(cursor)
        if not await self._pool.fetchval(_IS_MEMBER, channel, user):
            return None
        rows = await self._pool.fetch(_PINS, channel, user, pinned_at, last, limit + 1)
        items = tuple(map(message_of, rows[:limit]))
        return Page(items=items, next_cursor=pin_cursor(items, more=len(rows) > limit))

    async def seen(self, channel: ChannelId, user: UserId) -> tuple[SeenUpTo, ...] | None:
        if not await self._pool.fetchval(_IS_MEMBER, channel, user):
            return None
        rows = await self._pool.fetch(_SEEN, channel, user, MAX_SEEN)
        return tuple(SeenUpTo(reader, seq) for reader, seq in rows)

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        wanted: dict[ChannelId, Marking] = {}
        for channel, marking in marks:
            wanted[channel] = wanted.get(channel, Marking()).then(marking)
        channels = sorted(wanted)  # one order for all: no deadlock with another session
        at_most = [wanted[channel].at_most for channel in channels]
        at_least = [wanted[channel].at_least for channel in channels]
        rows = await self._pool.fetch(_MARK_READ, user, channels, at_most, at_least, MAX_SEEN)
        markers = {row["channel_id"]: _marker(row) for row in rows}
        return tuple(markers[channel] for channel in wanted if channel in markers)

    async def _one(self, query: str, *args: object) -> Record:
        row = await self._pool.fetchrow(query, *args)
        assert row is not None  # noqa: S101 - channels are never deleted
        return row


def _saved(row: Record) -> Saved:
    saved_at, *stored = row
    return Saved(message=message_of(stored), saved_at=saved_at)


def _thread(row: Record) -> Thread:
    following, read_replies, *root = row
    return Thread(root=message_of(root), following=following, read_replies=read_replies)


def _head(row: Sequence[int]) -> Head:
    term, rev, seq, nth = row
    return Head(term=term, rev=rev, seq=seq, nth=nth)


def _overview(row: Record) -> Overview:
    values = (*row[:-5], tuple(row[-5] or ()), *row[-4:-1])  # the last is whose it is
    return Overview(*values)


def _marker(row: Record) -> ReadMarker:
    return ReadMarker(
        channel=row["channel_id"],
        read_seq=row["read_seq"],
        read_nth=row["read_nth"],
        nth=row["nth"],
        mentions=row["mentions"],
        shown=row["shown"],
    )
