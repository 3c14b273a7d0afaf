"""Hidden direct conversations in PostgreSQL."""

from typing import Final

from streamhub.domain.ids import ChannelId, UserId
from streamhub.persistence.postgres import Pool

_HIDE: Final = """
    UPDATE members m SET hidden_nth = c.nth FROM channels c
    WHERE m.channel_id = $1 AND m.user_id = $2 AND m.left_at IS NULL
      AND c.id = m.channel_id AND c.kind <> 'channel'
    RETURNING true
"""
_SHOW: Final = """
    UPDATE members SET hidden_nth = NULL
    WHERE channel_id = $1 AND user_id = $2 AND hidden_nth IS NOT NULL
    RETURNING true
"""


class PostgresHidingStore:
    """Implements HidingStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hide(self, channel: ChannelId, user: UserId) -> bool:
        return bool(await self._pool.fetchval(_HIDE, channel, user))

    async def show(self, channel: ChannelId, user: UserId) -> bool:
        return bool(await self._pool.fetchval(_SHOW, channel, user))
