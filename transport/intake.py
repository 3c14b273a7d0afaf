"""The edge's side of uploads: opens them, takes their bytes, has them finished."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import PayloadEncodingError

from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.file_names import file_name, mime_type
from streamhub.domain.ids import (
    FILE,
    FOLDER,
    RANDOM_BYTES,
    UPLOAD,
    FileId,
    FolderId,
    UploadId,
    UserId,
    is_id,
    make_id,
)
from streamhub.domain.messages import inbox_actor, upload_actor
from streamhub.domain.upload_ledger import Opening, UploadLedger
from streamhub.domain.upload_messages import (
    AttachUpload,
    CancelUpload,
    DeclareSize,
    FinishUpload,
    OfUpload,
    UploadProgress,
    UploadStanding,
)
from streamhub.domain.uploads import RESERVED_STEP_BYTES, Ledger, Upload, part_bytes_of
from streamhub.transport.asking import Asking
from streamhub.transport.lane import Lane
from streamhub.transport.part_store import PartStore
from streamhub.transport.pieces import Buffers

_FINISH_TRIES: Final = 60
_HEADS: Final = "heads"
_GONE: Final = (OSError, web.PayloadAccessError, web.RequestPayloadError, PayloadEncodingError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which uploads are taken."""

    part_bytes: int
    """The least length of a part."""

    max_bytes: int
    quota_bytes: int
    ttl_ms: int


