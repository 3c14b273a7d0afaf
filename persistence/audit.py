"""The audit log in PostgreSQL. Its hashes are made there, in the transaction of the change."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from streamhub.domain.audit import AuditEntry, AuditEvent, AuditHead, AuditQuery
from streamhub.persistence.postgres import Pool, Record

APPEND: Final = "SELECT audit_append($1, $2, $3, $4, $5, $6, $7)"
_ENTRIES: Final = """
    SELECT * FROM audit_log
    WHERE ($1::bigint IS NULL OR number < $1) AND ($3::text IS NULL OR event = $3)
        AND ($4::text IS NULL OR actor = $4) AND ($5::text IS NULL OR target = $5)
        AND ($6::bigint IS NULL OR at >= $6) AND ($7::bigint IS NULL OR at < $7)
    ORDER BY number DESC LIMIT $2
"""
_HEAD: Final = "SELECT number, hash FROM audit_head"
_PAGE: Final = (
    "SELECT * FROM audit_log WHERE number > $1 AND number <= $2 ORDER BY number LIMIT 1000"
)


class Executor(Protocol):
    """A pool, or a connection within a transaction."""

    async def execute(self, query: str, /, *args: object) -> object: ...


async def record(executor: Executor, event: AuditEvent) -> None:
    """Add the event; in a transaction, last: the log is locked from here to the commit."""
    await executor.execute(
        APPEND,
        event.at,
        event.kind,
        event.actor,
        event.target,
        event.address,
        event.request_id,
        event.detail,
    )


class PostgresAuditLog:
    """Implements AuditLog and AuditChain."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(self, event: AuditEvent) -> None:
        await record(self._pool, event)

    async def entries(self, query: AuditQuery) -> tuple[AuditEntry, ...]:
        rows = await self._pool.fetch(
            _ENTRIES,
            query.before,
            query.limit,
            query.kind,
            query.actor,
            query.target,
            query.since,
            query.until,
        )
        return tuple(map(_entry, rows))

    async def head(self) -> AuditHead:
        row = await self._pool.fetchrow(_HEAD)
        assert row is not None  # noqa: S101 - the migration made it
        return AuditHead(row["number"], bytes(row["hash"]))

    async def every_entry(self, up_to: int) -> AsyncIterator[AuditEntry]:
        number = 0
        while rows := await self._pool.fetch(_PAGE, number, up_to):
            for row in rows:
                yield _entry(row)
            number = rows[-1]["number"]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(
        number=row["number"],
        at=row["at"],
        kind=row["event"],
        actor=row["actor"],
        target=row["target"],
        address=row["address"],
        request_id=row["request_id"],
        detail=row["detail"],
        hash=bytes(row["hash"]),
    )
