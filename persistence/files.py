"""Files in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused
from streamhub.domain.files import MAX_FAVOURITES, File, Version, Which
from streamhub.domain.ids import FileId, FolderId, UserId, VersionId
from streamhub.persistence.paging import (
    before_file,
    before_timed_file,
    file_cursor,
    timed_file_cursor,
)
from streamhub.persistence.postgres import Pool, PooledConnection, Record
from streamhub.persistence.sql import load

SHOWN: Final = """
    f.id, f.owner_id, f.name, v.mime, v.size_bytes, v.id AS version_id, v.crc32c, v.object,
    v.created_at AS stored_at, f.created_at, f.updated_at, f.trashed_at,
    f.folder_id
"""
ONE: Final = f"""
    SELECT {SHOWN} FROM files f JOIN file_versions v ON v.id = f.version_id WHERE f.id = $1
"""  # noqa: S608 - columns
_PAGE: Final = """
    SELECT {shown} FROM files f JOIN file_versions v ON v.id = f.version_id
    WHERE f.owner_id = $1 AND f.id < $2 AND f.trashed_at IS {which}
    ORDER BY f.id DESC LIMIT $3
"""
_WITHIN: Final = f"""
    SELECT {SHOWN} FROM files f JOIN file_versions v ON v.id = f.version_id
    WHERE f.owner_id = $1 AND f.id < $2 AND f.trashed_at IS NULL AND f.folder_id = $4
    ORDER BY f.id DESC LIMIT $3
"""  # noqa: S608 - columns
_AT_THE_TOP: Final = _WITHIN.replace("f.folder_id = $4", "f.folder_id IS NULL")
_FOLDER: Final = """
    SELECT true FROM folders WHERE id = $1 AND owner_id = $2 AND trashed_at IS NULL FOR SHARE
"""
_MAY_READ: Final = load("may_read")
_NAMED: Final = load("named_files")
_NAMED_PAGES: Final = {
    "kept": _NAMED.format(shown=SHOWN, which="NULL"),
    "trashed": _NAMED.format(shown=SHOWN, which="NOT NULL"),
}
_RECENT: Final = f"""
    SELECT {SHOWN}, f.updated_at AS at
    FROM files f JOIN file_versions v ON v.id = f.version_id
    WHERE f.owner_id = $1 AND f.trashed_at IS NULL AND (f.updated_at, f.id) < ($2::bigint, $3)
    ORDER BY f.updated_at DESC, f.id DESC LIMIT $4
"""  # noqa: S608 - columns
_FAVOURITES: Final = f"""
    SELECT {SHOWN}, x.marked_at AS at
    FROM favourite_files x
    JOIN files f ON f.id = x.file_id AND f.trashed_at IS NULL
    JOIN file_versions v ON v.id = f.version_id
    WHERE x.user_id = $1 AND (x.marked_at, x.file_id) < ($2::bigint, $3)
      AND {_MAY_READ.format(reader="$1")}
    ORDER BY x.marked_at DESC, x.file_id DESC LIMIT $4
"""  # noqa: S608 - columns
_MARK: Final = """
    WITH made AS (
        INSERT INTO favourite_files (user_id, file_id, marked_at)
        SELECT $1, $2, $3
        WHERE (SELECT count(*) FROM favourite_files WHERE user_id = $1) < $4
        ON CONFLICT DO NOTHING
        RETURNING true
    )
    SELECT EXISTS (SELECT FROM made)
        OR EXISTS (SELECT FROM favourite_files WHERE user_id = $1 AND file_id = $2)
"""
_UNMARK: Final = """
    DELETE FROM favourite_files WHERE user_id = $1 AND file_id = $2 RETURNING true
"""
_PAGES: Final = {
    "kept": _PAGE.format(shown=SHOWN, which="NULL"),
    "trashed": _PAGE.format(shown=SHOWN, which="NOT NULL"),
}
_CHANGE: Final = """
    WITH f AS (UPDATE files SET {change} WHERE id = $1 AND owner_id = $2 RETURNING *)
    SELECT {shown} FROM f JOIN file_versions v ON v.id = f.version_id
