"""Personal access tokens in PostgreSQL."""

from typing import Final

from streamhub.domain.audit import AuditEvent
from streamhub.domain.families import REVOKED, FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.personal_tokens import (
    MAX_TOKENS,
    USED_EVERY_MS,
    Bearer,
    PersonalToken,
    too_many_tokens,
)
from streamhub.persistence.accounts import account_of
from streamhub.persistence.audit import record
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_KEPT_MS: Final = 30 * 86_400_000  # expired ones are shown so long, so that people see why
_LOCK_OWNER: Final = "SELECT FROM users WHERE id = $1 FOR UPDATE"
_COUNT: Final = "SELECT count(*) FROM personal_tokens WHERE user_id = $1 AND revoked_at IS NULL"
_FORGET: Final = """
    DELETE FROM personal_tokens
    WHERE user_id = $1 AND (revoked_at < $2::bigint - $3 OR expires_at < $2::bigint - $3)
"""
_ADD: Final = """
    INSERT INTO personal_tokens
        (id, user_id, made_by, name, digest, scopes, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_OF: Final = "SELECT * FROM personal_tokens WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id"
# A bot rests while its owner does.
_BEARER: Final = """
    SELECT a.*, t.id AS token_id, t.user_id, t.made_by, t.name AS token_name, t.scopes,
        t.created_at AS made_at, t.expires_at, t.last_used_at, t.last_address
    FROM personal_tokens t JOIN accounts a ON a.id = t.user_id
        LEFT JOIN users o ON o.id = a.owner_id
    WHERE (t.digest = $1 OR t.id = $2) AND t.revoked_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > $3) AND COALESCE(o.status, 'active') = 'active'
"""
_USED: Final = """
    UPDATE personal_tokens SET last_used_at = $2, last_address = $3
    WHERE id = $1 AND COALESCE(last_used_at, 0) + $4 <= $2
"""
_REVOKE: Final = """
    UPDATE personal_tokens SET revoked_at = $3
    WHERE id = $1 AND made_by = $2 AND revoked_at IS NULL
    RETURNING id
"""
_TELL: Final = "SELECT cluster_log_append($1, $2)"


class PostgresPersonalTokens:
    """Implements PersonalTokenStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, token: PersonalToken, digest: bytes, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(_LOCK_OWNER, token.user)
            await connection.execute(_FORGET, token.user, token.created_at, _KEPT_MS)
            if await connection.fetchval(_COUNT, token.user) >= MAX_TOKENS:
                raise too_many_tokens()
            await connection.execute(
                _ADD,
                token.id,
                token.user,
                token.made_by,
                token.name,
                digest,
                sorted(token.scopes),
                token.created_at,
                token.expires_at,
            )
            await record(connection, event)

        await self._pool.transact(work)

    async def of(self, user: UserId) -> tuple[PersonalToken, ...]:
        return tuple(map(_token, await self._pool.fetch(_OF, user)))

    async def bearer(self, digest: bytes, now_ms: int) -> Bearer | None:
        return _bearer(await self._pool.fetchrow(_BEARER, digest, None, now_ms))

    async def still(self, token: FamilyId, now_ms: int) -> Bearer | None:
        return _bearer(await self._pool.fetchrow(_BEARER, None, token, now_ms))

    async def used(self, token: FamilyId, now_ms: int, address: str) -> None:
        await self._pool.execute(_USED, token, now_ms, address, USED_EVERY_MS)

    async def revoke(
        self, token: FamilyId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_REVOKE, token, made_by, now_ms) is None:
                return False
            await connection.execute(_TELL, REVOKED, token)
            await record(connection, event)
            return True

        return await self._pool.transact(work)


def _bearer(row: Record | None) -> Bearer | None:
    if row is None:
        return None
    token = PersonalToken(
        id=FamilyId(row["token_id"]),
        user=UserId(row["user_id"]),
        made_by=UserId(row["made_by"]),
        name=row["token_name"],
        scopes=frozenset(row["scopes"]),
        created_at=row["made_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        last_address=row["last_address"],
    )
    return Bearer(token=token, account=account_of(row))


def _token(row: Record) -> PersonalToken:
    return PersonalToken(
        id=FamilyId(row["id"]),
        user=UserId(row["user_id"]),
        made_by=UserId(row["made_by"]),
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        last_address=row["last_address"],
    )
