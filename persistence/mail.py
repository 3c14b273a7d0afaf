"""The queue of mails in PostgreSQL."""

from typing import Final

import msgspec

from streamhub.domain.mail import CLAIM_MS, Kept, Mail, Queued
from streamhub.domain.sealing import Sealer
from streamhub.persistence.postgres import Pool, Record

_PUT: Final = """
    INSERT INTO mails (id, kind, sealed, queued_at, next_try_at) VALUES ($1, $2, $3, $4, $4)
"""
_CLAIM: Final = """
    UPDATE mails SET next_try_at = $1 + $3, tries = tries + 1
    WHERE id IN (
        SELECT id FROM mails WHERE next_try_at <= $1
        ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, sealed, tries - 1 AS tries, queued_at
"""
_SENT: Final = "DELETE FROM mails WHERE id = $1"
_PUT_OFF: Final = "UPDATE mails SET next_try_at = $3, problem = $2 WHERE id = $1"
_KEPT: Final = (
    "SELECT id, sealed, tries, problem FROM mails ORDER BY queued_at DESC, id DESC LIMIT $1"
)
_FIND: Final = "SELECT id, sealed, tries, problem FROM mails WHERE id = $1"
_FORGET: Final = "DELETE FROM mails WHERE queued_at < $1"

_decode: Final = msgspec.msgpack.Decoder(Mail).decode


class PostgresMailQueue:
    """Implements MailQueue. The rows hold no address and no text that can be read."""

    def __init__(self, pool: Pool, sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer

    async def put(self, mail: Mail) -> None:
        sealed = self._sealer.seal(msgspec.msgpack.encode(mail), mail.id)
        await self._pool.execute(_PUT, mail.id, mail.kind, sealed, mail.queued_at)

    async def claim(self, now_ms: int, limit: int) -> tuple[Queued, ...]:
        rows = await self._pool.fetch(_CLAIM, now_ms, limit, CLAIM_MS)
        rows.sort(key=lambda row: (row["queued_at"], row["id"]))
        return tuple(
            Queued(mail=self._mail(row["id"], row["sealed"]), tries=row["tries"]) for row in rows
        )

    async def sent(self, mail_id: str) -> None:
        await self._pool.execute(_SENT, mail_id)

    async def put_off(self, mail_id: str, problem: str, next_try_at: int | None) -> None:
        await self._pool.execute(_PUT_OFF, mail_id, problem, next_try_at)

    async def kept(self, limit: int) -> tuple[Kept, ...]:
        return tuple(map(self._kept, await self._pool.fetch(_KEPT, limit)))

    async def find(self, mail_id: str) -> Kept | None:
        row = await self._pool.fetchrow(_FIND, mail_id)
        return None if row is None else self._kept(row)

    async def forget_before(self, moment_ms: int) -> None:
        await self._pool.execute(_FORGET, moment_ms)

    def _kept(self, row: Record) -> Kept:
        mail = self._mail(row["id"], row["sealed"])
        return Kept(mail=mail, tries=row["tries"], problem=row["problem"])

    def _mail(self, mail_id: str, sealed: bytes) -> Mail:
        return _decode(self._sealer.unseal(sealed, mail_id))
