"""Kept replies in PostgreSQL."""

from typing import Final

from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.domain.replies import KEPT_S
from streamhub.persistence.postgres import Pool

_FIRST: Final = """
    SELECT digest, reply FROM kept_replies
    WHERE user_id = $1 AND key = $2 AND kept_at > now() - make_interval(secs => $3)
"""
_KEEP: Final = """
    INSERT INTO kept_replies AS old (user_id, key, digest, reply) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id, key) DO UPDATE
    SET digest = excluded.digest, reply = excluded.reply, kept_at = excluded.kept_at
    WHERE old.kept_at <= now() - make_interval(secs => $5)
    RETURNING reply
"""
_FORGET: Final = """
    DELETE FROM kept_replies WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM kept_replies WHERE kept_at <= now() - make_interval(secs => $1)
        ORDER BY kept_at LIMIT 100
    ))
"""


class PostgresReplyStore:
    """Implements ReplyStore. Each reply that is kept takes up to a hundred old ones away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def first(self, user: UserId, key: str, digest: bytes) -> bytes | None:
        row = await self._pool.fetchrow(_FIRST, user, key, KEPT_S)
        if row is None:
            return None
        if row["digest"] != digest:
            raise Refused("key_reused", "the key was used before for another command", field="k")
        return bytes(row["reply"])

    async def keep(self, user: UserId, key: str, digest: bytes, reply: bytes) -> bytes:
        kept = await self._pool.fetchrow(_KEEP, user, key, digest, reply, KEPT_S)
        await self._pool.execute(_FORGET, KEPT_S)
        return reply if kept else await self.first(user, key, digest) or reply
