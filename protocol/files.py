"""Files over HTTP."""

from typing import Annotated, Literal

from msgspec import Meta

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
VersionId = Annotated[str, Meta(description="id of a version of a file")]


class FileObject(Outgoing, frozen=True, kw_only=True):
    """A file: its newest version. `crc32c` is that of the content; with `trashed_at` it is in the
    trash, from where it goes for good after 30 days."""

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


class ListFiles(Incoming, frozen=True, kw_only=True):
    """`GET /v1/files`: one's own, the newest first; or those in the trash."""

    which: Literal["kept", "trashed"] = "kept"
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class FilePage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[FileObject, ...]
    next_cursor: str | None = None


class GetFile(Incoming, frozen=True, kw_only=True):
    """`GET`, `DELETE /v1/files/{file}` and `POST /v1/files/{file}/restore`."""

    file: FileId


class ChangeFile(Incoming, frozen=True, kw_only=True):
    """`PATCH /v1/files/{file}`."""

    file: FileId
    name: FileName


class StorageObject(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/storage`: what one's files take, what one's uploads may still take, and what both
    may take together."""

    used_bytes: int
    reserved_bytes: int
    quota_bytes: int
