"""Folders: where people put their files. A file, and a folder, is in one folder or at the top."""

from typing import Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from streamhub.domain.channels import Page
from streamhub.domain.ids import FolderId, UserId

MAX_DEPTH: Final = 20
MAX_FOLDERS: Final = 10_000
"""Of one user."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms. `parent` None: it is at the top."""

    id: FolderId
    owner: UserId
    name: str
    created_at: int
    updated_at: int
    parent: FolderId | None = None
    trashed_at: int | None = None


class FolderStore(Protocol):
    """Every method raises TryAgain("unavailable"). None: the user has no such folder."""

    async def create(self, folder: Folder) -> None:
        """Raises Refused: not_found (the folder it is to be in), limit_reached."""
        ...

    async def folder(self, owner: UserId, folder: FolderId) -> Folder | None: ...

    async def folders(
        self, owner: UserId, parent: FolderId | None, cursor: str | None, limit: int
    ) -> Page[Folder]:
        """Those in `parent`, or at the top; the newest first. Raises Refused("bad_request",
        field="cursor")."""
        ...

    async def trashed(self, owner: UserId, cursor: str | None, limit: int) -> Page[Folder]:
        """Those that were put into the trash themselves. Raises as `folders`."""
        ...

    async def change(
        self,
        owner: UserId,
        folder: FolderId,
        at: int,
        *,
        name: str | None = None,
        parent: FolderId | UnsetType | None = UNSET,
    ) -> Folder | None:
        """Rename it, or move it with what is in it. Raises Refused: not_found (the parent),
        conflict (into itself), limit_reached."""
        ...

    async def trash(self, owner: UserId, folder: FolderId, at: int) -> Folder | None:
        """With all that is in it, but for what is in the trash already."""
        ...

    async def restore(self, owner: UserId, folder: FolderId) -> Folder | None:
        """With all that went with it; to the top if its parent is no longer there."""
        ...

    async def remove(self, owner: UserId, folder: FolderId) -> bool:
        """For good, from the trash; care of the trash ends the files that went with it."""
        ...

    async def empty(self, before_ms: int) -> None:
        """Forget the folders in the trash since before that time."""
        ...