"""
_ALTER: Final = _CHANGE.format(
    shown=SHOWN,
    change="""
        name = coalesce($4, name), updated_at = $3,
        folder_id = CASE WHEN $5 THEN $6 ELSE folder_id END
    """,
)
_TRASH: Final = _CHANGE.format(shown=SHOWN, change="trashed_at = coalesce(trashed_at, $3)")
_RESTORE: Final = _CHANGE.format(
    shown=SHOWN,
    change="""
        trashed_at = NULL, trashed_with = NULL,
        folder_id = (SELECT d.id FROM folders d WHERE d.id = folder_id AND d.trashed_at IS NULL)
    """,
)
_VERSIONS: Final = """
    SELECT v.id, v.number, v.mime, v.size_bytes, v.crc32c, v.created_at
    FROM files f JOIN file_versions v ON v.file_id = f.id
    WHERE f.id = $1 AND f.owner_id = $2
    ORDER BY v.number DESC
"""
_VERSION: Final = f"""
    SELECT {SHOWN} FROM files f JOIN file_versions v ON v.file_id = f.id
    WHERE f.id = $1 AND f.owner_id = $2 AND v.id = $3
"""  # noqa: S608 - columns
_CONTENT: Final = f"""
    SELECT {SHOWN} FROM files f JOIN file_versions v ON v.file_id = f.id
    WHERE f.id = $1 AND v.id = $2 AND f.trashed_at IS NULL
"""  # noqa: S608 - columns
_SHOW: Final = f"""
    WITH f AS (
        UPDATE files SET version_id = v.id, updated_at = $4
        FROM file_versions v
        WHERE files.id = $1 AND files.owner_id = $2 AND v.id = $3 AND v.file_id = $1
        RETURNING files.*
    )
    SELECT {SHOWN} FROM f JOIN file_versions v ON v.id = f.version_id
"""  # noqa: S608 - columns
_REMOVE_VERSION: Final = load("remove_version")
_REMOVE: Final = load("remove_file")
_READABLE: Final = f"""
    SELECT {SHOWN} FROM files f JOIN file_versions v ON v.id = f.version_id
    WHERE f.id = $1 AND {_MAY_READ.format(reader="$2")}
"""  # noqa: S608 - columns
_KEPT: Final = """
    SELECT id FROM files WHERE id = ANY ($2::text[]) AND owner_id = $1 AND trashed_at IS NULL
"""
_TO_EMPTY: Final = """
    SELECT owner_id, id FROM files
    WHERE trashed_at IS NOT NULL AND trashed_at < $1
    ORDER BY trashed_at, id LIMIT $2
