"""Uploads over their own socket, `/v1/uploads/ws`: commands, events, and frames of data."""

import struct
from typing import Annotated, Final, Literal, NamedTuple

import crc32c
from msgspec import Meta

from streamhub.protocol.errors import BadFrame
from streamhub.protocol.files import FileName, FolderId
from streamhub.protocol.scalars import MAX_INT, Count, FileId, Term, UploadId
from streamhub.protocol.shapes import Incoming, Outgoing

DATA: Final = 1
"""A binary message that begins with this byte is a frame of data; any other is a control frame."""

MAX_PAYLOAD: Final = 65_504
PART_END: Final = 1
FILE_END: Final = 2

_HEAD: Final = struct.Struct(">BBHIQIIII")
_CHECKED: Final = _HEAD.size - 4
_TYPE: Final = 1

PartNumber = Annotated[int, Meta(ge=1, le=10_000, description="number of a part, from 1 on")]
Checksum = Annotated[int, Meta(ge=0, le=2**32 - 1, description="CRC32C")]
State = Literal["receiving", "sealing", "ready", "failed", "aborted"]


class DataFrame(NamedTuple):
    """Bytes of a file: `payload` begins at `offset` of it."""

    stream: int
    offset: int
    term: int
    payload: bytes
    checksum: int
    flags: int = 0

    @property
    def is_sound(self) -> bool:
        return crc32c.crc32c(self.payload) == self.checksum


def data_frame(message: bytes) -> DataFrame:
    """Raises BadFrame for what is none: then nothing that follows can be trusted."""
    if not _HEAD.size <= len(message) <= _HEAD.size + MAX_PAYLOAD:
        raise BadFrame(f"a frame of data has at most {MAX_PAYLOAD} bytes of payload")
    version, kind, flags, stream, offset, size, checksum, term, head_checksum = _HEAD.unpack_from(
        message
    )
    if crc32c.crc32c(message[:_CHECKED]) != head_checksum:
        raise BadFrame("the checksum of the head does not match")
    if (version, kind) != (DATA, _TYPE) or size != len(message) - _HEAD.size:
        raise BadFrame("this is no frame of data of version 1")
    return DataFrame(stream, offset, term, message[_HEAD.size :], checksum, flags)


def data_message(frame: DataFrame) -> bytes:
    """What a client sends."""
    head = _HEAD.pack(
        DATA,
        _TYPE,
        frame.flags,
        frame.stream,
        frame.offset,
        len(frame.payload),
        frame.checksum,
        frame.term,
        0,
    )[:_CHECKED]
    return head + struct.pack(">I", crc32c.crc32c(head)) + frame.payload


class UploadOpen(Incoming, frozen=True, kw_only=True):
    """Begin a file in `folder` or at the top, or a further version of `file`, which keeps its
    name and place. `size_bytes` is left out
    while it is not known. `crc32c` is that of the whole: other bytes than those fail the upload."""

    name: FileName
    size_bytes: Count | None = None
    mime: Annotated[str, Meta(max_length=255)] | None = None
    crc32c: Checksum | None = None
    file: FileId | None = None
    folder: FolderId | None = None


class UploadAttach(Incoming, frozen=True, kw_only=True):
    """Send to it by this connection. Without `term` as the only one from now on; with the present
    one beside those there are."""

    upload: UploadId
    term: Term | None = None


class UploadPart(Incoming, frozen=True, kw_only=True):
    """Whether a durable part is what the client has: `checksum_mismatch` if not."""

    upload: UploadId
    part: PartNumber
    crc32c: Checksum


class UploadFinish(Incoming, frozen=True, kw_only=True):
    """All parts are durable: make a file of them. May be repeated."""

    upload: UploadId


class UploadCancel(Incoming, frozen=True, kw_only=True):
    """Give it up."""

    upload: UploadId


class AttachedUpload(Outgoing, frozen=True, kw_only=True):
    """How to send it. `missing`: numbers of parts, the first and last of each stretch; `partial`:
    of parts that have begun, the number and how many bytes are there. A part is sent from its
    beginning or from those bytes on, to its end. `credit`: see `upload.credit`."""

    upload: UploadId
    term: Term
    stream: Count
    part_bytes: Count
    credit: Count
    missing: tuple[tuple[int, int], ...]
    state: State
    size_bytes: Count | None = None
    partial: tuple[tuple[int, int], ...] = ()
    file: FileId | None = None
    problem: str | None = None


class PartObject(Outgoing, frozen=True, kw_only=True):
    """A durable part."""

    upload: UploadId
    part: PartNumber
    size_bytes: Count
    crc32c: Checksum


class UploadState(Outgoing, frozen=True, kw_only=True):
    """How far an upload is. `problem` is a code: why it failed, ended, or receives again."""

    upload: UploadId
    state: State
    file: FileId | None = None
    problem: str | None = None


class UploadCredit(Outgoing, frozen=True, kw_only=True):
    """How many bytes of payload this stream may have sent since it attached."""

    stream: Count
    bytes: Count


class UploadReceived(Outgoing, frozen=True, kw_only=True):
    """How many bytes of payload of this stream have come. They may still be lost."""

    stream: Count
    bytes: Count


class UploadDurable(Outgoing, frozen=True, kw_only=True):
    """These parts will not be asked for again; `bytes` of the upload's parts are durable now."""

    upload: UploadId
    parts: tuple[PartNumber, ...]
    bytes: Count


class UploadRefused(Outgoing, frozen=True, kw_only=True):
    """A frame of data that was not taken, and has changed nothing. `offset` is the frame's. When
    the problem is `stale_term`, `sealing` or `gone`, the stream has ended: attach again."""

    stream: Count
    offset: Annotated[int, Meta(ge=0, le=MAX_INT)]
    code: str
    detail: str


class UploadProgress(Outgoing, frozen=True, kw_only=True):
    """How far one of your uploads is; to all your sessions."""

    upload: UploadId
    name: str
    state: State
    bytes: Count
    size_bytes: Count | None = None
    file: FileId | None = None
    problem: str | None = None
