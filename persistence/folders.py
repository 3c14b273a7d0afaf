"""Folders in PostgreSQL."""

from typing import Final

from msgspec import UNSET, UnsetType

from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused
from streamhub.domain.folders import MAX_DEPTH, MAX_FOLDERS, Folder
from streamhub.domain.ids import FolderId, UserId
from streamhub.persistence.paging import before_folder, folder_cursor
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_COLUMNS: Final = "id, owner_id, parent_id, name, created_at, updated_at, trashed_at"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('folders of ' || $1, 0))"
_COUNT: Final = "SELECT count(*) FROM folders WHERE owner_id = $1"
_CREATE: Final = """
    INSERT INTO folders (id, owner_id, parent_id, name, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5)
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM folders WHERE id = $2 AND owner_id = $1"  # noqa: S608
_TOP: Final = f"""
    SELECT {_COLUMNS} FROM folders
    WHERE owner_id = $1 AND parent_id IS NULL AND trashed_at IS NULL AND id < $2
    ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - columns
_IN: Final = f"""
    SELECT {_COLUMNS} FROM folders
    WHERE owner_id = $1 AND parent_id = $4 AND trashed_at IS NULL AND id < $2
    ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - columns
_TRASHED: Final = f"""
    SELECT {_COLUMNS} FROM folders
    WHERE owner_id = $1 AND trashed_with = id AND id < $2
    ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - columns
_ABOVE: Final = """
    WITH RECURSIVE above AS (
        SELECT id, parent_id, 1 AS depth FROM folders
        WHERE id = $2 AND owner_id = $1 AND trashed_at IS NULL
        UNION ALL
        SELECT f.id, f.parent_id, above.depth + 1
        FROM folders f JOIN above ON f.id = above.parent_id
    )
    SELECT max(depth) AS depth, coalesce(bool_or(id = $3), false) AS within FROM above
"""
_BELOW: Final = """
    WITH RECURSIVE below AS (
        SELECT id, 1 AS depth FROM folders
        WHERE id = $2 AND owner_id = $1 AND trashed_at IS NULL
        UNION ALL
        SELECT f.id, below.depth + 1
        FROM folders f JOIN below ON f.parent_id = below.id WHERE f.trashed_at IS NULL
    )
    SELECT id, depth FROM below
"""
_CHANGE: Final = f"""
    UPDATE folders
    SET name = coalesce($3, name), updated_at = $4,
        parent_id = CASE WHEN $5 THEN $6 ELSE parent_id END
    WHERE id = $2 AND owner_id = $1 AND trashed_at IS NULL
    RETURNING {_COLUMNS}
"""  # noqa: S608 - columns
_HOLD: Final = "SELECT FROM folders WHERE id = ANY ($1::text[]) FOR UPDATE"
_TRASH: Final = """
    WITH folder AS (
        UPDATE folders SET trashed_at = $3::bigint, trashed_with = $2 WHERE id = ANY ($1::text[])
    )
    UPDATE files SET trashed_at = $3::bigint, trashed_with = $2
    WHERE folder_id = ANY ($1::text[]) AND trashed_at IS NULL
"""
_RESTORE: Final = """
    WITH file AS (
        UPDATE files SET trashed_at = NULL, trashed_with = NULL
        WHERE trashed_with = $2 AND owner_id = $1
    )
    UPDATE folders f
    SET trashed_at = NULL, trashed_with = NULL,
        parent_id = CASE WHEN f.id <> $2 OR EXISTS (
            SELECT FROM folders p WHERE p.id = f.parent_id AND p.trashed_at IS NULL)
        THEN f.parent_id END
    WHERE f.trashed_with = $2 AND f.owner_id = $1
"""
_REMOVE: Final = """
    WITH folder AS (
        DELETE FROM folders WHERE trashed_with = $2 AND owner_id = $1 RETURNING id
    ), file AS (
        UPDATE files SET trashed_at = 0, trashed_with = NULL
        WHERE trashed_with = $2 AND owner_id = $1
    )
    SELECT count(*) > 0 FROM folder
"""
_EMPTY: Final = "DELETE FROM folders WHERE trashed_at < $1"


