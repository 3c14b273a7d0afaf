"""Finding messages in PostgreSQL, and filling what they are found by.

Words are those of the configuration `simple`, in lower case and without diacritics: no language is
assumed, so no word is cut to its stem and none is left out.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from streamhub.domain.channels import Message, Page
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.search import Behind, Indexed, Query
from streamhub.persistence.paging import ABOVE_ALL_TIMES, before_found, found_cursor
from streamhub.persistence.postgres import Pool, PooledConnection, Record
from streamhub.persistence.rows import message_of
from streamhub.persistence.sql import load

_WEEK_MS: Final = 7 * 86_400_000
_SKEW_MS: Final = 60_000
"""How far another host's clock may be ahead of ours."""

_SEARCH: Final = load("search_messages")
_ESTIMATE: Final = """
    EXPLAIN (FORMAT JSON)
    SELECT FROM search_messages
    WHERE words @@ (websearch_to_tsquery('simple', search_folded($1)) && $2::text::tsquery)
"""
_MANY: Final = 2_000
"""Fewer matches are sorted sooner than they are looked for in several stretches of time."""

_INDEX: Final = load("index_messages")
_BEHIND: Final = """
    SELECT c.id, c.rev - coalesce(
        (SELECT p.rev FROM search_progress p WHERE p.channel_id = c.id), 0)
    FROM channels c
    WHERE c.id > $1
    ORDER BY c.id
    LIMIT $2
"""
_BEGIN: Final = """
    WITH known AS (
        SELECT id FROM channels WHERE id = ANY ($1::text[]) ORDER BY id
    ), begun AS (
        INSERT INTO search_progress (channel_id) SELECT id FROM known ON CONFLICT DO NOTHING
    )
    SELECT id FROM known
"""
_LOCK: Final = """
    SELECT channel_id, rev FROM search_progress WHERE channel_id = ANY ($1::text[])
    FOR UPDATE SKIP LOCKED
"""


class PostgresSearch:
    """Implements SearchStore and SearchIndex."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(
        self,
        user: UserId,
        query: Query,
        authors: frozenset[UserId] | None,
        cursor: str | None,
        limit: int,
    ) -> Page[Message]:
        below = before_found(cursor)
        if authors is not None and not authors:
            return Page(items=())
        before = ABOVE_ALL_TIMES if query.before is None else query.before
        rows: Sequence[Record] = ()
        newest = min(before, below[0], time.time_ns() // 1_000_000 + _SKEW_MS)
        many = await self._matches(query, authors) > _MANY
        for window in _windows(newest) if many else ("",):
            rows = await self._pool.fetch(
                _SEARCH,
                user,
                query.websearch,
                "&".join(filter(None, (_lexemes(query, authors), window))),
                list(query.channels) or None,
                -ABOVE_ALL_TIMES if query.after is None else query.after,
                before,
                *below,
                limit + 1,
            )
            if len(rows) > limit:
                break
        items = tuple(map(message_of, rows[:limit]))
        return Page(items=items, next_cursor=found_cursor(items, more=len(rows) > limit))

    async def _matches(self, query: Query, authors: frozenset[UserId] | None) -> int:
        """About how many messages have these words, anywhere, as PostgreSQL's statistics say."""
        plan = await self._pool.fetchval(_ESTIMATE, query.websearch, _lexemes(query, authors))
        return int(msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"])

    async def behind(self, after: ChannelId | None, limit: int) -> Behind:
        rows = await self._pool.fetch(_BEHIND, after or "", limit)
        return Behind(
            channels=tuple((id, changes) for id, changes in rows if changes > 0),
            after=rows[-1][0] if len(rows) == limit else None,
        )

    async def index(self, channels: Sequence[ChannelId], limit: int) -> Indexed:
        known = {row[0] for row in await self._pool.fetch(_BEGIN, list(channels))}

        async def carry_on(connection: PooledConnection) -> Indexed:
            # What is read must be newer than the lock, hence a statement of its own.
            locked = {id: rev for id, rev in await connection.fetch(_LOCK, list(known))}
            done = await connection.fetch(_INDEX, list(locked), list(locked.values()), limit)
            more, messages = done[0]
            left = known - locked.keys() | set(more)
            return Indexed(messages=messages, left=tuple(sorted(left)))

        return await self._pool.transact(carry_on)


def _windows(newest_ms: int) -> Iterator[str]:
    """What to ask for as well, one after the other until a page is full: what was posted in the
    last one to two weeks, then in eight to sixteen, at last nothing. So the many matches of a
    common word are not all sorted for the newest few of them. Each is one lexeme, as | would weigh
    all messages of that time against each match."""
    for weeks in (1, 8):
        yield f"'t{weeks}:{newest_ms // (weeks * _WEEK_MS)}'"
    yield ""


def _lexemes(query: Query, authors: frozenset[UserId] | None) -> str:
    """As a tsquery, without channels and words."""
    parts = [f"'has:{having}'" for having in query.having]
    if authors:
        parts.append("(" + "|".join(f"'{author}'" for author in sorted(authors)) + ")")
    return "&".join(parts)
