"""What is stored of uploads, in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from streamhub.domain.errors import Refused
from streamhub.domain.ids import UploadId, UserId
from streamhub.domain.upload_ledger import Became, Opening, Published, Stored, Usage
from streamhub.domain.uploads import OVER, Ledger, Part, State, Tail, Upload
from streamhub.persistence.files import file_of
from streamhub.persistence.postgres import Pool, PooledConnection, Record
from streamhub.persistence.sql import load

_OPEN: Final = load("open_upload")
_RECORD: Final = load("record_parts")
_RESERVE: Final = load("reserve_storage")
_PUBLISH: Final = load("publish_upload")
_END: Final = load("end_upload")
_BY_KEY: Final = "SELECT *, digest = $3 AS same FROM uploads WHERE owner_id = $1 AND key = $2"
_THEIRS: Final = "SELECT true FROM files WHERE id = $1 AND owner_id = $2 AND trashed_at IS NULL"
_FOLDER: Final = "SELECT true FROM folders WHERE id = $1 AND owner_id = $2 AND trashed_at IS NULL"
_ONE: Final = "SELECT * FROM uploads WHERE id = $1"
_PARTS: Final = """
    SELECT number, size_bytes AS size, crc32c, etag, object
    FROM upload_parts WHERE upload_id = $1 ORDER BY number
"""
_TAILS: Final = """
    SELECT start, size_bytes AS size, crc32c, object
    FROM upload_tails WHERE upload_id = $1 ORDER BY start
"""
_ATTACH: Final = """
    UPDATE uploads SET term = term + 1 WHERE id = $1 AND state = 'receiving' RETURNING *
"""
_SEAL: Final = """
    UPDATE uploads SET state = 'sealing' WHERE id = $1 AND state = 'receiving' RETURNING true
"""
_REOPEN: Final = """
    WITH upload AS (
        UPDATE uploads SET state = 'receiving', multipart = $3
        WHERE id = $1 AND state = 'sealing'
        RETURNING id
    ), lost AS (
        DELETE FROM upload_parts p USING upload
        WHERE p.upload_id = upload.id AND p.number = ANY ($2::int[])
    )
    SELECT true FROM upload
"""
_DUE: Final = """
    (SELECT id FROM uploads WHERE state = 'sealing' LIMIT $2)
    UNION
    (SELECT id FROM uploads WHERE state IN ('receiving', 'sealing') AND expires_at <= $1
     ORDER BY expires_at, id LIMIT $2)
"""
_OVER: Final = """
    SELECT * FROM uploads
    WHERE state NOT IN ('receiving', 'sealing') AND expires_at <= $1
    ORDER BY expires_at, id LIMIT $2
"""
_FORGET: Final = """
    WITH upload AS (
        DELETE FROM uploads WHERE id = $1 AND state NOT IN ('receiving', 'sealing') RETURNING id
    ), part AS (
        DELETE FROM upload_parts p USING upload WHERE p.upload_id = upload.id
    )
    DELETE FROM upload_tails t USING upload WHERE t.upload_id = upload.id
"""
_UNNAMED: Final = """
    SELECT o FROM unnest($1::text[]) AS o
    WHERE NOT EXISTS (SELECT FROM file_versions WHERE object = o)
      AND NOT EXISTS (SELECT FROM uploads WHERE id = (regexp_match(o, 'up_[0-9a-z]{26}'))[1]
                      AND state IN ('receiving', 'sealing'))
"""
_USAGE: Final = "SELECT used_bytes, reserved_bytes FROM storage WHERE user_id = $1"


_TO_COUNT: Final = """
    SELECT user_id FROM storage WHERE counted_at < $1 ORDER BY counted_at LIMIT $2
"""
_NOTED: Final = """
    SELECT used_bytes AS used, reserved_bytes AS reserved FROM storage
    WHERE user_id = $1 FOR UPDATE
"""
_COUNTED: Final = """
    UPDATE storage SET
        used_bytes = (SELECT coalesce(sum(v.size_bytes), 0)
                      FROM files f JOIN file_versions v ON v.file_id = f.id WHERE f.owner_id = $1),
        reserved_bytes = (SELECT coalesce(sum(reserved_bytes), 0) FROM uploads
                          WHERE owner_id = $1),
        counted_at = $2
    WHERE user_id = $1
    RETURNING used_bytes AS used, reserved_bytes AS reserved
