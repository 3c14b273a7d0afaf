"""One user's scheduled sends, changed one after the other: the last one told is how it is."""

from typing import Final

from streamhub.actors.context import Context
from streamhub.actors.in_turn import InTurn
from streamhub.domain.errors import Refused
from streamhub.domain.ids import JobId, UserId
from streamhub.domain.schedule_messages import (
    CancelJob,
    ChangeJob,
    JobUpdated,
    KeepJob,
    OfSchedule,
    ShowJob,
)
from streamhub.domain.scheduling import MAX_SCHEDULED, Job, JobStore


class Scheduling:
    """Part of the inbox: what became of a job is published to all of the user's sessions."""

    def __init__(self, user: UserId, store: JobStore) -> None:
        self._user = user
        self._store = store
        self._turns = InTurn()

    def take(self, asked: OfSchedule, ctx: Context) -> None:
        token = None if isinstance(asked, ShowJob) else ctx.take_reply()
        now_ms = ctx.now_ms

        def then(job: Job, ctx: Context) -> None:
            updated = JobUpdated(job=job)
            if token is not None:
                ctx.answer(token, updated)
            ctx.publish(updated)

        self._turns.do(lambda: self._done(asked, now_ms), then, token, ctx)

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
