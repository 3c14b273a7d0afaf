"""Files: names that people give to contents, which never change."""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from streamhub.domain.channels import Page
from streamhub.domain.ids import FileId, FolderId, UserId, VersionId


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is shown: one of its versions, which is there since `stored_at`. Times in ms;
    `object` is where S3 has it."""

    id: FileId
    owner: UserId
    name: str
    mime: str
    size: int
    version: VersionId
    crc32c: int
    object: str
    stored_at: int
    created_at: int
    updated_at: int
    trashed_at: int | None = None
    folder: FolderId | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A content that a file has or had, since `stored_at` (ms). Its content never changes."""

    id: VersionId
    number: int
    mime: str
    size: int
    crc32c: int
    stored_at: int


MAX_FAVOURITES: Final = 1000
"""Of one user."""

Which = Literal["kept", "trashed"]


class FileStore(Protocol):
    """Every method raises TryAgain("unavailable"). None: the user has no such file."""

    async def file(self, file: FileId) -> File | None: ...

    async def readable(self, file: FileId, by: UserId) -> File | None:
        """One's own, or one that is attached to a message one may read, and not in the trash."""
        ...

    async def kept(self, owner: UserId, files: Sequence[FileId]) -> frozenset[FileId]:
        """Those of them that are the owner's, and not in the trash."""
        ...

    async def files(
        self, owner: UserId, which: Which, cursor: str | None, limit: int, name: str | None = None
    ) -> Page[File]:
        """The newest first; with `name` those whose names have words that begin like all of its
        words. Raises Refused("bad_request", field="cursor")."""
        ...

    async def within(
        self, owner: UserId, folder: FolderId | None, cursor: str | None, limit: int
    ) -> Page[File]:
        """Those in a folder, or (None) at the top. Raises as `files`."""
        ...

    async def recent(self, owner: UserId, cursor: str | None, limit: int) -> Page[File]:
        """Those first that were added or changed last. Raises as `files`."""
        ...

    async def favourites(self, user: UserId, cursor: str | None, limit: int) -> Page[File]:
        """What the user marked and may still read, the last one first. Raises as `files`."""
        ...

    async def mark(self, user: UserId, file: FileId, at: int) -> bool:
        """As a favourite; twice is once. False: there are MAX_FAVOURITES."""
        ...

    async def unmark(self, user: UserId, file: FileId) -> bool:
        """Whether it was marked."""
        ...

    async def change(
        self,
        owner: UserId,
        file: FileId,
        at: int,
        *,
        name: str | None = None,
        folder: FolderId | UnsetType | None = UNSET,
    ) -> File | None:
        """Rename it, or move it (None: to the top). Raises Refused("not_found", field="folder")."""
        ...

    async def trash(self, owner: UserId, file: FileId, at: int) -> File | None:
        """Those in the trash stay as they are."""
        ...

    async def restore(self, owner: UserId, file: FileId) -> File | None: ...

    async def versions(self, owner: UserId, file: FileId) -> tuple[Version, ...] | None:
        """The newest first."""
        ...

    async def version(self, owner: UserId, file: FileId, version: VersionId) -> File | None:
        """The file with the content of that version."""
        ...

    async def content(self, file: FileId, version: VersionId) -> File | None:
        """The file with the content of that version, of whomever it is; not of the trash."""
        ...

    async def show(self, owner: UserId, file: FileId, version: VersionId, at: int) -> File | None:
        """From now on the file has the content of that version."""
        ...

    async def remove_version(
        self, owner: UserId, file: FileId, version: VersionId
    ) -> tuple[str, ...] | None:
        """For good, not the one that is shown: of that one None. As `remove`."""
        ...

    async def remove(self, owner: UserId, file: FileId) -> tuple[str, ...] | None:
        """For good; only what is in the trash goes. The objects that nothing names any more."""
        ...

    async def to_empty(self, before_ms: int, limit: int) -> tuple[tuple[UserId, FileId], ...]:
        """Files in the trash since before that time, the oldest first."""
        ...
