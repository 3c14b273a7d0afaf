"""Where it is kept what is stored of uploads: the truth about them, whatever S3 has besides."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from streamhub.domain.files import File
from streamhub.domain.ids import FileId, UploadId, UserId, VersionId
from streamhub.domain.uploads import Ledger, Part, State, Tail, Upload


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A new upload. `key` and `digest`: what the client may open it by again, and of what."""

    upload: Upload
    key: str | None = None
    digest: bytes = b""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Parts and tails that S3 has taken. `joined`: where the tails started that are in `parts`."""

    parts: tuple[Part, ...] = ()
    tails: tuple[Tail, ...] = ()
    joined: tuple[int, ...] = ()


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload becomes at `at` (ms): a version, of a new `file` if it is for none."""

    file: FileId
    version: VersionId
    object: str
    crc32c: int
    size: int
    at: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Of a user's quota, in bytes."""

    used: int = 0
    reserved: int = 0


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """The file an upload is now, what its owner uses since, and the objects of its oldest
    versions, which went."""

    file: File
    usage: Usage
    gone: tuple[str, ...] = ()


class UploadLedger(Protocol):
    """Every method raises TryAgain("unavailable")."""

    async def open(self, opening: Opening, quota_bytes: int) -> Upload:
        """Take its bytes from the owner's quota and begin it, or the one begun with this key.

        Raises Refused: quota_exceeded, key_reused, not_found (the file it is for, or the
        folder).
        """
        ...

    async def load(self, upload: UploadId) -> Ledger | None: ...

    async def attach(self, upload: UploadId) -> Ledger | None:
        """Raise the term: nothing of an older one is taken any more. None: it is not receiving."""
        ...

    async def record(self, upload: UploadId, term: int, stored: Stored) -> bool:
        """Whether it was taken: the upload is receiving, and in that term."""
        ...

    async def reserve(self, upload: UploadId, bytes: int, quota_bytes: int) -> bool:
        """Take so much of the quota in all. False: there is not so much, or it is not receiving."""
        ...

    async def declare(self, upload: UploadId, size: int, quota_bytes: int) -> bool:
        """Now its length is known. False as with `reserve`."""
        ...

    async def seal(self, upload: UploadId) -> bool:
        """From receiving to sealing, whereupon nothing is recorded any more."""
        ...

    async def reopen(self, upload: UploadId, lost: Sequence[int], multipart: str | None) -> bool:
        """From sealing back to receiving, without these parts, in this multipart."""
        ...

    async def publish(self, upload: UploadId, published: Published, keep: int) -> Became | None:
        """From sealing to ready: a new file, or a version of the one it is for, is there; its
        bytes are used and no longer reserved. Of a file its `keep` newest versions stay. None: it
        is not sealing."""
        ...

    async def end(
        self, upload: UploadId, was: State, state: State, problem: str, forget_at: int
    ) -> bool:
        """To failed or aborted, giving the reservation back; what is left of it is to be thrown
        away at `forget_at` (ms)."""
        ...

    async def due(self, now_ms: int, limit: int) -> tuple[UploadId, ...]:
        """Uploads that are sealing, and those that receive and have expired."""
        ...

    async def over(self, now_ms: int, limit: int) -> tuple[Ledger, ...]:
        """Uploads that are over and may be forgotten, with what is left of them."""
        ...

    async def forget(self, upload: UploadId) -> None:
        """An upload that is over. Its file stays."""
        ...

    async def unnamed(self, objects: Sequence[str]) -> frozenset[str]:
        """Those that nothing names: no version of a file, no part, no tail, and no upload that is
        not over."""
        ...

    async def usage(self, user: UserId) -> Usage: ...

    async def to_count(self, before_ms: int, limit: int) -> tuple[UserId, ...]:
        """Whose usage was last counted before that time, the oldest first."""
        ...

    async def count(self, user: UserId, now_ms: int) -> tuple[Usage, Usage]:
        """Count a user's versions and reservations again: what was noted, and what there is, which
        is noted now."""
        ...
