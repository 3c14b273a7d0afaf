"""Invitations in PostgreSQL."""

from typing import Final

from streamhub.domain.audit import AuditEvent
from streamhub.domain.ids import UserId
from streamhub.domain.invitations import Invitation
from streamhub.persistence.audit import record
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_ADD: Final = """
    INSERT INTO invitations (id, digest, created_by, email, max_uses, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_OF: Final = """
    SELECT * FROM invitations
    WHERE created_by = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
    ORDER BY id
"""
# An invitation of somebody who may not act any more lets nobody in.
_USE: Final = """
    UPDATE invitations i SET uses = uses + 1
    FROM users u
    WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses
        AND u.id = i.created_by AND u.status = 'active'
    RETURNING i.*
"""
_GIVE_BACK: Final = "UPDATE invitations SET uses = uses - 1 WHERE id = $1 AND uses > 0"
_REVOKE: Final = """
    UPDATE invitations SET revoked_at = $3
    WHERE id = $1 AND created_by = $2 AND revoked_at IS NULL AND expires_at > $3
        AND uses < max_uses
    RETURNING true
"""


class PostgresInvitations:
    """Implements InvitationStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, invitation: Invitation, digest: bytes, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(
                _ADD,
                invitation.id,
                digest,
                invitation.created_by,
                invitation.email,
                invitation.max_uses,
                invitation.created_at,
                invitation.expires_at,
            )
            await record(connection, event)

        await self._pool.transact(work)

    async def of(self, user: UserId, now_ms: int) -> tuple[Invitation, ...]:
        return tuple(map(_invitation, await self._pool.fetch(_OF, user, now_ms)))

    async def use(self, digest: bytes, now_ms: int) -> Invitation | None:
        row = await self._pool.fetchrow(_USE, digest, now_ms)
        return None if row is None else _invitation(row)

    async def give_back(self, invitation: str) -> None:
        await self._pool.execute(_GIVE_BACK, invitation)

    async def revoke(self, user: UserId, invitation: str, now_ms: int, event: AuditEvent) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_REVOKE, invitation, user, now_ms) is None:
                return False
            await record(connection, event)
            return True

        return await self._pool.transact(work)


def _invitation(row: Record) -> Invitation:
    return Invitation(
        id=row["id"],
        created_by=UserId(row["created_by"]),
        email=row["email"],
        max_uses=row["max_uses"],
        uses=row["uses"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
