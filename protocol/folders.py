"""Folders over HTTP."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from streamhub.protocol.files import FileName, FolderId, Place
from streamhub.protocol.scalars import DEFAULT_PAGE, Cursor, PageSize, Timestamp
from streamhub.protocol.shapes import Incoming, Outgoing

FolderName = Annotated[FileName, Meta(description="what a folder is called; need not be unique")]


class FolderObject(Outgoing, frozen=True, kw_only=True):
    """A folder; without `parent` it is at the top. With `trashed_at` it is in the trash, and what
    went there with it."""

    id: FolderId
    name: str
    parent: FolderId | None = None
    created_at: Timestamp
    updated_at: Timestamp
    trashed_at: Timestamp | None = None


class FolderPage(Outgoing, frozen=True, kw_only=True):
    """The newest first; `next_cursor` is missing on the last page."""

    items: tuple[FolderObject, ...]
    next_cursor: str | None = None


class ListFolders(Incoming, frozen=True, kw_only=True):
    """`GET /v1/folders`: those in `parent`, or at the top; with `trashed` those in the trash."""

    parent: FolderId | None = None
    trashed: bool = False
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class MakeFolder(Incoming, frozen=True, kw_only=True):
    """`POST /v1/folders`."""

    name: FolderName
    parent: FolderId | None = None


class GetFolder(Incoming, frozen=True, kw_only=True):
    """`GET`, `DELETE /v1/folders/{folder}` and `POST /v1/folders/{folder}/restore`."""

    folder: FolderId


class ChangeFolder(Incoming, frozen=True, kw_only=True):
    """`PATCH /v1/folders/{folder}`: a name, or another place."""

    folder: FolderId
    name: FolderName | UnsetType = UNSET
    parent: Place | UnsetType = UNSET
