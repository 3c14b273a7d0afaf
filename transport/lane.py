"""One HTTP writer's way into an upload: from bytes in their order to parts that are durable."""

import asyncio
from typing import Final

from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import Refused
from streamhub.domain.upload_messages import UploadStanding
from streamhub.domain.uploads import Ledger, Upload
from streamhub.transport.asking import Asking
from streamhub.transport.part_store import PartStore
from streamhub.transport.pieces import Buffers, Piece


class Lane:
    """Takes an upload's bytes from its offset on. A part is stored while the next one comes; two
    of them are in memory at most.

    With `held`, parts are stored as they fill but recorded only by `flush`, all together.
    """

    def __init__(
        self, ledger: Ledger, asking: Asking, blobs: Blobs, buffers: Buffers, *, held: bool = False
    ) -> None:
        self._upload: Final[Upload] = ledger.upload
        self._store = PartStore(ledger, asking, blobs, held=held)
        self._buffers = buffers
        self._piece: Piece | None = None
        self._taken = 0
        self._storing: asyncio.Task[None] | None = None
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
            end = self._store.part_end(piece.start)
            room = end - piece.end
            piece.add(chunk[:room])
            self.came = piece.end
            chunk = chunk[room:]
            if piece.end == end:
                await self._store_part()

    async def flush(self) -> int:
        """Make all that came durable; up to where it is. Raises StreamHubError."""
        piece = self._piece
        if piece is None and self.came == self._upload.size and self._tail_at_end():
            self._taken = await self._buffers.take(0, self._upload.id)
            self._piece = Piece(self.came)  # its length came after its bytes
            await self._store_part()
        elif piece is not None:
            self._piece = None
            try:
                await self._stored()
                self._note(await self._store.store_tail(piece))
            finally:
                self._buffers.give_back(self._taken, self._upload.id)
        await self._stored()
        self._note(await self._store.record_held())
        return self.durable

    def _tail_at_end(self) -> bool:
        return any(tail.start + tail.size == self.came for tail in self._store.tails.values())

    async def drop(self) -> None:
        """Forget what is not durable."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
            self._storing = None
        if self._piece is not None:
            self._piece = None
            self._buffers.give_back(self._taken, self._upload.id)

    # -- private ----------------------------------------------------------------------------

    async def _begin(self) -> Piece:
        """A new piece, once there is room for it."""
        end = self._store.part_end(self.came)
        await self._store.reserve(end)
        self._taken = await self._buffers.take(end - self.came, self._upload.id)
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
            self._buffers.give_back(taken, self._upload.id)
            raise

        async def store() -> None:
            try:
                self._note(await self._store.store_part(piece))
            finally:
                self._buffers.give_back(taken, self._upload.id)

        self._storing = asyncio.create_task(store())

    async def _stored(self) -> None:
        """The part before is stored. Raises what went wrong with it."""
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    def _note(self, standing: UploadStanding | None) -> None:
        if standing is not None:
            self.durable = standing.offset
