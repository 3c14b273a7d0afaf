"""Shares and links of files in PostgreSQL."""

from typing import Final

from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused
from streamhub.domain.files import File
from streamhub.domain.ids import FileId, UserId
from streamhub.domain.sharing import MAX_LINKS, MAX_SHARES, Link, Share, Shared
from streamhub.persistence.files import ONE, SHOWN, file_of
from streamhub.persistence.paging import before_shared, shared_cursor
from streamhub.persistence.postgres import Pool, Record
from streamhub.persistence.sql import load

_SHARE: Final = load("share_file")
_SHARED: Final = load("shared_files").format(shown=SHOWN)
_UNSHARE: Final = """
    DELETE FROM file_shares s USING files f
    WHERE s.file_id = $1 AND s.reader_id = $3 AND f.id = $1 AND $2 IN (f.owner_id, s.reader_id)
    RETURNING true
"""
_OWN: Final = "SELECT true FROM files WHERE id = $1 AND owner_id = $2"
_SHARES: Final = """
    SELECT reader_id, shared_at FROM file_shares WHERE file_id = $1 ORDER BY shared_at, reader_id
"""
_ADD_LINK: Final = """
    WITH file AS (SELECT id FROM files WHERE id = $2 AND owner_id = $8 FOR UPDATE),
    link AS (
        INSERT INTO file_links
            (id, file_id, digest, password_hash, created_at, expires_at, max_downloads)
        SELECT $1, $2, $3, $4, $5, $6, $7 FROM file
        WHERE (SELECT count(*) FROM file_links WHERE file_id = $2) < $9
        RETURNING true
    )
    SELECT EXISTS (SELECT FROM link) FROM file
"""
_LINKS: Final = "SELECT * FROM file_links WHERE file_id = $1 ORDER BY id"
_REMOVE_LINK: Final = """
    DELETE FROM file_links l USING files f
    WHERE l.id = $3 AND l.file_id = $2 AND f.id = $2 AND f.owner_id = $1
    RETURNING true
"""
_LINKED: Final = f"""
    SELECT l.id AS link_id, l.created_at AS linked_at, l.expires_at, l.max_downloads,
           l.password_hash, l.downloads, l.downloaded_at, l.views, {SHOWN}
    FROM file_links l
    JOIN files f ON f.id = l.file_id AND f.trashed_at IS NULL
    JOIN file_versions v ON v.id = f.version_id
    JOIN users u ON u.id = f.owner_id AND u.status = 'active'
    WHERE l.digest = $1 AND coalesce(l.expires_at > $2, true)
"""  # noqa: S608 - columns
_COUNT_VIEW: Final = "UPDATE file_links SET views = views + 1 WHERE id = $1"
_COUNT_DOWNLOAD: Final = """
    UPDATE file_links SET downloads = downloads + 1, downloaded_at = $2
    WHERE id = $1 AND coalesce(downloads < max_downloads, true)
    RETURNING true
"""


class PostgresSharingStore:
    """Implements SharingStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def share(self, owner: UserId, file: FileId, reader: str, at: int) -> File | None:
        row = await self._pool.fetchrow(_SHARE, file, owner, reader, at, MAX_SHARES)
        assert row is not None  # noqa: S101 - it has no FROM
        if not row["file"]:
            raise Refused("not_found", "you have no such file", field="file")
        if not row["reader"]:
            detail = "there is no such user, or you are in no such channel"
            raise Refused("not_found", detail, field="reader")
        if not row["shared"]:
            raise Refused("limit_reached", f"a file is shared with at most {MAX_SHARES}")
        shown = await self._pool.fetchrow(ONE, file) if row["made"] else None
        return None if shown is None else file_of(shown)

    async def unshare(self, by: UserId, file: FileId, reader: str) -> bool:
        return bool(await self._pool.fetchval(_UNSHARE, file, by, reader))

    async def shares(self, owner: UserId, file: FileId) -> tuple[Share, ...] | None:
        if not await self._pool.fetchval(_OWN, file, owner):
            return None
        rows = await self._pool.fetch(_SHARES, file)
        return tuple(Share(reader=row["reader_id"], shared_at=row["shared_at"]) for row in rows)

    async def shared(self, reader: UserId, cursor: str | None, limit: int) -> Page[Shared]:
        rows = await self._pool.fetch(_SHARED, reader, *before_shared(cursor), limit + 1)
        items = tuple(
            Shared(
                file=file_of(row),
                share=Share(reader=row["reader_id"], shared_at=row["shared_at"]),
            )
            for row in rows[:limit]
            if row["id"] is not None
        )
        if len(rows) <= limit:
            return Page(items=items)
        last = rows[limit - 1]
        where = (last["shared_at"], last["file_id"], last["reader_id"])
        return Page(items=items, next_cursor=shared_cursor(*where))

    async def add_link(self, owner: UserId, link: Link, digest: bytes) -> bool:
        added = await self._pool.fetchval(
            _ADD_LINK,
            link.id,
            link.file,
            digest,
            link.password_hash,
            link.created_at,
            link.expires_at,
            link.max_downloads,
            owner,
            MAX_LINKS,
        )
        if added is False:
            raise Refused("limit_reached", f"a file has at most {MAX_LINKS} links: revoke one")
        return added is True

    async def links(self, owner: UserId, file: FileId) -> tuple[Link, ...] | None:
        if not await self._pool.fetchval(_OWN, file, owner):
            return None
        return tuple(
            _link(row, row["id"], row["file_id"], row["created_at"])
            for row in await self._pool.fetch(_LINKS, file)
        )

    async def remove_link(self, owner: UserId, file: FileId, link: str) -> bool:
        return bool(await self._pool.fetchval(_REMOVE_LINK, owner, file, link))

    async def linked(self, digest: bytes, now_ms: int) -> tuple[Link, File] | None:
        row = await self._pool.fetchrow(_LINKED, digest, now_ms)
        if row is None:
            return None
        return _link(row, row["link_id"], row["id"], row["linked_at"]), file_of(row)

    async def count_view(self, link: str) -> None:
        await self._pool.execute(_COUNT_VIEW, link)

    async def count_download(self, link: str, now_ms: int) -> bool:
        return bool(await self._pool.fetchval(_COUNT_DOWNLOAD, link, now_ms))


def _link(row: Record, id: str, file: str, created_at: int) -> Link:
    return Link(
        id=id,
        file=FileId(file),
        created_at=created_at,
        expires_at=row["expires_at"],
        max_downloads=row["max_downloads"],
        password_hash=row["password_hash"],
        downloads=row["downloads"],
        downloaded_at=row["downloaded_at"],
        views=row["views"],
    )
