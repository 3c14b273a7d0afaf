"""Identities of OpenID Connect providers in PostgreSQL, and log-ins on their way in Redis."""

from typing import Final, cast

import msgspec
from redis.asyncio import Redis

from streamhub.domain.audit import AuditEvent
from streamhub.domain.identities import Authorization, Linked, opens_another
from streamhub.domain.ids import UserId
from streamhub.domain.sealing import Sealer, Unsealable
from streamhub.persistence.audit import record
from streamhub.persistence.postgres import Pool, PooledConnection
from streamhub.persistence.redis import translated

_USER_OF: Final = "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2"
_OF: Final = """
    SELECT issuer, subject, linked_at FROM identities WHERE user_id = $1 ORDER BY linked_at, issuer
"""
_LINK: Final = """
    INSERT INTO identities (issuer, subject, user_id, linked_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
    RETURNING true
"""
_UNLINK: Final = """
    DELETE FROM identities WHERE issuer = $1 AND subject = $2 AND user_id = $3 RETURNING true
"""
_PREFIX: Final = "oidc:"
_decode: Final = msgspec.msgpack.Decoder(Authorization).decode


class PostgresIdentities:
    """Implements IdentityStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def user_of(self, issuer: str, subject: str) -> UserId | None:
        found = await self._pool.fetchval(_USER_OF, issuer, subject)
        return None if found is None else UserId(found)

    async def of(self, user: UserId) -> tuple[Linked, ...]:
        return tuple(Linked(**dict(row)) for row in await self._pool.fetch(_OF, user))

    async def link(self, user: UserId, linked: Linked, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            issuer, subject = linked.issuer, linked.subject
            if await connection.fetchval(_LINK, issuer, subject, user, linked.linked_at):
                await record(connection, event)
            elif await connection.fetchval(_USER_OF, issuer, subject) != user:
                raise opens_another()

        await self._pool.transact(work)

    async def unlink(self, user: UserId, issuer: str, subject: str, event: AuditEvent) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_UNLINK, issuer, subject, user) is None:
                return False
            await record(connection, event)
            return True

        return await self._pool.transact(work)


class RedisAuthorizations:
    """Implements AuthorizationStore. What is kept is sealed: it holds the PKCE verifier."""

    def __init__(self, client: Redis, sealer: Sealer) -> None:
        self._client = client
        self._sealer = sealer

    async def put(self, request: str, authorization: Authorization, life_s: int) -> None:
        sealed = self._sealer.seal(msgspec.msgpack.encode(authorization), request)
        async with translated():
            await self._client.set(_PREFIX + request, sealed, ex=life_s)

    async def take(self, request: str) -> Authorization | None:
        async with translated():
            sealed = await self._client.getdel(_PREFIX + request)
        if sealed is None:
            return None
        try:
            return _decode(self._sealer.unseal(cast(bytes, sealed), request))
        except Unsealable:  # of another secret: as good as lost
            return None
