"""Second factors in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.audit import AuditEvent
from streamhub.domain.ids import UserId
from streamhub.domain.second_factors import SecondFactor
from streamhub.persistence.audit import record
from streamhub.persistence.postgres import Pool, PooledConnection

_GET: Final = """
    SELECT sealed, begun_at, confirmed_at, last_step FROM second_factors WHERE user_id = $1
"""
_BEGIN: Final = """
    INSERT INTO second_factors AS old (user_id, sealed, begun_at) VALUES ($1, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, begun_at = excluded.begun_at
    WHERE old.confirmed_at IS NULL
    RETURNING true
"""
_CONFIRM: Final = """
    UPDATE second_factors SET confirmed_at = $2, last_step = $3
    WHERE user_id = $1 AND confirmed_at IS NULL
    RETURNING true
"""
_USE_STEP: Final = """
    UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2 RETURNING true
"""
_USE_RECOVERY: Final = """
    DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2 RETURNING true
"""
_FORGET_RECOVERY: Final = "DELETE FROM recovery_codes WHERE user_id = $1"
_ADD_RECOVERY: Final = """
    INSERT INTO recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])
"""
_RECOVERY_LEFT: Final = "SELECT count(*) FROM recovery_codes WHERE user_id = $1"
_REMOVE: Final = "DELETE FROM second_factors WHERE user_id = $1 RETURNING true"


class PostgresSecondFactors:
    """Implements SecondFactorStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, user: UserId) -> SecondFactor | None:
        row = await self._pool.fetchrow(_GET, user)
        return None if row is None else SecondFactor(user=user, **dict(row))

    async def begin(self, factor: SecondFactor) -> bool:
        begun = await self._pool.fetchval(_BEGIN, factor.user, factor.sealed, factor.begun_at)
        return begun is not None

    async def confirm(
        self, user: UserId, at: int, step: int, recovery: Sequence[bytes], event: AuditEvent
    ) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_CONFIRM, user, at, step) is None:
                return False
            await connection.execute(_FORGET_RECOVERY, user)
            await connection.execute(_ADD_RECOVERY, user, recovery)
            await record(connection, event)
            return True

        return await self._pool.transact(work)

    async def use_step(self, user: UserId, step: int) -> bool:
        return await self._pool.fetchval(_USE_STEP, user, step) is not None

    async def use_recovery(self, user: UserId, digest: bytes, event: AuditEvent) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchval(_USE_RECOVERY, user, digest) is None:
                return False
            await record(connection, event)
            return True

        return await self._pool.transact(work)

    async def replace_recovery(self, user: UserId, recovery: Sequence[bytes]) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(_FORGET_RECOVERY, user)
            await connection.execute(_ADD_RECOVERY, user, recovery)

        await self._pool.transact(work)

    async def recovery_left(self, user: UserId) -> int:
        return int(await self._pool.fetchval(_RECOVERY_LEFT, user))

    async def remove(self, user: UserId, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            if await connection.fetchval(_REMOVE, user) is not None:
                await record(connection, event)

        await self._pool.transact(work)
