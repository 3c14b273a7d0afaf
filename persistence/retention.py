"""Channels that keep their messages for some days only, in PostgreSQL."""

from typing import Final

from streamhub.domain.ids import ChannelId
from streamhub.domain.retention import Keeping
from streamhub.persistence.postgres import Pool

_KEEPING: Final = """
    SELECT c.id, (c.rules ->> 'keep_days')::int,
           (SELECT m.created_at FROM messages m WHERE m.channel_id = c.id ORDER BY m.seq LIMIT 1)
    FROM channels c
    WHERE (c.rules ->> 'keep_days')::int > 0 AND c.id > $1
    ORDER BY c.id
    LIMIT $2
"""


class PostgresRetentionStore:
    """Implements RetentionStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keeping(self, after: ChannelId | None, limit: int) -> tuple[Keeping, ...]:
        rows = await self._pool.fetch(_KEEPING, after or "", limit)
        return tuple(Keeping(channel, days, oldest) for channel, days, oldest in rows)
