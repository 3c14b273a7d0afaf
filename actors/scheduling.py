"""One user's scheduled sends, changed one after the other: the last one told is how it is."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from streamhub.actors.context import Context, Token
from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.ids import JobId, UserId
from streamhub.domain.messages import BROKEN, Problem
from streamhub.domain.schedule_messages import (
    CancelJob,
    ChangeJob,
    JobUpdated,
    KeepJob,
    OfSchedule,
    ShowJob,
)
from streamhub.domain.scheduling import MAX_SCHEDULED, Job, JobStore

_Work = Callable[[], Awaitable[Job]]


class Scheduling:
    """Part of the inbox: what became of a job is published to all of the user's sessions."""

    def __init__(self, user: UserId, store: JobStore) -> None:
        self._user = user
        self._store = store
        self._waiting: deque[tuple[_Work, Token | None]] = deque()
        self._busy = False

    def take(self, asked: OfSchedule, ctx: Context) -> None:
        token = None if isinstance(asked, ShowJob) else ctx.take_reply()
        now_ms = ctx.now_ms
        self._waiting.append((lambda: self._done(asked, now_ms), token))
        self._next(ctx)

    def _next(self, ctx: Context) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        work, token = self._waiting.popleft()

        def then(job: Job, ctx: Context) -> None:
            self._busy = False
            updated = JobUpdated(job=job)
            if token is not None:
                ctx.answer(token, updated)
            ctx.publish(updated)
            self._next(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._busy = False
            problem = Problem.of(error) if isinstance(error, StreamHubError) else BROKEN
            if token is not None:
                ctx.answer(token, problem)
            self._next(ctx)

        ctx.run(work, then, failed)

    async def _done(self, asked: OfSchedule, now_ms: int) -> Job:
        """Raises Refused: not_found, conflict, limit_reached, key_reused."""
        match asked:
            case KeepJob(job=job, key=key, digest=digest):
                kept = await self._store.create(job, key, digest)
                if kept is None:
                    raise Refused("limit_reached", _TOO_MANY)
                return kept
            case ChangeJob(id=id, text=text, send_at=send_at):
                changed = await self._store.change(self._user, id, text=text, send_at=send_at)
                return changed or await self._not_changed(id, "")
            case CancelJob(id=id):
                cancelled = await self._store.cancel(self._user, id, now_ms)
                return cancelled or await self._not_changed(id, "cancelled")
            case ShowJob(id=id):
                return await self._job(id)

    async def _not_changed(self, id: JobId, wanted: str) -> Job:
        job = await self._job(id)
        if job.state != wanted:
            raise Refused("conflict", f"it is {job.state}: only what is pending can be changed")
        return job

    async def _job(self, id: JobId) -> Job:
        job = await self._store.job(self._user, id)
        if job is None:
            raise Refused("not_found", "there is no such scheduled message", field="schedule")
        return job


_TOO_MANY: Final = f"{MAX_SCHEDULED} scheduled messages are the most: cancel some"