"""


class _OpenedMeanwhile(Exception):
    """With the same key. What was taken of the quota is rolled back."""


class PostgresUploadLedger:
    """Implements UploadLedger."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, opening: Opening, quota_bytes: int) -> Upload:
        if first := await self._opened_before(opening):
            return first
        upload = opening.upload
        if upload.into and not await self._pool.fetchval(_THEIRS, upload.into, upload.owner):
            raise Refused("not_found", "you have no such file", field="file")
        if upload.folder and not await self._pool.fetchval(_FOLDER, upload.folder, upload.owner):
            raise Refused("not_found", "you have no such folder", field="folder")
        values = (
            upload.id,
            upload.owner,
            opening.key,
            opening.digest,
            upload.name,
            upload.mime,
            upload.size,
            upload.part_bytes,
            upload.crc32c,
            upload.object,
            upload.multipart,
            upload.reserved_bytes,
            upload.created_at,
            upload.expires_at,
            quota_bytes,
            upload.into,
            upload.folder,
        )
        try:
            opened = await self._pool.transact(lambda connection: _begin(connection, values))
        except _OpenedMeanwhile:
            return await self.open(opening, quota_bytes)
        if opened:
            return upload
        raise Refused(
            "quota_exceeded",
            f"your files and uploads may have {quota_bytes} bytes in all: delete some",
        )

    async def _opened_before(self, opening: Opening) -> Upload | None:
        if opening.key is None:
            return None
        row = await self._pool.fetchrow(_BY_KEY, opening.upload.owner, opening.key, opening.digest)
        if row is None:
            return None
        if not row["same"]:
            raise Refused("key_reused", "the key was used for another upload")
        return _upload(row)

    async def load(self, upload: UploadId) -> Ledger | None:
        row = await self._pool.fetchrow(_ONE, upload)
        return None if row is None else await self._ledger(row)

    async def attach(self, upload: UploadId) -> Ledger | None:
        row = await self._pool.fetchrow(_ATTACH, upload)
        # What older terms stored is committed by now, or never will be.
        return None if row is None else await self._ledger(row)

    async def _ledger(self, row: Record) -> Ledger:
        if row["state"] in OVER:
            return Ledger(upload=_upload(row))
        return await self._stored(row)

    async def _stored(self, row: Record) -> Ledger:
        upload = _upload(row)
        parts = await self._pool.fetch(_PARTS, upload.id)
        tails = await self._pool.fetch(_TAILS, upload.id)
        return Ledger(
            upload=upload,
            parts=tuple(Part(**part) for part in parts),
            tails=tuple(Tail(**tail) for tail in tails),
        )

    async def record(self, upload: UploadId, term: int, stored: Stored) -> bool:
        parts, tails = stored.parts, stored.tails
        taken = await self._pool.fetchval(
            _RECORD,
            upload,
            term,
            [part.number for part in parts],
            [part.size for part in parts],
            [part.crc32c for part in parts],
            [part.etag for part in parts],
            [part.object for part in parts],
            [tail.start for tail in tails],
            [tail.size for tail in tails],
            [tail.crc32c for tail in tails],
            [tail.object for tail in tails],
            list(stored.joined),
        )
        return bool(taken)

    async def reserve(self, upload: UploadId, bytes: int, quota_bytes: int) -> bool:
        return bool(await self._pool.fetchval(_RESERVE, upload, bytes, quota_bytes, None))

    async def declare(self, upload: UploadId, size: int, quota_bytes: int) -> bool:
        return bool(await self._pool.fetchval(_RESERVE, upload, size, quota_bytes, size))

    async def seal(self, upload: UploadId) -> bool:
        return bool(await self._pool.fetchval(_SEAL, upload))

    async def reopen(self, upload: UploadId, lost: Sequence[int], multipart: str | None) -> bool:
        return bool(await self._pool.fetchval(_REOPEN, upload, list(lost), multipart))

    async def publish(self, upload: UploadId, published: Published, keep: int) -> Became | None:
        row = await self._pool.fetchrow(
            _PUBLISH,
            upload,
            published.file,
            published.version,
            published.object,
            published.crc32c,
            published.size,
            published.at,
            keep,
        )
        if row is None:
            return None
        usage = Usage(used=row["used_bytes"], reserved=row["reserved_bytes"])
        return Became(file=file_of(row), usage=usage, gone=tuple(row["gone"]))

    async def end(
        self, upload: UploadId, was: State, state: State, problem: str, forget_at: int
    ) -> bool:
        return bool(await self._pool.fetchval(_END, upload, was, state, problem, forget_at))

    async def over(self, now_ms: int, limit: int) -> tuple[Ledger, ...]:
        rows = await self._pool.fetch(_OVER, now_ms, limit)
        return tuple([await self._stored(row) for row in rows])

    async def forget(self, upload: UploadId) -> None:
        await self._pool.execute(_FORGET, upload)

    async def unnamed(self, objects: Sequence[str]) -> frozenset[str]:
        rows = await self._pool.fetch(_UNNAMED, list(objects))
        return frozenset(row[0] for row in rows)

    async def due(self, now_ms: int, limit: int) -> tuple[UploadId, ...]:
        rows = await self._pool.fetch(_DUE, now_ms, limit)
        return tuple(UploadId(row["id"]) for row in rows)

    async def to_count(self, before_ms: int, limit: int) -> tuple[UserId, ...]:
        rows = await self._pool.fetch(_TO_COUNT, before_ms, limit)
        return tuple(UserId(row["user_id"]) for row in rows)

    async def count(self, user: UserId, now_ms: int) -> tuple[Usage, Usage]:
        async def work(connection: PooledConnection) -> tuple[Usage, Usage]:
            # Whoever changes it changes rows with it: once it is held, both are of one moment.
            noted = await connection.fetchrow(_NOTED, user)
            counted = await connection.fetchrow(_COUNTED, user, now_ms)
            if noted is None or counted is None:
                return Usage(), Usage()
            return Usage(**noted), Usage(**counted)

        return await self._pool.transact(work)

    async def usage(self, user: UserId) -> Usage:
        row = await self._pool.fetchrow(_USAGE, user)
        return Usage() if row is None else Usage(used=row[0], reserved=row[1])


async def _begin(connection: PooledConnection, values: Sequence[object]) -> bool:
    try:
        return bool(await connection.fetchval(_OPEN, *values))
    except asyncpg.UniqueViolationError:
        raise _OpenedMeanwhile from None


def _upload(row: Record) -> Upload:
    return Upload(
        id=row["id"],
        owner=row["owner_id"],
        name=row["name"],
        mime=row["mime"],
        size=row["size_bytes"],
        part_bytes=row["part_bytes"],
        object=row["object"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        reserved_bytes=row["reserved_bytes"],
        term=row["term"],
        state=row["state"],
        multipart=row["multipart"],
        crc32c=row["crc32c"],
        problem=row["problem"],
        file=row["file_id"],
        into=row["into_id"],
        folder=row["folder_id"],
    )
