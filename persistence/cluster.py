"""The view and its log in PostgreSQL."""

import msgspec

from streamhub.domain.cluster import HostEntry, LogEntry, View
from streamhub.persistence.postgres import Pool

_VIEW = "SELECT version, hosts FROM cluster_view"
_PUBLISH = """
    WITH won AS (
        UPDATE cluster_view SET version = version + 1, hosts = $1::jsonb
        WHERE version = $2
        RETURNING version
    )
    SELECT version, cluster_log_append('view', version::text) FROM won
"""
_APPEND = "SELECT cluster_log_append($1, $2)"
_ENTRIES_AFTER = """
    SELECT number, kind, subject FROM cluster_log WHERE number > $1 ORDER BY number
"""
_NEWEST_ENTRY = "SELECT newest FROM cluster_log_head"
_EPOCH = "SELECT epoch FROM cluster_view"


class PostgresClusterStore:
    """Implements ClusterStore. Entries appear in the order of their numbers, without a hole."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def view(self) -> View:
        row = await self._pool.fetchrow(_VIEW)
        assert row is not None  # noqa: S101 - the migration made it
        hosts = msgspec.json.decode(row["hosts"], type=tuple[HostEntry, ...])
        return View(version=row["version"], hosts=hosts)

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        encoded = msgspec.json.encode(hosts).decode()
        row = await self._pool.fetchrow(_PUBLISH, encoded, expected_version)
        return None if row is None else View(version=row["version"], hosts=hosts)

    async def append(self, kind: str, subject: str) -> None:
        await self._pool.execute(_APPEND, kind, subject)

    async def entries_after(self, number: int) -> tuple[LogEntry, ...]:
        rows = await self._pool.fetch(_ENTRIES_AFTER, number)
        return tuple(
            LogEntry(number=number, kind=kind, subject=subject) for number, kind, subject in rows
        )

    async def newest_entry(self) -> int:
        return int(await self._pool.fetchval(_NEWEST_ENTRY))

    async def epoch(self) -> int:
        return int(await self._pool.fetchval(_EPOCH))
