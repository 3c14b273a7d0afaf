"""From pieces of an upload to parts and tails that are durable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import crc32c
from msgspec.structs import replace

from streamhub.domain.blobs import Blobs, NoMultipart
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.messages import upload_actor
from streamhub.domain.upload_ledger import Stored
from streamhub.domain.upload_messages import RecordStored, ReserveMore, UploadStanding
from streamhub.domain.uploads import RESERVED_STEP_BYTES, Ledger, Part, Tail, Upload
from streamhub.transport.asking import Asking
from streamhub.transport.pieces import Piece

_PUT_TRIES: Final = 4
_PUT_PAUSE_S: Final = 0.5


class PartStore:
    """Puts one writer's pieces into S3, then has the upload's actor record that they are there.

    With `held`, it is `record_held` that has them recorded, all together.
    """

    def __init__(self, ledger: Ledger, asking: Asking, blobs: Blobs, *, held: bool = False) -> None:
        self.upload: Upload = ledger.upload
        self.tails = {tail.start: tail for tail in ledger.tails}
        self._objects = {tail.start: tail.object for tail in ledger.tails}
        self._asking = asking
        self._blobs = blobs
        self._reserved = self.upload.reserved_bytes
        self._held: list[Stored] | None = [] if held else None

    def part_end(self, at: int) -> int:
        """Where the part ends that has the byte at `at`."""
        part_bytes, end = self.upload.part_bytes, self.upload.size
        whole = (at // part_bytes + 1) * part_bytes
        return whole if end is None else min(whole, end)

    def declared(self, size: int) -> None:
        """So long is the whole, as was not known before."""
        self.upload = replace(self.upload, size=size)

    async def reserve(self, end: int) -> None:
        """Of the quota, for an upload of unknown length. Raises Refused("quota_exceeded")."""
        if self.upload.size is None and end > self._reserved:
            wanted = -(-end // RESERVED_STEP_BYTES) * RESERVED_STEP_BYTES
            reserve = ReserveMore(by=self.upload.owner, bytes=wanted)
            await self._asking.request(upload_actor(self.upload.id), reserve)
            self._reserved = wanted

    async def store_part(self, piece: Piece) -> UploadStanding | None:
        """The end of a part, with the tails that hold its beginning. Raises StreamHubError."""
        upload = self.upload
        number = piece.start // upload.part_bytes + 1
        first = (number - 1) * upload.part_bytes
        tails = self.tails_of(first, piece.start)
        checksum = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal checksum
            checksum = 0
            for tail in tails:
                held = 0
                async for chunk in self._blobs.read(tail.object, 0, tail.size):
                    held = crc32c.crc32c(chunk, held)
                    checksum = crc32c.crc32c(chunk, checksum)
                    yield chunk
                if held != tail.crc32c:
                    raise TryAgain("unavailable", "the file store gave other bytes than it took")
            async for chunk in piece.body():
                checksum = crc32c.crc32c(chunk, checksum)
                yield chunk

        size = piece.end - first
        if upload.multipart is not None:
            object, multipart = "", upload.multipart
            etag = await _tried(
                lambda: self._blobs.put_part(upload.object, multipart, number, body, size)
            )
        else:  # a late writer of an older term must not touch what a newer one has stored
            object = f"{upload.object}.{upload.term}"
            etag = await _tried(lambda: self._blobs.put(object, body, size))
        part = Part(number=number, size=size, crc32c=checksum, etag=etag, object=object)
        end = first + upload.part_bytes
        joined = tuple(start for start in self.tails if first <= start < end)
        standing = await self._note(Stored(parts=(part,), joined=joined))
        for start in joined:
            del self.tails[start]
        return standing

    def tails_of(self, first: int, end: int) -> Sequence[Tail]:
        """Those that hold the bytes from `first` to `end`."""
        tails = []
        while first < end:
            tail = self.tails[first]
            tails.append(tail)
            first += tail.size
        return tails

    async def store_tail(self, piece: Piece) -> UploadStanding | None:
        """Bytes behind which the rest of their part is still to come. Raises StreamHubError."""
        upload = self.upload
        object = f"tails/{upload.id}/{upload.term}-{piece.start}"
        await _tried(lambda: self._blobs.put(object, piece.body, piece.size))
        tail = Tail(start=piece.start, size=piece.size, crc32c=piece.crc32c, object=object)
        self.tails[tail.start] = tail
        self._objects[tail.start] = object
        return await self._note(Stored(tails=(tail,)))

    async def record_held(self) -> UploadStanding | None:
        """Raises StreamHubError."""
        if not self._held:
            return None
        stored, self._held = self._held, []
        return await self._record(_together(stored))

    async def _note(self, stored: Stored) -> UploadStanding | None:
        if self._held is None:
            return await self._record(stored)
        self._held.append(stored)
        return None

    async def _record(self, stored: Stored) -> UploadStanding:
        upload = self.upload
        record = RecordStored(by=upload.owner, term=upload.term, stored=stored)
        standing: Any = await self._asking.request(upload_actor(upload.id), record)
        if joined := [self._objects[start] for start in stored.joined]:
            with suppress(TryAgain):  # the reaper finds them
                await self._blobs.delete(joined)
        found: UploadStanding = standing
        return found


async def _tried(put: Callable[[], Awaitable[str]]) -> str:
    """What S3 answers, asked again while it is away for a moment."""
    for tries_left in reversed(range(_PUT_TRIES)):
        try:
            return await put()
        except NoMultipart:
            raise Refused("gone", "the file store threw the upload away: begin anew") from None
        except TryAgain:
            if not tries_left:
                raise
        await asyncio.sleep(_PUT_PAUSE_S)
    raise AssertionError("unreachable")


def _together(stored: list[Stored]) -> Stored:
    return Stored(
        parts=tuple(part for one in stored for part in one.parts),
        tails=tuple(tail for one in stored for tail in one.tails),
        joined=tuple(start for one in stored for start in one.joined),
    )
