"""Files over HTTP."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    TEXT_PATTERN,
    Cursor,
    FileId,
    PageSize,
    Timestamp,
    UserId,
)
from streamhub.protocol.shapes import Incoming, Outgoing

FileName = Annotated[str, Meta(min_length=1, max_length=255, pattern=TEXT_PATTERN)]
FolderId = Annotated[str, Meta(description="id of a folder")]
Place = Annotated[str, Meta(description="id of a folder, or top")]
VersionId = Annotated[str, Meta(description="id of a version of a file")]


class FileObject(Outgoing, frozen=True, kw_only=True):
    """A file, as the version it is shown with. `crc32c` is that of the content; with `trashed_at`
    it is in the trash, from where it goes for good after 30 days. Without `folder` it is at the
    top."""

    id: FileId
    owner: UserId
    name: str
    mime: str
    size_bytes: int
    version: VersionId
    crc32c: int
    created_at: Timestamp
    updated_at: Timestamp
    trashed_at: Timestamp | None = None
    folder: FolderId | None = None


class FileEvent(Outgoing, frozen=True, kw_only=True):
    """A file as it is now."""

    file: FileObject


class FileGone(Outgoing, frozen=True, kw_only=True):
    """A file that was put into the trash, or deleted for good."""

    file: FileId


class ListFiles(Incoming, frozen=True, kw_only=True):
    """`GET /v1/files`: one's own, the newest first; those in the trash; those that were added or
    changed last; or one's favourites. `name`, of the first two: only those whose names have words
    that begin like each of its words. `folder`, alone: those in it."""

    which: Literal["kept", "trashed", "recent", "favourite"] = "kept"
    name: FileName | None = None
    folder: Place | None = None
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class FilePage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[FileObject, ...]
    next_cursor: str | None = None


class GetFile(Incoming, frozen=True, kw_only=True):
    """`GET`, `DELETE /v1/files/{file}` and `POST /v1/files/{file}/restore`."""

    file: FileId


class GetVersion(Incoming, frozen=True, kw_only=True):
    """`DELETE /v1/files/{file}/versions/{version}`, `POST .../restore`."""

    file: FileId
    version: VersionId


class VersionObject(Outgoing, frozen=True, kw_only=True):
    """A content of a file; it never changes. `current`: the file is shown with it."""

    id: VersionId
    number: int
    mime: str
    size_bytes: int
    crc32c: int
    created_at: Timestamp
    current: bool = False


class VersionList(Outgoing, frozen=True, kw_only=True):
    """The newest first."""

    items: tuple[VersionObject, ...]


class SignedUrl(Outgoing, frozen=True, kw_only=True):
    """`url` gives the content the file is shown with to whoever has it, until `expires_at`. Others
    get the same one for a while: a CDN may keep what it gives."""

    url: str
    expires_at: Timestamp


class ChangeFile(Incoming, frozen=True, kw_only=True):
    """`PATCH /v1/files/{file}`: a name, or another place."""

    file: FileId
    name: FileName | UnsetType = UNSET
    folder: Place | UnsetType = UNSET


class StorageObject(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/storage`: what one's files take, what one's uploads may still take, and what both
    may take together."""

    used_bytes: int
    reserved_bytes: int
    quota_bytes: int
