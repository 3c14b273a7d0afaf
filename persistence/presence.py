"""What users say of themselves, in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.ids import UserId
from streamhub.domain.presence import Kept, Status
from streamhub.persistence.postgres import Pool

_KEPT: Final = """
    SELECT coalesce(u.show_presence, true), p.dnd, p.status_text, p.status_emoji, p.status_until
    FROM (SELECT $1::text AS id) AS asked
    LEFT JOIN users u ON u.id = asked.id
    LEFT JOIN presences p ON p.user_id = asked.id
"""
_KEEP: Final = """
    INSERT INTO presences AS old (user_id, dnd, status_text, status_emoji, status_until)
    VALUES ($1, coalesce($2, false), coalesce($4, ''), $5, $6)
    ON CONFLICT (user_id) DO UPDATE SET
        dnd = coalesce($2, old.dnd),
        status_text = CASE WHEN $3 THEN excluded.status_text ELSE old.status_text END,
        status_emoji = CASE WHEN $3 THEN excluded.status_emoji ELSE old.status_emoji END,
        status_until = CASE WHEN $3 THEN excluded.status_until ELSE old.status_until END
"""
# For each of the others the user's channels are probed, until the first that both are in.
_SHARING: Final = """
    SELECT other FROM unnest($2::text[]) AS other
    WHERE EXISTS (
        SELECT FROM members mine
        JOIN members theirs ON theirs.channel_id = mine.channel_id AND theirs.user_id = other
        WHERE mine.user_id = $1 AND mine.left_at IS NULL AND theirs.left_at IS NULL
    )
"""


class PostgresPresenceStore:
    """Implements PresenceStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def kept(self, user: UserId, now_ms: int) -> Kept:
        [(shown, dnd, text, emoji, until)] = await self._pool.fetch(_KEPT, user)
        status = Status(text=text or "", emoji=emoji, expires_at=until)
        over = not status.says_something or (until is not None and until <= now_ms)
        return Kept(shown=shown, dnd=bool(dnd), status=None if over else status)

    async def keep(self, user: UserId, dnd: bool | None, status: Status | None) -> None:
        said = status or Status()
        await self._pool.execute(
            _KEEP, user, dnd, status is not None, said.text, said.emoji, said.expires_at
        )

    async def sharing(self, user: UserId, others: Sequence[UserId]) -> frozenset[UserId]:
        rows = await self._pool.fetch(_SHARING, user, [one for one in others if one != user])
        return frozenset(UserId(other) for (other,) in rows) | ({user} & set(others))
