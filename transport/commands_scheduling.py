"""The commands about scheduled sends: kept by the user's inbox, which tells the other sessions."""

from collections.abc import Callable, Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Member
from streamhub.domain.errors import Refused
from streamhub.domain.ids import JOB, RANDOM_BYTES, ChannelId, JobId, MessageId, UserId, make_id
from streamhub.domain.membership import called_by, check_may_post
from streamhub.domain.mentions import handles_in, mentions_in
from streamhub.domain.messages import inbox_actor
from streamhub.domain.people import People
from streamhub.domain.schedule_messages import CancelJob, ChangeJob, JobUpdated, KeepJob
from streamhub.domain.scheduling import Job, JobStore, check_send_at
from streamhub.protocol import scheduling
from streamhub.protocol.codec import body_digest
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Request, found


class SchedulingCommands:
    """Schedule a message, change and cancel it, and list them.

    What the author may do in the channel is checked here as far as it does not pass by itself, as
    being muted does; and by the channel when the message is posted.
    """

    def __init__(
        self,
        store: ChannelStore,
        jobs: JobStore,
        people: People,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._people = people
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            scheduling.ScheduleList: self._list,
            scheduling.ScheduleUpdate: self._update,
            scheduling.ScheduleCancel: _cancel,
        }

    async def create(
        self, user: UserId, body: scheduling.ScheduleCreate, key: str
    ) -> Outgoing | Request:
        """Raises Refused: bad_request, not_found, not_a_member, channel_archived, forbidden,
        key_reused; TryAgain."""
        digest = body_digest(body)
        kept = await self._jobs.keyed(user, key, digest)
        if kept is not None:  # its time may be over by now
            return wire.scheduled_object(kept)
        now_ms = self._now_ms()
        check_send_at(body.send_at, now_ms)
        job = Job(
            id=JobId(make_id(JOB, now_ms, self._random_bytes(RANDOM_BYTES))),
            user=user,
            channel=ChannelId(body.channel),
            text=body.text,
            send_at=body.send_at,
            created_at=now_ms,
            thread=MessageId(body.thread) if body.thread else None,
            silent=body.silent,
        )
        await self._check_may_post(job)
        return Request(inbox_actor(user), KeepJob(job=job, key=key, digest=digest), _shown)

    async def _list(self, standing: Standing, body: scheduling.ScheduleList) -> Outgoing:
        channel = None if body.channel is None else ChannelId(body.channel)
        page = await self._jobs.jobs(standing.user, channel, body.cursor, body.limit)
        items = tuple(map(wire.scheduled_object, page.items))
        return scheduling.ScheduledPage(items=items, next_cursor=page.next_cursor)

    async def _update(self, standing: Standing, body: scheduling.ScheduleUpdate) -> Request:
        id = JobId(body.schedule)
        found(await self._jobs.job(standing.user, id), "schedule")
        if body.send_at is not None:
            check_send_at(body.send_at, self._now_ms())
        change = ChangeJob(id=id, text=body.text, send_at=body.send_at)
        return Request(inbox_actor(standing.user), change, _shown)

    async def _check_may_post(self, job: Job) -> None:
        channel = found(await self._store.get(job.channel, job.user), "channel")
        mine = await self._store.overview(job.channel, job.user)
        members = (
            {job.user: Member(user=job.user, role=mine.role, joined_at=0, rev=0)} if mine else {}
        )
        check_may_post(channel, members, job.user)
        if handles := handles_in(job.text):
            people = await self._people.by_handles(handles)
            called_by(channel, members, job.user, mentions_in(job.text, people))
        if job.thread is not None:
            root = await self._store.message(job.thread, job.user)
            if root is None or root.channel != job.channel or root.thread is not None:
                raise Refused("not_found", "there is no such message here", field="thread")


def _cancel(standing: Standing, body: scheduling.ScheduleCancel) -> Request:
    cancel = CancelJob(id=JobId(body.schedule))
    return Request(inbox_actor(standing.user), cancel, _shown)


def _shown(answer: JobUpdated) -> Outgoing:
    return wire.scheduled_object(answer.job)
