"""Looking after uploads and files: what is due is done, what nothing names is thrown away."""

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import TryAgain
from streamhub.domain.files import FileStore
from streamhub.domain.folders import FolderStore
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId, Message, upload_actor
from streamhub.domain.upload_ledger import UploadLedger
from streamhub.domain.upload_messages import LookAfterUpload
from streamhub.domain.uploads import Ledger

log = structlog.get_logger()

EVERY_S: Final = 5.0
ORPHAN_AGE_MS: Final = 2 * 86_400_000
"""Older than any upload that goes on."""

COUNTED_EVERY_MS: Final = 86_400_000
_COUNTED: Final = 20
"""Users at a time, whose rows are held one after the other."""

_LIMIT: Final = 200
_LISTED: Final = 1_000


class _Actors(Protocol):
    def tell(self, to: ActorId, message: Message) -> None: ...


class UploadCare:
    """One host looks, a batch at a time. An object is deleted only after the row that named it."""

    def __init__(
        self,
        host: HostId,
        ledger: UploadLedger,
        files: FileStore,
        folders: FolderStore,
        blobs: Blobs,
        actors: _Actors,
        directory: Directory,
        now_ms: Callable[[], int],
        *,
        trash_ms: int,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._folders = folders
        self._blobs = blobs
        self._actors = actors
        self._duty = OneHost("uploads", host, directory)
        self._now_ms = now_ms
        self._trash_ms = trash_ms
        self._after = ""

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("uploads", EVERY_S, self._turn)

    async def _turn(self) -> None:
        if not self._duty.is_this:
            return
        try:
            await self.go_on()
            await self.forget()
            await self.empty_trash()
            await self.sweep()
            await self.count()
        except TryAgain as error:
            log.warning("uploads.not_looked_after", error=error.detail)

    async def go_on(self) -> int:
        """Tell uploads that were being put together, and those that have expired."""
        due = await self._ledger.due(self._now_ms(), _LIMIT)
        for upload in due:
            self._actors.tell(upload_actor(upload), LookAfterUpload())
        return len(due)

    async def forget(self) -> int:
        """Throw away what is left of uploads that are over."""
        over = await self._ledger.over(self._now_ms(), _LIMIT)
        for ledger in over:
            upload = ledger.upload
            if upload.multipart is not None and upload.state != "ready":
                await self._blobs.abort(upload.object, upload.multipart)
            await self._ledger.forget(upload.id)
            await self._delete(_objects_of(ledger))
        return len(over)

    async def empty_trash(self) -> int:
        """Delete the files that have been in the trash for long enough."""
        due = await self._files.to_empty(self._now_ms() - self._trash_ms, _LIMIT)
        for owner, file in due:
            await self._delete(await self._files.remove(owner, file) or ())
        await self._folders.empty(self._now_ms() - self._trash_ms)
        return len(due)

    async def sweep(self) -> int:
        """Look at the next objects of the bucket, and delete those that nothing names; how many
        these were."""
        listed = await self._blobs.named(self._after, _LISTED)
        self._after = listed[-1].object if len(listed) == _LISTED else ""
        before = self._now_ms() - ORPHAN_AGE_MS
        unnamed = await self._ledger.unnamed([one.object for one in listed if one.at < before])
        await self._delete(tuple(unnamed))
        return len(unnamed)

    async def count(self) -> int:
        """Compare what some users use with what is noted, once a day; how many were wrong."""
        now_ms, wrong = self._now_ms(), 0
        for user in await self._ledger.to_count(now_ms - COUNTED_EVERY_MS, _COUNTED):
            noted, counted = await self._ledger.count(user, now_ms)
            if noted != counted:
                wrong += 1
                log.error("storage.was_wrong", user=user, noted=noted, counted=counted)
        return wrong

    async def _delete(self, objects: tuple[str, ...]) -> None:
        if objects:
            await self._blobs.delete(objects)
            log.info("uploads.objects_deleted", count=len(objects))


def _objects_of(ledger: Ledger) -> tuple[str, ...]:
    """Those that no file has: of one that became a file, there are none."""
    if ledger.upload.state == "ready":
        return ()
    parts = (part.object for part in ledger.parts if part.object)
    return (*parts, *(tail.object for tail in ledger.tails))
