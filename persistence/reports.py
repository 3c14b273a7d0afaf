# ruff: noqa: S608 - what is put into the statements is a list of columns
"""Reports of messages in PostgreSQL."""

from typing import Final

from streamhub.domain.audit import AuditEvent
from streamhub.domain.channels import Page
from streamhub.domain.reports import MAX_OPEN, Closing, Report, ReportId
from streamhub.persistence.audit import record
from streamhub.persistence.paging import before_report, report_cursor
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_COLUMNS: Final = """
    id, message_id, channel_id, author_id, body, reporter_id, reason, note, created_at,
    closed_at, closed_by, outcome, closing_note
"""
_FILE: Final = """
    WITH held AS (
        SELECT FROM reports WHERE message_id = $2 AND reporter_id = $6
    ), filed AS (
        INSERT INTO reports (id, message_id, channel_id, author_id, body, reporter_id, reason, note,
                             created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE (SELECT count(*) FROM reports WHERE reporter_id = $6 AND closed_at IS NULL) < $10
        ON CONFLICT (message_id, reporter_id) DO NOTHING
        RETURNING true
    )
    SELECT EXISTS (SELECT FROM held) OR EXISTS (SELECT FROM filed)
"""
_OPEN: Final = f"""
    SELECT {_COLUMNS} FROM reports
    WHERE closed_at IS NULL AND id < $1 ORDER BY id DESC LIMIT $2
"""
_CLOSED: Final = f"""
    SELECT {_COLUMNS} FROM reports
    WHERE closed_at IS NOT NULL AND id < $1 ORDER BY id DESC LIMIT $2
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM reports WHERE id = $1"
_CLOSE: Final = f"""
    UPDATE reports SET closed_at = $2, closed_by = $3, outcome = $4, closing_note = $5
    WHERE id = $1 AND closed_at IS NULL
    RETURNING {_COLUMNS}
"""


class PostgresReportStore:
    """Implements ReportStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def file(self, report: Report) -> bool:
        filed = await self._pool.fetchval(
            _FILE,
            report.id,
            report.message,
            report.channel,
            report.author,
            report.text,
            report.reporter,
            report.reason,
            report.note,
            report.created_at,
            MAX_OPEN,
        )
        return bool(filed)

    async def reports(self, *, open: bool, cursor: str | None, limit: int) -> Page[Report]:
        query = _OPEN if open else _CLOSED
        rows = await self._pool.fetch(query, before_report(cursor), limit + 1)
        items = tuple(map(_report, rows[:limit]))
        return Page(items=items, next_cursor=report_cursor(items, more=len(rows) > limit))

    async def report(self, id: ReportId) -> Report | None:
        row = await self._pool.fetchrow(_ONE, id)
        return None if row is None else _report(row)

    async def close(self, id: ReportId, closing: Closing, event: AuditEvent) -> Report | None:
        async def work(connection: PooledConnection) -> Record | None:
            row = await connection.fetchrow(
                _CLOSE, id, closing.at, closing.by, closing.outcome, closing.note
            )
            if row is not None:
                await record(connection, event)
            return row

        closed = await self._pool.transact(work)
        return await self.report(id) if closed is None else _report(closed)


def _report(row: Record) -> Report:
    id, message, channel, author, text, reporter, reason, note, created_at, *closing = row
    at, by, outcome, closing_note = closing
    return Report(
        id=id,
        message=message,
        channel=channel,
        author=author,
        text=text,
        reporter=reporter,
        reason=reason,
        note=note,
        created_at=created_at,
        closing=None if at is None else Closing(at=at, by=by, outcome=outcome, note=closing_note),
    )
