"""What an inbox is asked about the user's scheduled sends, and what it tells of them."""

import msgspec

from streamhub.domain.ids import JobId
from streamhub.domain.scheduling import Job


class KeepJob(msgspec.Struct, frozen=True, kw_only=True, tag="keep_job"):
    """Keep a job, once for its key. The answer is `JobUpdated`."""

    job: Job
    key: str
    digest: bytes


class ChangeJob(msgspec.Struct, frozen=True, kw_only=True, tag="change_job", omit_defaults=True):
    """Change what is not None of a pending job. The answer is `JobUpdated`."""

    id: JobId
    text: str | None = None
    send_at: int | None = None


class CancelJob(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_job"):
    """End a pending or failed job. The answer is `JobUpdated`."""

    id: JobId


class ShowJob(msgspec.Struct, frozen=True, kw_only=True, tag="show_job"):
    """A job is another since it was sent or failed: tell the sessions. Told, never answered."""

    id: JobId


class JobUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="schedule.updated"):
    """A job as it is now; an answer, and to the user's sessions."""

    job: Job


OfSchedule = KeepJob | ChangeJob | CancelJob | ShowJob
