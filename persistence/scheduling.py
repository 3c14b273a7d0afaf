"""Scheduled sends in PostgreSQL."""

from typing import Final

from streamhub.domain.channels import Page
from streamhub.domain.ids import ChannelId, JobId, MessageId, UserId
from streamhub.domain.scheduling import MAX_SCHEDULED, Job, check_same, key_of
from streamhub.persistence.paging import after_job, job_cursor
from streamhub.persistence.postgres import Pool, Record
from streamhub.persistence.sql import load

_KEEP: Final = load("keep_job")
_KEYED: Final = "SELECT * FROM scheduled WHERE user_id = $1 AND key = $2"
_JOB: Final = "SELECT * FROM scheduled WHERE id = $2 AND user_id = $1"
_JOBS: Final = """
    SELECT * FROM scheduled
    WHERE user_id = $1 AND state IN ('pending', 'sending', 'failed')
      AND (send_at, id) > ($2, $3) AND ($4::text IS NULL OR channel_id = $4)
    ORDER BY send_at, id
    LIMIT $5
"""
_CHANGE: Final = """
    UPDATE scheduled SET body = coalesce($3, body), send_at = coalesce($4, send_at),
        due_at = coalesce($4, due_at)
    WHERE id = $2 AND user_id = $1 AND state = 'pending'
    RETURNING *
"""
_CANCEL: Final = """
    UPDATE scheduled SET state = 'cancelled', ended_at = $3, body = ''
    WHERE id = $2 AND user_id = $1 AND state IN ('pending', 'failed')
    RETURNING *
"""
_TAKE_DUE: Final = load("take_due_jobs")
_SENT: Final = """
    UPDATE scheduled SET state = 'sent', message_id = $2, ended_at = $3, body = '', code = '',
        detail = ''
    WHERE id = $1 AND state <> 'sent'
"""
_FAILED: Final = load("fail_job")
_LATER: Final = """
    UPDATE scheduled SET due_at = $2, state = CASE WHEN $3 THEN 'pending' ELSE state END
    WHERE id = $1 AND state = 'sending'
"""
_FORGET: Final = """
    WITH ended AS (
        SELECT id FROM scheduled WHERE ended_at < $1 ORDER BY ended_at LIMIT $2
    ), gone AS (
        DELETE FROM scheduled s USING ended WHERE s.id = ended.id RETURNING s.id
    )
    SELECT count(*) FROM gone
"""


class PostgresJobStore:
    """Implements JobStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, job: Job, key: str, digest: bytes) -> Job | None:
        row = await self._pool.fetchrow(
            _KEEP,
            job.id,
            job.user,
            job.channel,
            job.thread,
            job.text,
            job.silent,
            job.send_at,
            job.created_at,
            key,
            digest,
            MAX_SCHEDULED,
        )
        return _the_same(row, digest)

    async def keyed(self, user: UserId, key: str, digest: bytes) -> Job | None:
        return _the_same(await self._pool.fetchrow(_KEYED, user, key), digest)

    async def job(self, user: UserId, id: JobId) -> Job | None:
        return _maybe(await self._pool.fetchrow(_JOB, user, id))

    async def jobs(
        self, user: UserId, channel: ChannelId | None, cursor: str | None, limit: int
    ) -> Page[Job]:
        rows = await self._pool.fetch(_JOBS, user, *after_job(cursor), channel, limit + 1)
        items = tuple(map(_job, rows[:limit]))
        return Page(items=items, next_cursor=job_cursor(items, more=len(rows) > limit))

    async def change(
        self, user: UserId, id: JobId, *, text: str | None, send_at: int | None
    ) -> Job | None:
        return _maybe(await self._pool.fetchrow(_CHANGE, user, id, text, send_at))

    async def cancel(self, user: UserId, id: JobId, now_ms: int) -> Job | None:
        return _maybe(await self._pool.fetchrow(_CANCEL, user, id, now_ms))

    async def take_due(self, now_ms: int, until: int, limit: int) -> tuple[Job, ...]:
        return tuple(map(_job, await self._pool.fetch(_TAKE_DUE, now_ms, until, limit)))

    async def sent(self, id: JobId, message: MessageId, now_ms: int) -> None:
        await self._pool.execute(_SENT, id, message, now_ms)

    async def failed(self, id: JobId, code: str, detail: str) -> None:
        await self._pool.execute(_FAILED, id, code, detail, key_of(id))

    async def later(self, id: JobId, at: int, *, pending: bool) -> None:
        await self._pool.execute(_LATER, id, at, pending)

    async def forget(self, before: int, limit: int) -> int:
        gone: int = await self._pool.fetchval(_FORGET, before, limit)
        return gone


def _the_same(row: Record | None, digest: bytes) -> Job | None:
    if row is None:
        return None
    check_same(row["digest"], digest)
    return _job(row)


def _maybe(row: Record | None) -> Job | None:
    return None if row is None else _job(row)


def _job(row: Record) -> Job:
    return Job(
        id=row["id"],
        user=row["user_id"],
        channel=row["channel_id"],
        text=row["body"],
        send_at=row["send_at"],
        created_at=row["created_at"],
        thread=row["thread_id"],
        silent=row["silent"],
        state=row["state"],
        message=row["message_id"],
        code=row["code"],
        detail=row["detail"],
    )