"""


class PostgresFileStore:
    """Implements FileStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def file(self, file: FileId) -> File | None:
        return _maybe(await self._pool.fetchrow(ONE, file))

    async def readable(self, file: FileId, by: UserId) -> File | None:
        return _maybe(await self._pool.fetchrow(_READABLE, file, by))

    async def kept(self, owner: UserId, files: Sequence[FileId]) -> frozenset[FileId]:
        rows = await self._pool.fetch(_KEPT, owner, list(files))
        return frozenset(FileId(row["id"]) for row in rows)

    async def files(
        self, owner: UserId, which: Which, cursor: str | None, limit: int, name: str | None = None
    ) -> Page[File]:
        where = (owner, before_file(cursor), limit + 1)
        if name is None:
            rows = await self._pool.fetch(_PAGES[which], *where)
        else:
            rows = await self._pool.fetch(_NAMED_PAGES[which], *where, name)
        items = tuple(map(file_of, rows[:limit]))
        return Page(items=items, next_cursor=file_cursor(items, more=len(rows) > limit))

    async def recent(self, owner: UserId, cursor: str | None, limit: int) -> Page[File]:
        return await self._by_time(_RECENT, owner, cursor, limit)

    async def favourites(self, user: UserId, cursor: str | None, limit: int) -> Page[File]:
        return await self._by_time(_FAVOURITES, user, cursor, limit)

    async def _by_time(
        self, query: str, user: UserId, cursor: str | None, limit: int
    ) -> Page[File]:
        rows = await self._pool.fetch(query, user, *before_timed_file(cursor), limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=tuple(map(file_of, rows[:limit])),
            next_cursor=None if last is None else timed_file_cursor(last["at"], last["id"]),
        )

    async def mark(self, user: UserId, file: FileId, at: int) -> bool:
        return bool(await self._pool.fetchval(_MARK, user, file, at, MAX_FAVOURITES))

    async def unmark(self, user: UserId, file: FileId) -> bool:
        return bool(await self._pool.fetchval(_UNMARK, user, file))

    async def within(
        self, owner: UserId, folder: FolderId | None, cursor: str | None, limit: int
    ) -> Page[File]:
        where = (owner, before_file(cursor), limit + 1)
        if folder is None:
            rows = await self._pool.fetch(_AT_THE_TOP, *where)
        else:
            rows = await self._pool.fetch(_WITHIN, *where, folder)
        items = tuple(map(file_of, rows[:limit]))
        return Page(items=items, next_cursor=file_cursor(items, more=len(rows) > limit))

    async def change(
        self,
        owner: UserId,
        file: FileId,
        at: int,
        *,
        name: str | None = None,
        folder: FolderId | UnsetType | None = UNSET,
    ) -> File | None:
        async def work(connection: PooledConnection) -> File | None:
            into = folder if isinstance(folder, str) else None
            if into is not None and not await connection.fetchval(_FOLDER, into, owner):
                raise Refused("not_found", "you have no such folder", field="folder")
            moves = folder is not UNSET
            row = await connection.fetchrow(_ALTER, file, owner, at, name, moves, into)
            return _maybe(row)

        return await self._pool.transact(work)

    async def trash(self, owner: UserId, file: FileId, at: int) -> File | None:
        return _maybe(await self._pool.fetchrow(_TRASH, file, owner, at))

    async def restore(self, owner: UserId, file: FileId) -> File | None:
        return _maybe(await self._pool.fetchrow(_RESTORE, file, owner))

    async def remove(self, owner: UserId, file: FileId) -> tuple[str, ...] | None:
        objects = await self._pool.fetchval(_REMOVE, owner, file)
        return None if objects is None else tuple(objects)

    async def versions(self, owner: UserId, file: FileId) -> tuple[Version, ...] | None:
        rows = await self._pool.fetch(_VERSIONS, file, owner)
        return tuple(_version(row) for row in rows) or None

    async def version(self, owner: UserId, file: FileId, version: VersionId) -> File | None:
        return _maybe(await self._pool.fetchrow(_VERSION, file, owner, version))

    async def content(self, file: FileId, version: VersionId) -> File | None:
        return _maybe(await self._pool.fetchrow(_CONTENT, file, version))

    async def show(self, owner: UserId, file: FileId, version: VersionId, at: int) -> File | None:
        return _maybe(await self._pool.fetchrow(_SHOW, file, owner, version, at))

    async def remove_version(
        self, owner: UserId, file: FileId, version: VersionId
    ) -> tuple[str, ...] | None:
        objects = await self._pool.fetchval(_REMOVE_VERSION, owner, file, version)
        return None if objects is None else tuple(objects)

    async def to_empty(self, before_ms: int, limit: int) -> tuple[tuple[UserId, FileId], ...]:
        rows = await self._pool.fetch(_TO_EMPTY, before_ms, limit)
        return tuple((UserId(owner), FileId(file)) for owner, file in rows)


def _version(row: Record) -> Version:
    return Version(
        id=row["id"],
        number=row["number"],
        mime=row["mime"],
        size=row["size_bytes"],
        crc32c=row["crc32c"],
        stored_at=row["created_at"],
    )


def _maybe(row: Record | None) -> File | None:
    return None if row is None else file_of(row)


def file_of(row: Record) -> File:
    """From SHOWN."""
    return File(
        id=row["id"],
        owner=row["owner_id"],
        name=row["name"],
        mime=row["mime"],
        size=row["size_bytes"],
        version=row["version_id"],
        crc32c=row["crc32c"],
        object=row["object"],
        stored_at=row["stored_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        trashed_at=row["trashed_at"],
        folder=row["folder_id"],
    )
