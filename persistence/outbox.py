"""Hints to inboxes in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.changes import Hint
from streamhub.persistence.postgres import Pool

_DUE: Final = """
    SELECT number, user_id, kind, channel_id, rev, seq, by_id FROM outbox
    WHERE created_at <= now() - make_interval(secs => $1::float8 / 1000)
    ORDER BY number
    LIMIT $2
"""
_TAKEN: Final = """
    DELETE FROM outbox
    WHERE number = ANY ($1::bigint[]) AND $2 >= (SELECT version FROM cluster_view)
"""


class PostgresOutbox:
    """Implements Outbox. Waiting is measured by PostgreSQL's clock alone."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self, older_than_ms: int, limit: int) -> tuple[Hint, ...]:
        rows = await self._pool.fetch(_DUE, older_than_ms, limit)
        return tuple(
            Hint(number=number, user=user, kind=kind, channel=channel, rev=rev, seq=seq, by=by)
            for number, user, kind, channel, rev, seq, by in rows
        )

    async def taken(self, numbers: Sequence[int], view: int) -> None:
        if numbers:
            await self._pool.execute(_TAKEN, list(numbers), view)
