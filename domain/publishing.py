"""From an upload all of whose bytes have come to a file.

Whatever was done before a host died may be done again: what S3 has and what the ledger says decide.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Literal

import msgspec

from streamhub.domain.blobs import Blobs, NoMultipart, PartsDiffer
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import FileId, VersionId
from streamhub.domain.upload_ledger import Became, Published, UploadLedger
from streamhub.domain.uploads import Ledger, Upload

FORGET_AFTER_MS: Final = 3_600_000
"""Until then a client that asks is told how its upload ended, and late writers have ended, too."""

Outcome = Became | Literal["reopened", "failed", "not_sealing"]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Of the version that is made, of a new `file` unless it is for one; when (ms)."""

    file: FileId
    version: VersionId
    at: int


class Publishing:
    """Puts uploads together in S3, checks them, and makes files of them."""

    def __init__(self, blobs: Blobs, ledger: UploadLedger, keep_versions: int) -> None:
        self._blobs = blobs
        self._keep_versions = keep_versions
        self._ledger = ledger

    async def publish(self, ledger: Ledger, names: Names) -> Outcome:
        """What became of an upload that is sealing. Raises TryAgain("unavailable")."""
        upload = ledger.upload
        if upload.crc32c is not None and upload.crc32c != ledger.crc32c:
            return await self._fail(upload, "checksum_mismatch", names.at + FORGET_AFTER_MS)
        try:
            object = await self._put_together(ledger)
        except (NoMultipart, PartsDiffer):
            return await self._reopen(ledger)
        published = Published(
            file=names.file,
            version=names.version,
            object=object,
            crc32c=ledger.crc32c,
            size=ledger.stored_bytes,
            at=names.at,
        )
        became = await self._ledger.publish(upload.id, published, self._keep_versions)
        if became is None:
            return "not_sealing"
        if became.gone:
            with suppress(TryAgain):  # what nothing names is found later
                await self._blobs.delete(became.gone)
        return became

    async def _put_together(self, ledger: Ledger) -> str:
        """Where the whole is. Raises NoMultipart, PartsDiffer."""
        upload = ledger.upload
        if not ledger.parts:
            await self._blobs.put(upload.object, _nothing, 0)
            return upload.object
        if upload.multipart is None:
            (part,) = ledger.parts
            if not await self._is_there(part.object, part.size):
                raise PartsDiffer
            return part.object
        try:
            await self._blobs.complete(upload.object, upload.multipart, ledger.parts)
        except NoMultipart:  # it may have been completed before
            if not await self._is_there(upload.object, ledger.stored_bytes):
                raise
        else:
            if not await self._is_there(upload.object, ledger.stored_bytes):
                raise TryAgain("unavailable", "the file store has not put it together yet")
        return upload.object

    async def _is_there(self, object: str, size: int) -> bool:
        stat = await self._blobs.stat(object)
        return stat is not None and stat.size == size

    async def _reopen(self, ledger: Ledger) -> Outcome:
        """Ask for what S3 has lost, or has otherwise than the ledger says."""
        upload = ledger.upload
        multipart = upload.multipart
        lost = [part.number for part in ledger.parts]
        if multipart is not None:
            try:
                held = await self._blobs.parts(upload.object, multipart)
            except NoMultipart:
                multipart = await self._blobs.begin(upload.object)
            else:
                lost = [
                    part.number
                    for part in ledger.parts
                    if part.number not in held or held[part.number].etag != part.etag
                ]
        done = await self._ledger.reopen(upload.id, lost, multipart)
        return "reopened" if done else "not_sealing"

    async def _fail(self, upload: Upload, problem: str, forget_at: int) -> Outcome:
        done = await self._ledger.end(upload.id, "sealing", "failed", problem, forget_at)
        return "failed" if done else "not_sealing"


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