class PostgresFolderStore:
    """Implements FolderStore. What changes the tree of one user is done one after the other."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, folder: Folder) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(_LOCK, folder.owner)
            if await connection.fetchval(_COUNT, folder.owner) >= MAX_FOLDERS:
                raise Refused("limit_reached", f"one has at most {MAX_FOLDERS} folders")
            if folder.parent is not None:
                await _check_takes(connection, folder.owner, folder.parent, None, 1)
            values = (folder.id, folder.owner, folder.parent, folder.name, folder.created_at)
            await connection.execute(_CREATE, *values)

        await self._pool.transact(work)

    async def folder(self, owner: UserId, folder: FolderId) -> Folder | None:
        return _maybe(await self._pool.fetchrow(_ONE, owner, folder))

    async def folders(
        self, owner: UserId, parent: FolderId | None, cursor: str | None, limit: int
    ) -> Page[Folder]:
        where = (owner, before_folder(cursor), limit + 1)
        if parent is None:
            return _page(await self._pool.fetch(_TOP, *where), limit)
        return _page(await self._pool.fetch(_IN, *where, parent), limit)

    async def trashed(self, owner: UserId, cursor: str | None, limit: int) -> Page[Folder]:
        where = (owner, before_folder(cursor), limit + 1)
        return _page(await self._pool.fetch(_TRASHED, *where), limit)

    async def change(
        self,
        owner: UserId,
        folder: FolderId,
        at: int,
        *,
        name: str | None = None,
        parent: FolderId | UnsetType | None = UNSET,
    ) -> Folder | None:
        async def work(connection: PooledConnection) -> Folder | None:
            await connection.execute(_LOCK, owner)
            if isinstance(parent, str):
                below = await connection.fetch(_BELOW, owner, folder)
                height = max((row["depth"] for row in below), default=1)
                await _check_takes(connection, owner, parent, folder, height)
            moves = parent is not UNSET
            into = parent if isinstance(parent, str) else None
            row = await connection.fetchrow(_CHANGE, owner, folder, name, at, moves, into)
            return _maybe(row)

        return await self._pool.transact(work)

    async def trash(self, owner: UserId, folder: FolderId, at: int) -> Folder | None:
        async def work(connection: PooledConnection) -> Folder | None:
            await connection.execute(_LOCK, owner)
            below = [row["id"] for row in await connection.fetch(_BELOW, owner, folder)]
            await connection.execute(_HOLD, below)  # what comes into them is there, or sees it
            await connection.execute(_TRASH, below, folder, at)
            return _maybe(await connection.fetchrow(_ONE, owner, folder))

        return await self._pool.transact(work)

    async def restore(self, owner: UserId, folder: FolderId) -> Folder | None:
        async def work(connection: PooledConnection) -> Folder | None:
            await connection.execute(_LOCK, owner)
            await connection.execute(_RESTORE, owner, folder)
            return _maybe(await connection.fetchrow(_ONE, owner, folder))

        return await self._pool.transact(work)

    async def remove(self, owner: UserId, folder: FolderId) -> bool:
        return bool(await self._pool.fetchval(_REMOVE, owner, folder))

    async def empty(self, before_ms: int) -> None:
        await self._pool.execute(_EMPTY, before_ms)


async def _check_takes(
    connection: PooledConnection,
    owner: UserId,
    parent: FolderId,
    moved: FolderId | None,
    height: int,
) -> None:
    """Whether a folder that is `height` deep may be put there."""
    above = await connection.fetchrow(_ABOVE, owner, parent, moved)
    if above is None or above["depth"] is None:
        raise Refused("not_found", "you have no such folder", field="parent")
    if above["within"]:
        raise Refused("conflict", "a folder cannot be put into itself", field="parent")
    if above["depth"] + height > MAX_DEPTH:
        detail = f"folders are at most {MAX_DEPTH} deep"
        raise Refused("limit_reached", detail, field="parent")


def _page(rows: list[Record], limit: int) -> Page[Folder]:
    items = tuple(map(_folder, rows[:limit]))
    return Page(items=items, next_cursor=folder_cursor(items, more=len(rows) > limit))


def _maybe(row: Record | None) -> Folder | None:
    return None if row is None else _folder(row)


def _folder(row: Record) -> Folder:
    return Folder(
        id=row["id"],
        owner=row["owner_id"],
        parent=row["parent_id"],
        name=row["name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        trashed_at=row["trashed_at"],
    )
