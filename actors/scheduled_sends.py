"""Posting scheduled messages when they are due."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.mentions import handles_in, mentions_in
from streamhub.domain.messages import (
    ActorId,
    Answer,
    Message,
    Post,
    Receipt,
    channel_actor,
    counts_as_unread,
    inbox_actor,
)
from streamhub.domain.people import People
from streamhub.domain.schedule_messages import ShowJob
from streamhub.domain.scheduling import GIVEN_UP_MS, REMEMBERED_MS, Job, JobStore

log = structlog.get_logger()

EVERY_S: Final = 1.0
LEASE_MS: Final = 30_000
"""Longer than a try takes; then another host may try it."""

_AT_ONCE: Final = 50
_FORGOTTEN: Final = 500
_LEAST_WAIT_MS: Final = 1_000
_MOST_WAIT_MS: Final = 60_000


class _Asking(Protocol):
    def tell(self, to: ActorId, message: Message) -> None: ...

    async def request(self, to: ActorId, message: Message) -> Answer: ...


class ScheduledSends:
    """One host of the view sends, the way the author's own command would go.

    No job is sent twice, whoever sends it however often: its message's key says which job it is,
    and a job that was taken belongs to who took it for LEASE_MS. What is refused fails; what could
    not be done is tried again, a day long.
    """

    def __init__(
        self,
        host: HostId,
        store: JobStore,
        people: People,
        asking: _Asking,
        directory: Directory,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._people = people
        self._asking = asking
        self._duty = OneHost("schedule", host, directory)
        self._now_ms = now_ms

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("schedule", EVERY_S, self._turn)

    async def _turn(self) -> None:
        if not self._duty.is_this:
            return
        try:
            while self._duty.is_this and await self.send_due():
                pass
            await self._store.forget(self._now_ms() - REMEMBERED_MS, _FORGOTTEN)
        except TryAgain as error:
            log.warning("schedule.not_looked_after", error=error.detail)

    async def send_due(self) -> int:
        """Send what is due, the first of each user in each channel; how many were tried. Raises
        TryAgain."""
        now_ms = self._now_ms()
        jobs = await self._store.take_due(now_ms, now_ms + LEASE_MS, _AT_ONCE)
        await asyncio.gather(*map(self._send, jobs))
        return len(jobs)

    async def _send(self, job: Job) -> None:
        """What goes wrong with one goes wrong with it alone: when its lease ends it is tried
        again."""
        try:
            await self._settle(job)
        except Exception:
            log.exception("schedule.not_sent", schedule=job.id)

    async def _settle(self, job: Job) -> None:
        now_ms = self._now_ms()
        try:
            if now_ms - job.send_at > GIVEN_UP_MS:
                raise Refused("timeout", "it could not be sent for a day")
            receipt = await self._post(job)
        except StreamHubError as error:
            if _is_passing(error):
                await self._wait(job, error)
                return
            log.info("schedule.failed", schedule=job.id, code=error.code)
            await self._store.failed(job.id, error.code, error.detail)
        else:
            await self._store.sent(job.id, receipt.id, self._now_ms())
        self._asking.tell(inbox_actor(job.user), ShowJob(id=job.id))

    async def _post(self, job: Job) -> Receipt:
        """Raises StreamHubError."""
        if job.user not in await self._people.reachable((job.user,)):
            raise Refused("suspended", "the account may not write")
        handles = handles_in(job.text)
        people = await self._people.by_handles(handles) if handles else {}
        mentions = mentions_in(job.text, people) if handles else ()
        post = Post(
            author=job.user,
            key=job.key,
            digest=hashlib.sha256(job.text.encode()).digest(),
            text=job.text,
            mentions=mentions,
            thread=job.thread,
            counts=counts_as_unread(
                silent=job.silent,
                in_thread=job.thread is not None,
                in_channel=False,
                mentions=mentions,
            ),
        )
        receipt = await self._asking.request(channel_actor(job.channel), post)
        assert isinstance(receipt, Receipt)
        return receipt

    async def _wait(self, job: Job, error: StreamHubError) -> None:
        """As long again as it is late, within bounds."""
        now_ms = self._now_ms()
        wait_ms = min(_MOST_WAIT_MS, max(_LEAST_WAIT_MS, now_ms - job.send_at))
        at = now_ms + max(wait_ms, error.retry_after_ms or 0)
        await self._store.later(job.id, at, pending=not isinstance(error, TryAgain))


def _is_passing(error: StreamHubError) -> bool:
    """Whether the same post may succeed later. One that was refused was not done; of any other that
    is not known."""
    return isinstance(error, TryAgain) or error.code == "slow_mode"
