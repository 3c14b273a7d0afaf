"""One writer's way into an upload: from bytes in their order to parts that are durable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import crc32c

from streamhub.domain.blobs import Blobs, NoMultipart
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.messages import upload_actor
from streamhub.domain.upload_ledger import Stored
from streamhub.domain.upload_messages import (
    RecordStored,
    ReserveMore,
)
from streamhub.domain.uploads import RESERVED_STEP_BYTES, Ledger, Part, Tail, Upload
from streamhub.transport.asking import Asking
from streamhub.transport.pieces import Buffers, Piece

_PUT_TRIES: Final = 4
_PUT_PAUSE_S: Final = 0.5


class Lane:
    """Takes an upload's bytes from its offset on. A part is stored while the next one comes; two
    of them are in memory at most.

    With `held`, parts are stored as they fill but recorded only by `flush`, all together.
    """

    def __init__(
        self, ledger: Ledger, asking: Asking, blobs: Blobs, buffers: Buffers, *, held: bool = False
    ) -> None:
        self._upload: Final[Upload] = ledger.upload
        self._tails = {tail.start: tail for tail in ledger.tails}
        self._objects = {tail.start: tail.object for tail in ledger.tails}
        self._asking = asking
        self._blobs = blobs
        self._buffers = buffers
        self._held = held
        self._reserved = self._upload.reserved_bytes
        self._piece: Piece | None = None
        self._taken = 0
        self._storing: asyncio.Task[None] | None = None
        self._recorded: list[Stored] = []
        self.came = ledger.offset
        """Up to where bytes came."""
        self.came_crc32c = ledger.offset_crc32c
        """Of the bytes that had come before."""
        self.durable = ledger.offset
        """Up to where they are durable."""

    @property
    def complete(self) -> bool:
        """Whether all of the upload is durable."""
        return self.durable == self._upload.size

    async def feed(self, chunk: bytes) -> None:
        """Take what came next. Raises Refused: length_exceeded, quota_exceeded, stale_term..."""
        upload = self._upload
        if upload.size is not None and self.came + len(chunk) > upload.size:
            raise Refused("length_exceeded", f"the upload has {upload.size} bytes")
        while chunk:
            piece = self._piece
            if piece is None:
                piece = await self._begin()
            room = self._part_end(piece.start) - piece.end
            piece.add(chunk[:room])
            self.came = piece.end
            chunk = chunk[room:]
            if piece.end == self._part_end(piece.start):
                await self._store_part()

    async def flush(self) -> int:
        """Make all that came durable; up to where it is. Raises StreamHubError."""
        piece = self._piece
        if piece is None and self.came == self._upload.size and self._tail_at_end():
            self._taken, self._piece = 0, Piece(self.came)  # its length came after its bytes
            await self._store_part()
        elif piece is not None:
            self._piece = None
            try:
                await self._stored()
                await self._store_tail(piece)
            finally:
                self._buffers.give_back(self._taken)
        await self._stored()
        if self._recorded:
            await self._record(_together(self._recorded))
            self._recorded.clear()
        return self.durable

    def _tail_at_end(self) -> bool:
        return any(tail.start + tail.size == self.came for tail in self._tails.values())

    async def drop(self) -> None:
        """Forget what is not durable."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
            self._storing = None
        if self._piece is not None:
            self._piece = None
            self._buffers.give_back(self._taken)

    # -- private ----------------------------------------------------------------------------

    def _part_end(self, at: int) -> int:
        part_bytes, end = self._upload.part_bytes, self._upload.size
        whole = (at // part_bytes + 1) * part_bytes
        return whole if end is None else min(whole, end)

    async def _begin(self) -> Piece:
        """A new piece, once there is room for it."""
        end = self._part_end(self.came)
        if self._upload.size is None and end > self._reserved:
            steps = -(-end // RESERVED_STEP_BYTES)
            wanted = steps * RESERVED_STEP_BYTES
            reserve = ReserveMore(by=self._upload.owner, bytes=wanted)
            await self._asking.request(upload_actor(self._upload.id), reserve)
            self._reserved = wanted
        self._taken = await self._buffers.take(end - self.came)
        self._piece = Piece(self.came)
        return self._piece

    async def _store_part(self) -> None:
        """Begin to store the piece, which ends its part, after the one before it."""
        piece, taken, self._piece = self._piece, self._taken, None
        if piece is None:
            return
        try:
            await self._stored()
        except BaseException:
            self._buffers.give_back(taken)
            raise

        async def store() -> None:
            try:
                await self._store(piece)
            finally:
                self._buffers.give_back(taken)

        self._storing = asyncio.create_task(store())

    async def _stored(self) -> None:
        """The part before is stored. Raises what went wrong with it."""
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    async def _store(self, piece: Piece) -> None:
        upload = self._upload
        number = piece.start // upload.part_bytes + 1
        first = (number - 1) * upload.part_bytes
        tails = self._tails_of(first, piece.start)
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
        await self._note(Stored(parts=(part,), joined=tuple(tail.start for tail in tails)))
        for tail in tails:
            del self._tails[tail.start]

    def _tails_of(self, first: int, end: int) -> list[Tail]:
        """Those that hold the part's bytes before the piece."""
        tails = []
        while first < end:
            tail = self._tails[first]
            tails.append(tail)
            first += tail.size
        return tails

    async def _store_tail(self, piece: Piece) -> None:
        upload = self._upload
        object = f"tails/{upload.id}/{upload.term}-{piece.start}"
        await _tried(lambda: self._blobs.put(object, piece.body, piece.size))
        tail = Tail(start=piece.start, size=piece.size, crc32c=piece.crc32c, object=object)
        self._tails[tail.start] = tail
        self._objects[tail.start] = object
        await self._note(Stored(tails=(tail,)))

    async def _note(self, stored: Stored) -> None:
        if self._held:
            self._recorded.append(stored)
        else:
            await self._record(stored)

    async def _record(self, stored: Stored) -> None:
        upload = self._upload
        record = RecordStored(by=upload.owner, term=upload.term, stored=stored)
        standing: Any = await self._asking.request(upload_actor(upload.id), record)
        self.durable = standing.offset
        if joined := [self._objects[start] for start in stored.joined]:
            with suppress(TryAgain):  # the reaper finds them
                await self._blobs.delete(joined)


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
