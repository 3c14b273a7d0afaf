"""The twin of the store of scheduled sends."""

from msgspec import Struct
from msgspec.structs import replace

from streamhub.domain.channels import Page
from streamhub.domain.ids import ChannelId, JobId, MessageId, UserId
from streamhub.domain.scheduling import MAX_SCHEDULED, Job, check_same
from streamhub.persistence.memory.tables import Tables
from streamhub.persistence.paging import after_job, job_cursor

_OPEN = ("pending", "sending")
_LISTED = ("pending", "sending", "failed")


class _Row(Struct):
    job: Job
    number: int
    due_at: int
    digest: bytes
    ended_at: int | None = None


class InMemoryJobStore:
    """Implements JobStore on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows: dict[JobId, _Row] = {}
        self._keys: dict[tuple[UserId, str], JobId] = {}
        self._number = 0

    async def create(self, job: Job, key: str, digest: bytes) -> Job | None:
        if first := await self.keyed(job.user, key, digest):
            return first
        mine = [row for row in self._rows.values() if row.job.user == job.user]
        if sum(row.job.state in _LISTED for row in mine) >= MAX_SCHEDULED:
            return None
        self._number += 1
        self._rows[job.id] = _Row(job, self._number, job.send_at, digest)
        self._keys[job.user, key] = job.id
        return job

    async def keyed(self, user: UserId, key: str, digest: bytes) -> Job | None:
        id = self._keys.get((user, key))
        if id is None:
            return None
        check_same(self._rows[id].digest, digest)
        return self._rows[id].job

    async def job(self, user: UserId, id: JobId) -> Job | None:
        row = self._mine(user, id, ("pending", "sending", "sent", "failed", "cancelled"))
        return row.job if row else None

    async def jobs(
        self, user: UserId, channel: ChannelId | None, cursor: str | None, limit: int
    ) -> Page[Job]:
        above = after_job(cursor)
        seen = [
            row.job
            for row in self._rows.values()
            if row.job.user == user and row.job.state in _LISTED
            if (row.job.send_at, row.job.id) > above and channel in (None, row.job.channel)
        ]
        seen.sort(key=lambda job: (job.send_at, job.id))
        items = tuple(seen[:limit])
        return Page(items=items, next_cursor=job_cursor(items, more=len(seen) > limit))

    async def change(
        self, user: UserId, id: JobId, *, text: str | None, send_at: int | None
    ) -> Job | None:
        row = self._mine(user, id, ("pending",))
        if row is None:
            return None
        if text is not None:
            row.job = replace(row.job, text=text)
        if send_at is not None:
            row.job, row.due_at = replace(row.job, send_at=send_at), send_at
        return row.job

    async def cancel(self, user: UserId, id: JobId, now_ms: int) -> Job | None:
        row = self._mine(user, id, ("pending", "failed"))
        if row is None:
            return None
        row.job, row.ended_at = replace(row.job, state="cancelled", text=""), now_ms
        return row.job

    async def take_due(self, now_ms: int, until: int, limit: int) -> tuple[Job, ...]:
        firsts: dict[tuple[UserId, ChannelId], _Row] = {}
        for row in sorted(self._rows.values(), key=lambda row: (row.job.send_at, row.number)):
            if row.job.state in _OPEN:
                firsts.setdefault((row.job.user, row.job.channel), row)
        due = sorted((r for r in firsts.values() if r.due_at <= now_ms), key=lambda r: r.due_at)
        for row in due[:limit]:
            row.job, row.due_at = replace(row.job, state="sending"), until
        return tuple(row.job for row in due[:limit])

    async def sent(self, id: JobId, message: MessageId, now_ms: int) -> None:
        row = self._rows.get(id)
        if row is not None and row.job.state != "sent":
            row.ended_at = now_ms
            row.job = replace(row.job, state="sent", message=message, text="", code="", detail="")

    async def failed(self, id: JobId, code: str, detail: str) -> None:
        row = self._rows.get(id)
        if row is None or row.job.state != "sending":
            return
        channel = self._tables.channels.get(row.job.channel)
        used = channel and channel.keys.get((row.job.user, row.job.key))
        if channel and used:
            message = channel.at(used[0])
            await self.sent(id, message.id, message.created_at)
        else:
            row.job = replace(row.job, state="failed", code=code, detail=detail)

    async def later(self, id: JobId, at: int, *, pending: bool) -> None:
        row = self._rows.get(id)
        if row is not None and row.job.state == "sending":
            row.due_at = at
            if pending:
                row.job = replace(row.job, state="pending")

    async def forget(self, before: int, limit: int) -> int:
        ended = [
            id
            for id, row in self._rows.items()
            if row.ended_at is not None
            if row.ended_at < before
        ][:limit]
        for id in ended:
            del self._rows[id]
        self._keys = {key: id for key, id in self._keys.items() if id in self._rows}
        return len(ended)

    def _mine(self, user: UserId, id: JobId, states: tuple[str, ...]) -> _Row | None:
        row = self._rows.get(id)
        return row if row and row.job.user == user and row.job.state in states else None
