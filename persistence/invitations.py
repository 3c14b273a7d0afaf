"""Invitations in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditEvent
from streamhub.domain.ids import UserId
from streamhub.domain.invitations import (
    MAX_INVITATIONS,
    Invitation,
    InvitationId,
    too_many_invitations,
)
from streamhub.persistence.accounts import create
from streamhub.persistence.audit import record
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_LOCK_MAKER: Final = "SELECT FROM users WHERE id = $1 FOR UPDATE"
_FORGET: Final = "DELETE FROM invitations WHERE expires_at <= $1"  # with their addresses
_COUNT: Final = """
    SELECT count(*) FROM invitations
    WHERE created_by = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
"""
_ADD: Final = """
    INSERT INTO invitations
        (id, created_by, digest, email, max_uses, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_OF: Final = """
    SELECT * FROM invitations
    WHERE created_by = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
    ORDER BY id
"""
_OFFERED: Final = """
    SELECT i.* FROM invitations i JOIN users u ON u.id = i.created_by AND u.status = 'active'
    WHERE i.digest = $1 AND i.revoked_at IS NULL AND i.expires_at > $2 AND i.uses < i.max_uses
"""
# One for an address is good once, so the address has done its work.
_USE: Final = """
    UPDATE invitations SET uses = uses + 1, email = NULL
    WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
        AND EXISTS (SELECT FROM users u WHERE u.id = created_by AND u.status = 'active')
    RETURNING id
"""
_REVOKE: Final = """
    UPDATE invitations SET revoked_at = $3, email = NULL
    WHERE id = $1 AND created_by = $2 AND revoked_at IS NULL
    RETURNING id
"""


class PostgresInvitations:
    """Implements InvitationStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, invitation: Invitation, digest: bytes, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(_LOCK_MAKER, invitation.made_by)
            now_ms = invitation.created_at
            await connection.execute(_FORGET, now_ms)
            if await connection.fetchval(_COUNT, invitation.made_by, now_ms) >= MAX_INVITATIONS:
                raise too_many_invitations()
            await connection.execute(
                _ADD,
                invitation.id,
                invitation.made_by,
                digest,
                invitation.email,
                invitation.max_uses,
                now_ms,
                invitation.expires_at,
            )
            await record(connection, event)

        await self._pool.transact(work)

    async def of(self, user: UserId, now_ms: int) -> tuple[Invitation, ...]:
        return tuple(map(_invitation, await self._pool.fetch(_OF, user, now_ms)))

    async def offered(self, digest: bytes, now_ms: int) -> Invitation | None:
        row = await self._pool.fetchrow(_OFFERED, digest, now_ms)
        return None if row is None else _invitation(row)

    async def use(
        self,
        invitation: InvitationId,
        account: Account,
        password_hash: str,
        events: Sequence[AuditEvent],
    ) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_USE, invitation, account.created_at) is None:
                return False
            await create(connection, account, password_hash)  # or what was counted is undone
            for event in events:
                await record(connection, event)
            return True

        return await self._pool.transact(work)

    async def revoke(
        self, invitation: InvitationId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_REVOKE, invitation, made_by, now_ms) is None:
                return False
            await record(connection, event)
            return True

        return await self._pool.transact(work)


def _invitation(row: Record) -> Invitation:
    return Invitation(
        id=InvitationId(row["id"]),
        made_by=UserId(row["created_by"]),
        max_uses=row["max_uses"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        email=row["email"],
        uses=row["uses"],
    )
