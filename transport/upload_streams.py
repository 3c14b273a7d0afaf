"""All the streams of a host into uploads."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.ids import UploadId, UserId
from streamhub.domain.upload_messages import UploadProgress, UploadStanding
from streamhub.domain.uploads import OVER, Ledger
from streamhub.protocol import uploads
from streamhub.protocol.shapes import Outgoing
from streamhub.transport.intake import Intake
from streamhub.transport.upload_stream import UploadStream

log = structlog.get_logger()

_TELL_EVERY_S: Final = 1.0
_LEAVE_S: Final = 10.0
_MAKE_WAY_S: Final = 0.15
_STALE: Final = Refused("stale_term", "another connection took this upload over")


class UploadStreams:
    """Knows which streams go into which upload, and does what outlives a connection."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.buffers = intake.buffers
        self._streams: dict[UploadId, set[UploadStream]] = {}
        self._told_at: dict[UploadId, float] = {}
        self._keeping: dict[UploadId, set[asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(
        self,
        number: int,
        upload: UploadId,
        by: UserId,
        term: int | None,
        say: Callable[[str, Outgoing], None],
    ) -> tuple[UploadStream | None, Ledger]:
        """A new stream; those of older terms end. None: the upload receives nothing any more.

        Raises Refused: not_found, stale_term; TryAgain.
        """
        ledger = await self.intake.look(upload, by)
        if ledger.upload.state != "receiving":
            return None, ledger
        if term is None:
            await self._make_way(upload)
        ledger = await self.intake.attach(upload, by, term=term)
        stream = UploadStream(number, ledger, self.intake.parts_of(ledger), self, say)
        self._streams.setdefault(upload, set()).add(stream)
        stream.begin()
        return stream, ledger

    async def _make_way(self, upload: UploadId) -> None:
        """What the streams of this host have of open parts is kept, if that can be done soon: once
        the term is another it is too late."""
        for stream in tuple(self._streams.get(upload, ())):
            self._end(stream, _STALE, tell=True)
        if keeping := self._keeping.get(upload):
            await asyncio.wait(keeping, timeout=_MAKE_WAY_S)

    def leave(self, stream: UploadStream) -> None:
        """Its connection is gone."""
        self._end(stream, Refused("gone", "the connection has ended"), tell=False)

    def _end(self, stream: UploadStream, why: Refused, *, tell: bool) -> None:
        upload = stream.upload
        if streams := self._streams.get(upload):
            streams.discard(stream)
            if not streams:
                del self._streams[upload]
                self._told_at.pop(upload, None)
        if (task := stream.end(why, tell=tell, keep=True)) is not None:
            self._keeping.setdefault(upload, set()).add(task)
            task.add_done_callback(lambda task: self._kept(upload, task))

    def _kept(self, upload: UploadId, task: asyncio.Task[None]) -> None:
        tasks = self._keeping[upload]
        tasks.discard(task)
        if not tasks:
            del self._keeping[upload]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it whether or not the connection lives."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("upload.failed", exc_info=error)

    def is_sent(self, upload: UploadId, part: int) -> bool:
        """Whether a stream of this host is sending that part."""
        return any(part in stream.sends for stream in self._streams.get(upload, ()))

    async def declare(self, upload: Ledger, size: int) -> None:
        await self.intake.declare(upload.upload.id, upload.upload.owner, size)

    def stored(self, stream: UploadStream, standing: UploadStanding) -> None:
        """Tell the owner's sessions, at most once a second."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at.get(stream.upload, -_TELL_EVERY_S) >= _TELL_EVERY_S:
            self._told_at[stream.upload] = now
            self._tell(stream.ledger, standing)

    def _tell(self, ledger: Ledger, standing: UploadStanding) -> None:
        upload = ledger.upload
        progress = UploadProgress(
            upload=upload.id,
            name=upload.name,
            state=standing.state,
            bytes=standing.stored,
            size=upload.size,
            file=standing.file,
            problem=standing.problem,
        )
        self.intake.tell(progress, upload.owner)

    async def finish(self, upload: UploadId, by: UserId, done: "Told") -> UploadStanding:
        """Begin to make a file of it; `done` is told how that ended, if it takes longer."""
        standing = await self.intake.begin_finish(upload, by)
        if standing.state not in OVER:
            _ = self.spawn(self._finish(upload, by, done))
        return standing

    async def _finish(self, upload: UploadId, by: UserId, done: "Told") -> None:
        try:
            standing = await self.intake.finish(upload, by)
        except StreamHubError as error:  # what S3 has lost is asked for again
            done(uploads.UploadState(upload=upload, state="receiving", problem=error.code))
            return
        done(upload_state(upload, standing))
        try:
            self._tell(await self.intake.look(upload, by), standing)
        except StreamHubError as error:
            log.info("upload.not_told", upload=upload, error=error.code)

    async def cancel(self, upload: UploadId, by: UserId) -> UploadStanding:
        """Give it up; its streams end."""
        standing = await self.intake.cancel(upload, by)
        for stream in tuple(self._streams.get(upload, ())):
            self._end(stream, Refused("gone", "the upload was cancelled"), tell=True)
        return standing

    async def close(self) -> None:
        """What has come is kept, if that can be done soon."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LEAVE_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


Told = Callable[[uploads.UploadState], None]


def upload_state(upload: UploadId, standing: UploadStanding) -> uploads.UploadState:
    return uploads.UploadState(
        upload=upload, state=standing.state, file=standing.file, problem=standing.problem
    )
