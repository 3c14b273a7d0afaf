"""One connection's stream into an upload: frames of data in, durable parts out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple, Protocol

from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.ids import UploadId
from streamhub.domain.upload_messages import UploadStanding
from streamhub.domain.uploads import Ledger
from streamhub.protocol import uploads
from streamhub.protocol.shapes import Outgoing
from streamhub.protocol.uploads import DataFrame
from streamhub.transport.part_store import PartStore
from streamhub.transport.pieces import Buffers, Piece

STALLED_S: Final = 10.0
"""A part that has got nothing for so long gives its room to others."""

_TELL_BYTES: Final = 1 << 20
_MOST_PIECES: Final = 2
_ENDS: Final = frozenset(("stale_term", "sealing", "gone", "conflict", "not_found"))


class _Open(NamedTuple):
    """A part that is being sent, to `end`, into a piece that has `room`."""

    part: int
    piece: Piece
    end: int
    room: int


class Surroundings(Protocol):
    """What a stream needs of its host; see `transport.upload_streams`."""

    buffers: Buffers

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    def is_sent(self, upload: UploadId, part: int) -> bool: ...
    async def declare(self, upload: Ledger, size: int) -> None: ...
    def stored(self, stream: "UploadStream", standing: UploadStanding) -> None: ...


class UploadStream:
    """A part is sent from its beginning, or from where it stands, to its end, one part at a time.

    Credit is given for room that was taken of the host's; while a part is being stored there may be
    room for the next. Who has credit left but no room any more waits when it opens a part. What has
    come of a part that stalls, or whose connection ends, is kept as a tail.
    """

    def __init__(
        self,
        number: int,
        ledger: Ledger,
        store: PartStore,
        host: Surroundings,
        say: Callable[[str, Outgoing], None],
    ) -> None:
        self.number = number
        self.credit = 0
        self.received = 0
        self._host = host
        self._store = store
        self.ledger = ledger
        self._say = say
        self._done = {part.number for part in ledger.parts}
        self._told = 0
        self._open: _Open | None = None
        self._opening: int | None = None
        self._rooms: list[int] = []
        self._asking: asyncio.Task[None] | None = None
        self._storing: set[int] = set()
        self._spilling: asyncio.Task[None] | None = None
        self._moved_at = asyncio.get_running_loop().time()
        self._ended: Refused | None = None

    @property
    def upload(self) -> UploadId:
        return self.ledger.upload.id

    @property
    def term(self) -> int:
        return self.ledger.upload.term

    @property
    def has_ended(self) -> bool:
        return self._ended is not None

    @property
    def sends(self) -> frozenset[int]:
        """The parts that are being sent or stored."""
        sent = {self._open.part} if self._open is not None else set[int]()
        opening = {self._opening} if self._opening is not None else set[int]()
        return frozenset(self._storing | sent | opening)

    def partial(self) -> tuple[tuple[int, int], ...]:
        """Parts that have begun: their numbers, and how many bytes are there."""
        part_bytes = self._store.upload.part_bytes
        begun = sorted({start // part_bytes + 1 for start in self._store.tails} - self._done)
        stands = ((part, self._stands(part) - (part - 1) * part_bytes) for part in begun)
        return tuple((part, came) for part, came in stands if came)

    def begin(self) -> None:
        """Give the first credit, at once if there is room."""
        if not self._has_more:
            return
        room = self._host.buffers.take_now(self._room_bytes, self.upload)
        if room is None:
            self._ask_for_room()
        else:
            self._rooms.append(room)
            self.credit += self._room_bytes

    # -- frames -----------------------------------------------------------------------------

    async def take(self, frame: DataFrame) -> None:
        """Raises Refused: stale_term, checksum_mismatch, credit_exceeded, length_exceeded,
        offset_conflict, quota_exceeded; TryAgain. Then nothing has changed."""
        self._check(frame)
        upload, end = self._store.upload, frame.offset + len(frame.payload)
        if (open := self._open) is None:
            if not frame.payload and frame.offset % upload.part_bytes == 0:
                await self._host.declare(self.ledger, end)
                self._store.declared(end)
                return
            open = await self._begin(frame)
        if frame.flags & uploads.FILE_END and upload.size is None:
            await self._host.declare(self.ledger, end)
            self._store.declared(end)
        if self._ended is not None:
            raise self._ended
        if self._open is not open:  # it was spilled meanwhile
            raise Refused("offset_conflict", f"part {open.part} goes on at {open.piece.end}")
        open.piece.add(frame.payload)
        self._moved_at = asyncio.get_running_loop().time()
        self.received += len(frame.payload)
        ends = end in (open.end, self._store.upload.size)
        if ends or self.received - self._told >= _TELL_BYTES:
            self._told = self.received
            self._say(
                "upload.received", uploads.UploadReceived(stream=self.number, bytes=self.received)
            )
        if ends:
            self._open = None
            self._storing.add(open.part)
            _ = self._host.spawn(self._stored(open))

    def _check(self, frame: DataFrame) -> None:
        if self._ended is not None:
            raise self._ended
        upload, size = self._store.upload, len(frame.payload)
        if frame.term != upload.term:
            raise Refused("stale_term", f"the upload is in term {upload.term}")
        if not frame.is_sound:
            raise Refused("checksum_mismatch", "the payload is not what its checksum says")
        if self.received + size > self.credit:
            raise Refused("credit_exceeded", f"{self.credit} bytes may have been sent")
        end = frame.offset + size
        if upload.size is not None and end > upload.size:
            raise Refused("length_exceeded", f"the upload has {upload.size} bytes")
        if end > (part_end := self._store.part_end(frame.offset)):
            raise Refused("length_exceeded", f"its part ends at {part_end}")
        if self._open is not None and frame.offset != (stands := self._open.piece.end):
            raise Refused("offset_conflict", f"part {self._open.part} goes on at {stands}")
        flags = frame.flags
        ends_file = bool(flags & uploads.FILE_END)
        if not size and (not ends_file or upload.size is not None):
            raise Refused("bad_request", "a frame without payload ends a file of unknown length")
        if ends_file and upload.size not in (None, end):
            raise Refused("bad_request", f"the file ends at {upload.size}", field="flags")
        if flags & uploads.PART_END and end != part_end and not ends_file:
            raise Refused("bad_request", f"the part ends at {part_end}", field="flags")

    async def _begin(self, frame: DataFrame) -> _Open:
        """Open a part."""
        if self._spilling is not None:
            await asyncio.wait((self._spilling,))
        part = frame.offset // self._store.upload.part_bytes + 1
        first, stands = (part - 1) * self._store.upload.part_bytes, self._stands(part)
        if part in self._done:
            raise Refused("offset_conflict", f"part {part} is durable")
        if self._host.is_sent(self.upload, part):
            raise Refused("offset_conflict", f"part {part} is being sent")
        if frame.offset not in (first, stands):
            raise Refused("offset_conflict", f"part {part} begins at {first}, or at {stands}")
        end = self._store.part_end(frame.offset)
        self._opening = part
        try:
            await self._store.reserve(end)
            room = self._rooms.pop() if self._rooms else await self._room()
        finally:
            self._opening = None
        self._open = _Open(part, Piece(frame.offset), end, room)
        self._ask_for_room()
        return self._open

    async def _room(self) -> int:
        """Wait for it, and for no credit. Raises why the stream has ended."""
        room = await self._host.buffers.take(self._room_bytes, self.upload)
        if self._ended is not None:
            self._give_back(room)
            raise self._ended
        return room

    def _stands(self, part: int) -> int:
        """Up to where the bytes of that part are there."""
        part_bytes = self._store.upload.part_bytes
        at, end = (part - 1) * part_bytes, part * part_bytes
        while at < end and (tail := self._store.tails.get(at)) is not None:
            at += tail.size
        return at

    # -- room -------------------------------------------------------------------------------

    @property
    def _room_bytes(self) -> int:
        upload = self._store.upload
        return upload.part_bytes if upload.size is None else min(upload.part_bytes, upload.size)

    @property
    def _has_more(self) -> bool:
        """Whether there are parts that nothing is held for."""
        upload = self._store.upload
        if upload.size is None:
            return True
        parts = -(-upload.size // upload.part_bytes)
        return parts > len(self._done) + len(self.sends) + len(self._rooms)

    def _ask_for_room(self) -> None:
        """For one part more, which gives credit; not while two are held."""
        pieces = len(self._rooms) + len(self.sends)
        if (
            self._asking is None
            and self._ended is None
            and pieces < _MOST_PIECES
            and self._has_more
        ):
            self._asking = self._host.spawn(self._get_room())

    async def _get_room(self) -> None:
        try:
            self._rooms.append(await self._host.buffers.take(self._room_bytes, self.upload))
        finally:
            self._asking = None
        self._moved_at = asyncio.get_running_loop().time()
        self._give_credit(self._room_bytes)

    def _give_credit(self, size: int) -> None:
        self.credit += size
        self._say("upload.credit", uploads.UploadCredit(stream=self.number, bytes=self.credit))

    def _give_back(self, room: int) -> None:
        self._host.buffers.give_back(room, self.upload)

    # -- storing ----------------------------------------------------------------------------

    async def _stored(self, whole: _Open) -> None:
        try:
            standing = await self._store.store_part(whole.piece)
        except StreamHubError as error:
            self._failed(whole.piece.start, error)
        else:
            self._done.add(whole.part)
            if standing is not None:
                self._host.stored(self, standing)
                durable = uploads.UploadDurable(
                    upload=self.upload, parts=(whole.part,), bytes=standing.stored
                )
                self._say("upload.durable", durable)
        finally:
            self._storing.discard(whole.part)
            self._give_back(whole.room)
            self._ask_for_room()

    def _failed(self, offset: int, error: StreamHubError) -> None:
        if error.code in _ENDS:
            _ = self.end(Refused(error.code, error.detail))
        else:
            self._refuse(offset, error)

    def _refuse(self, offset: int, error: StreamHubError) -> None:
        refused = uploads.UploadRefused(
            stream=self.number, offset=offset, code=error.code, detail=error.detail
        )
        self._say("upload.refused", refused)

    def spill_if_stalled(self) -> None:
        """Once a second: give room back that is not used."""
        if asyncio.get_running_loop().time() - self._moved_at < STALLED_S:
            return
        if self._host.buffers.wanted:
            while self._rooms:
                self._give_back(self._rooms.pop())
        if self._open is not None and self._open.piece.size:
            self._spill()

    def _spill(self) -> None:
        open, self._open = self._open, None
        if open is not None and open.piece.size:
            self._spilling = self._host.spawn(self._spilled(open))
        elif open is not None:
            self._give_back(open.room)

    async def _spilled(self, open: _Open) -> None:
        try:
            await self._store.store_tail(open.piece)
        except StreamHubError as error:
            self._failed(open.piece.start, error)
            if self._ended is None:
                self._give_credit(open.piece.size)
        finally:
            self._give_back(open.room)
            self._spilling = None

    # -- its end ----------------------------------------------------------------------------

    def end(
        self, why: Refused, *, tell: bool = True, keep: bool = False
    ) -> asyncio.Task[None] | None:
        """Nothing more is taken. With `keep`, what has come of the open part is kept, once the task
        that is returned is done."""
        if self._ended is not None:
            return None
        if tell:
            self._refuse(self.received, why)
        self._let_go(why)
        if keep:
            self._spill()
        elif self._open is not None:
            self._give_back(self._open.room)
            self._open = None
        return self._spilling

    def _let_go(self, why: Refused) -> None:
        self._ended = why
        if self._asking is not None:
            self._asking.cancel()
        while self._rooms:
            self._give_back(self._rooms.pop())
