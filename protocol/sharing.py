"""Sharing files over HTTP."""

from typing import Annotated, Final

from msgspec import Meta

from streamhub.protocol.files import FileObject
from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    TEXT_PATTERN,
    Count,
    Cursor,
    FileId,
    PageSize,
    Timestamp,
)
from streamhub.protocol.shapes import Incoming, Outgoing

MAX_DOWNLOADS: Final = 1_000_000

ReaderId = Annotated[str, Meta(description="id of a user or of a channel")]
LinkId = Annotated[str, Meta(description="id of a link")]


class ShareFile(Incoming, frozen=True, kw_only=True):
    """`PUT`, `DELETE /v1/files/{file}/shares/{reader}`. The readers of a channel are its members,
    as long as they are. Who a file is shared with may take it off their list the same way."""

    file: FileId
    reader: ReaderId


class ShareObject(Outgoing, frozen=True, kw_only=True):
    """For whom a file is, too."""

    reader: ReaderId
    shared_at: Timestamp


class ShareList(Outgoing, frozen=True, kw_only=True):
    """The oldest first."""

    items: tuple[ShareObject, ...]


class ListShared(Incoming, frozen=True, kw_only=True):
    """`GET /v1/shared`: others' files that are for one, or for a channel one is in."""

    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class SharedFile(Outgoing, frozen=True, kw_only=True):
    """A file, and by which share one may read it."""

    file: FileObject
    reader: ReaderId
    shared_at: Timestamp


class SharedPage(Outgoing, frozen=True, kw_only=True):
    """What was shared last comes first. A page may have fewer than were asked for, where files are
    in the trash; `next_cursor` is missing on the last one."""

    items: tuple[SharedFile, ...]
    next_cursor: str | None = None


class MakeLink(Incoming, frozen=True, kw_only=True):
    """`POST /v1/files/{file}/links`: by it anybody may read the file, until `expires_at`, so many
    times, who knows the password. What is left out does not limit it."""

    file: FileId
    expires_at: Timestamp | None = None
    password: Annotated[str, Meta(max_length=1024, pattern=TEXT_PATTERN)] | None = None
    max_downloads: Annotated[int, Meta(ge=1, le=MAX_DOWNLOADS)] | None = None


class LinkObject(Outgoing, frozen=True, kw_only=True):
    """A link and how often it was used: looked at, and downloads that began."""

    id: LinkId
    file: FileId
    created_at: Timestamp
    expires_at: Timestamp | None = None
    max_downloads: int | None = None
    needs_password: bool = False
    downloads: Count = 0
    views: Count = 0


class MadeLink(Outgoing, frozen=True, kw_only=True):
    """`url` gives the content of the file; it comes this once."""

    link: LinkObject
    url: str


class LinkList(Outgoing, frozen=True, kw_only=True):
    """The oldest first, whether they are still good or not."""

    items: tuple[LinkObject, ...]


class GetLink(Incoming, frozen=True, kw_only=True):
    """`DELETE /v1/files/{file}/links/{link}`."""

    file: FileId
    link: LinkId


class LinkedFile(Outgoing, frozen=True, kw_only=True):
    """What a link leads to. `downloads_left` is missing where there is no limit."""

    name: str
    mime: str
    size_bytes: int
    crc32c: int
    expires_at: Timestamp | None = None
    downloads_left: int | None = None
