"""Uploads: how one is cut into parts, which states it goes through, and what is stored of it.

receiving --finish--> sealing --publish--> ready
    ^                    |
    +------reopen--------+        S3 has lost parts, or has others: they are asked for again
receiving, sealing --fail--> failed        the bytes are not what was announced
receiving ---------abort---> aborted       cancelled, or expired
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from streamhub.domain.crc import combined
from streamhub.domain.errors import Refused
from streamhub.domain.ids import FileId, FolderId, UploadId, UserId

State = Literal["receiving", "sealing", "ready", "failed", "aborted"]
Event = Literal["finish", "reopen", "publish", "fail", "abort"]

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        ("receiving", "finish"): "sealing",
        ("receiving", "fail"): "failed",
        ("receiving", "abort"): "aborted",
        ("sealing", "reopen"): "receiving",
        ("sealing", "publish"): "ready",
        ("sealing", "fail"): "failed",
    }
)
OVER: Final[frozenset[State]] = frozenset(("ready", "failed", "aborted"))

MIB: Final = 1 << 20
LEAST_PART_BYTES: Final = 8 * MIB
MAX_PARTS: Final = 9_500
"""S3 takes 10,000."""

RESERVED_STEP_BYTES: Final = 64 * MIB
"""What an upload of unknown length takes of its owner's quota at a time."""

MAX_NAME: Final = 255


def after(state: State, event: Event) -> State:
    """The state that follows. Raises Refused: sealing, gone, conflict."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise not_receiving(state)
    return following


def not_receiving(state: State) -> Refused:
    """Why an upload in that state takes nothing more."""
    match state:
        case "sealing":
            return Refused("sealing", "all of it has come: it is being put together")
        case "aborted":
            return Refused("gone", "the upload was cancelled, or has expired: begin anew")
        case "failed":
            return Refused("gone", "the upload has failed: begin anew")
        case _:
            return Refused("conflict", f"the upload is {state}")


def part_bytes_of(size: int | None, least: int = LEAST_PART_BYTES) -> int:
    """How long each part but the last is, for a file of `size` bytes (None: not known yet)."""
    if size is None:
        return 4 * least
    needed = -(-size // MAX_PARTS)
    return least if needed <= least else -(-needed // MIB) * MIB


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload's row. `object` is where its content will be; `multipart` is S3's name of it while
    its parts come, None if it is short enough to be put as one. It becomes a version of the file
    `into`, or a new file in `folder`."""

    id: UploadId
    owner: UserId
    name: str
    mime: str
    size: int | None
    part_bytes: int
    object: str
    created_at: int
    expires_at: int
    reserved_bytes: int
    term: int = 0
    state: State = "receiving"
    multipart: str | None = None
    crc32c: int | None = None
    problem: str | None = None
    file: FileId | None = None
    into: FileId | None = None
    folder: FolderId | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part that S3 holds; the first is number 1. `object`: where, if not in the multipart."""

    number: int
    size: int
    crc32c: int
    etag: str
    object: str = ""


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes behind the last whole part, kept by themselves until their part is whole."""

    start: int
    size: int
    crc32c: int
    object: str


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """An upload and all that is stored of it: parts by number, tails by where they start."""

    upload: Upload
    parts: tuple[Part, ...] = ()
    tails: tuple[Tail, ...] = ()

    @property
    def offset(self) -> int:
        """Up to where every byte is stored."""
        upload = self.upload
        if upload.state == "ready":
            return upload.size or 0
        whole = self.whole
        offset = (whole - 1) * upload.part_bytes + self.parts[whole - 1].size if whole else 0
        for tail in self.tails:
            if tail.start == offset:
                offset += tail.size
        return offset

    @property
    def whole(self) -> int:
        """How many parts are stored from the first one on, without a hole."""
        whole = 0
        for part in self.parts:
            if part.number != whole + 1:
                break
            whole += 1
        return whole

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.upload.size is not None and self.stored_bytes == self.upload.size

    @property
    def stored_bytes(self) -> int:
        """Of whole parts."""
        return sum(part.size for part in self.parts)

    @property
    def crc32c(self) -> int:
        """Of the whole, made of those of the parts."""
        value = 0
        for part in self.parts:
            value = combined(value, part.crc32c, part.size)
        return value

    @property
    def offset_crc32c(self) -> int:
        """Of all bytes up to the offset."""
        value, whole = 0, self.whole
        for part in self.parts[:whole]:
            value = combined(value, part.crc32c, part.size)
        at = sum(part.size for part in self.parts[:whole])
        for tail in self.tails:
            if tail.start == at:
                value = combined(value, tail.crc32c, tail.size)
                at += tail.size
        return value

    def missing(self) -> tuple[tuple[int, int], ...]:
        """The numbers of the parts that are not stored, as first and last of each stretch; without
        a known length, the last stretch has no end but the most there can be."""
        size, part_bytes = self.upload.size, self.upload.part_bytes
        last = MAX_PARTS if size is None else -(-size // part_bytes)
        stretches: list[tuple[int, int]] = []
        first = 1
        for part in self.parts:
            if part.number > first:
                stretches.append((first, part.number - 1))
            first = part.number + 1
        if first <= last:
            stretches.append((first, last))
        return tuple(stretches)