class Intake:
    """What HTTP and the upload socket have in common."""

    def __init__(
        self,
        asking: Asking,
        ledger: UploadLedger,
        blobs: Blobs,
        buffers: Buffers,
        terms: Terms,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.terms = terms
        self.blobs = blobs
        self._asking = asking
        self._ledger = ledger
        self.buffers = buffers
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def open(
        self,
        owner: UserId,
        name: str,
        mime: str | None,
        size: int | None,
        *,
        crc32c: int | None = None,
        key: str | None = None,
        into: str | None = None,
        folder: str | None = None,
    ) -> Upload:
        """A new upload, or the one that was opened with `key`. `size` None: not known yet. It
        becomes a version of the file `into`, or a new file in `folder`.

        Raises Refused: bad_request, invalid_text, not_found, too_large, quota_exceeded, key_reused;
        TryAgain.
        """
        if size is not None and size > self.terms.max_bytes:
            raise Refused("too_large", f"a file may have {self.terms.max_bytes} bytes")
        now_ms = self._now_ms()
        upload = UploadId(make_id(UPLOAD, now_ms, self._random_bytes(RANDOM_BYTES)))
        object, part_bytes = f"blobs/{upload}", part_bytes_of(size, self.terms.part_bytes)
        name, mime = file_name(name), mime_type(mime)
        if into is not None and not is_id(into, FILE):
            raise Refused("not_found", "you have no such file", field="file")
        if folder is not None and not is_id(folder, FOLDER):
            raise Refused("not_found", "you have no such folder", field="folder")
        asked = (name, mime, size, crc32c, *filter(None, (into, folder)))
        digest = hashlib.sha256(msgspec.msgpack.encode(asked)).digest()
        single = size is not None and size <= part_bytes
        opened = Upload(
            id=upload,
            owner=owner,
            name=name,
            mime=mime,
            size=size,
            part_bytes=part_bytes,
            object=object,
            multipart=None if single else await self.blobs.begin(object),
            crc32c=crc32c,
            created_at=now_ms,
            expires_at=now_ms + self.terms.ttl_ms,
            reserved_bytes=RESERVED_STEP_BYTES if size is None else size,
            into=None if into is None else FileId(into),
            folder=None if folder is None else FolderId(folder),
        )
        try:
            mine = await self._ledger.open(
                Opening(upload=opened, key=key, digest=digest), self.terms.quota_bytes
            )
        except Refused:
            await self._discard(opened)
            raise
        if mine.id != upload:
            await self._discard(opened)
        return mine

    async def _discard(self, upload: Upload) -> None:
        if upload.multipart is not None:
            await self.blobs.abort(upload.object, upload.multipart)

    async def look(self, upload: str, by: UserId) -> Ledger:
        """What is durable of it, without disturbing who writes. Raises Refused("not_found")."""
        ledger = await self._ledger.load(UploadId(upload)) if is_id(upload, UPLOAD) else None
        if ledger is None or ledger.upload.owner != by:
            raise _unknown()
        return ledger

    async def lane(
        self, upload: UploadId, by: UserId, *, offset: int | None = None, held: bool = False
    ) -> Lane:
        """Become the only writer, if it stands at `offset`. Raises Refused: not_found,
        offset_conflict, sealing, gone, conflict; TryAgain."""
        ledger = await self.attach(upload, by, offset=offset)
        return Lane(ledger, self._asking, self.blobs, self.buffers, held=held)

    async def attach(
        self, upload: UploadId, by: UserId, *, offset: int | None = None, term: int | None = None
    ) -> Ledger:
        """Become the only writer, or with the present `term` one more. Raises as `lane`, and
        Refused("stale_term")."""
        attach = AttachUpload(by=by, offset=offset, term=term)
        attached: Any = await self._ask(upload, attach)
        ledger: Ledger = attached.ledger
        return ledger

    def parts_of(self, ledger: Ledger) -> PartStore:
        """To store pieces of it, whatever their order."""
        return PartStore(ledger, self._asking, self.blobs)

    async def head_of(self, chunks: AsyncIterator[bytes]) -> tuple[bytes, bool]:
        """What comes first, up to about a part, and whether that is all."""
        room = await self.buffers.take(self.terms.part_bytes, _HEADS)
        try:
            head = bytearray()
            async for chunk in chunks:
                head += chunk
                if len(head) > self.terms.part_bytes:
                    return bytes(head), False
            return bytes(head), True
        finally:
            self.buffers.give_back(room, _HEADS)

    async def declare(self, upload: UploadId, by: UserId, size: int) -> None:
        """Raises Refused: too_large, conflict, length_exceeded, quota_exceeded; TryAgain."""
        if size > self.terms.max_bytes:
            raise Refused("too_large", f"a file may have {self.terms.max_bytes} bytes")
        await self._ask(upload, DeclareSize(by=by, size=size))

    async def begin_finish(self, upload: UploadId, by: UserId) -> UploadStanding:
        """How it stands now: sealing, or over. Raises as `finish`."""
        standing: Any = await self._ask(upload, FinishUpload(by=by))
        found: UploadStanding = standing
        return found

    async def finish(self, upload: UploadId, by: UserId) -> UploadStanding:
        """Once it is over: ready, failed or aborted. Raises Refused("offset_conflict"), TryAgain:
        it goes on even if nobody waits."""
        ask = FinishUpload(by=by, wait=True)
        for tries_left in reversed(range(_FINISH_TRIES)):
            try:
                standing: Any = await self._ask(upload, ask)
            except TryAgain as error:
                if error.code not in ("timeout", "moved", "unknown") or not tries_left:
                    raise
            else:
                found: UploadStanding = standing
                return found
        raise AssertionError("unreachable")

    async def cancel(self, upload: UploadId, by: UserId) -> UploadStanding:
        """Raises Refused: not_found, sealing, conflict, gone; TryAgain."""
        standing: Any = await self._ask(upload, CancelUpload(by=by))
        found: UploadStanding = standing
        return found

    async def _ask(self, upload: UploadId, message: OfUpload) -> Any:
        """Unknown uploads and those of others look the same."""
        try:
            return await self._asking.request(upload_actor(upload), message)
        except Refused as error:
            raise _unknown() if error.code == "not_found" else error from None

    def tell(self, told: UploadProgress | FileChanged | QuotaUpdated, user: UserId) -> None:
        """All the user's sessions."""
        self._asking.tell(inbox_actor(user), told)


def ended(standing: UploadStanding) -> Refused:
    """Why an upload that is over is no file."""
    code = standing.problem if standing.state == "failed" else None
    return Refused(code or "gone", f"the upload is {standing.state}: begin anew")


def _unknown() -> Refused:
    return Refused("not_found", "there is no such upload, or it is not yours")


async def poured(
    body: StreamReader, lane: Lane, each: Callable[[bytes], None] | None = None
) -> bool:
    """Feed `lane`, and `each`, with what comes. False: the client went before the end; all that had
    come is in the lane. Raises StreamHubError of `Lane.feed`."""
    while True:
        try:
            chunk, whole = await body.readany(), True
        except _GONE:
            # aiohttp keeps what it had read, but hands none of it out once the connection broke.
            chunk, whole = body._read_nowait(-1), False
        if each is not None:
            each(chunk)
        await lane.feed(chunk)
        if not chunk or not whole:
            return whole
