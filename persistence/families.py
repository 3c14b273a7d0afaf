"""Token families in PostgreSQL. A refresh is one short transaction that holds the family's row."""

from collections.abc import Mapping, Sequence
from typing import Final

from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditEvent
from streamhub.domain.families import REVOKED, Family, FamilyId, Refreshed, RefreshToken, Use
from streamhub.domain.ids import UserId
from streamhub.persistence.accounts import account_of
from streamhub.persistence.audit import record
from streamhub.persistence.gathered import Gathered
from streamhub.persistence.postgres import Pool, PooledConnection, Record

_OPEN: Final = """
    WITH expired AS (DELETE FROM token_families WHERE user_id = $2 AND expires_at <= $6)
    INSERT INTO token_families
        (id, user_id, selector, current, address, opened_at, expires_at, client)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_FAMILY: Final = "SELECT * FROM token_families WHERE selector = $1 FOR UPDATE"
_ACCOUNT: Final = "SELECT * FROM accounts WHERE id = $1"
_ROTATE: Final = """
    UPDATE token_families
    SET current = $2, previous = current, rotated_at = $3, expires_at = $4, last_used_at = $3,
        last_address = $5
    WHERE id = $1
"""
_REVOKE: Final = """
    WITH revoked AS (
        UPDATE token_families SET revoked_at = COALESCE(revoked_at, $2) WHERE selector = $1
        RETURNING id
    )
    SELECT id, cluster_log_append($3, id) FROM revoked
"""
_END: Final = """
    WITH revoked AS (
        UPDATE token_families SET revoked_at = $3
        WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL
        RETURNING id
    )
    SELECT id, cluster_log_append($4, id) FROM revoked
"""
_OF: Final = """
    SELECT * FROM token_families
    WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
    ORDER BY id
"""
_SIGNED_IN: Final = """
    SELECT f.id AS family, a.*
    FROM token_families f JOIN accounts a ON a.id = f.user_id
    WHERE f.id = ANY ($1::text[]) AND f.revoked_at IS NULL
"""
_REVOKED_SINCE: Final = "SELECT id FROM token_families WHERE revoked_at >= $1"
_MOST_AT_ONCE: Final = 100


class PostgresFamilyStore:
    """Implements FamilyStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._signed_in = Gathered(self._all_signed_in, most=_MOST_AT_ONCE)

    async def open(self, family: Family, event: AuditEvent) -> None:
        async def work(connection: PooledConnection) -> None:
            await connection.execute(
                _OPEN,
                family.id,
                family.user,
                family.selector,
                family.current,
                family.address,
                family.opened_at,
                family.expires_at,
                family.client,
            )
            await record(connection, event)

        await self._pool.transact(work)

    async def refresh(
        self, token: RefreshToken, successors: Sequence[bytes], use: Use
    ) -> Refreshed | None:
        async def work(connection: PooledConnection) -> Refreshed | None:
            row = await connection.fetchrow(_FAMILY, token.selector)
            if row is None:
                return None
            family = _family(row)
            current = family.current
            match family.judge(token.digest, successors, use.now_ms):
                case "rotate":
                    current = successors[0]
                    await connection.execute(
                        _ROTATE,
                        family.id,
                        current,
                        use.now_ms,
                        family.until(use),
                        use.address,
                    )
                case "repeat":
                    pass
                case "reuse":
                    await connection.execute(_REVOKE, token.selector, use.now_ms, REVOKED)
                    await record(connection, use.reused)
                    return None
                case "over":
                    return None
            account = await connection.fetchrow(_ACCOUNT, family.user)
            assert account is not None  # noqa: S101 - a family goes with its user
            return Refreshed(family=family.id, account=account_of(account), current=current)

        return await self._pool.transact(work)

    async def revoke(self, token: RefreshToken, event: AuditEvent) -> FamilyId | None:
        async def work(connection: PooledConnection) -> FamilyId | None:
            row = await connection.fetchrow(_REVOKE, token.selector, event.at, REVOKED)
            if row is None:
                return None
            await record(connection, event)
            return FamilyId(row["id"])

        return await self._pool.transact(work)

    async def end(self, user: UserId, family: FamilyId, event: AuditEvent) -> bool:
        async def work(connection: PooledConnection) -> bool:
            if await connection.fetchrow(_END, family, user, event.at, REVOKED) is None:
                return False
            await record(connection, event)
            return True

        return await self._pool.transact(work)

    async def of(self, user: UserId, now_ms: int) -> tuple[Family, ...]:
        return tuple(map(_family, await self._pool.fetch(_OF, user, now_ms)))

    async def signed_in(self, family: FamilyId) -> Account | None:
        return await self._signed_in.get(family)

    async def _all_signed_in(self, families: list[FamilyId]) -> Mapping[FamilyId, Account]:
        rows = await self._pool.fetch(_SIGNED_IN, families)
        return {FamilyId(row["family"]): account_of(row) for row in rows}

    async def revoked_since(self, moment_ms: int) -> tuple[FamilyId, ...]:
        rows = await self._pool.fetch(_REVOKED_SINCE, moment_ms)
        return tuple(FamilyId(row["id"]) for row in rows)


def _family(row: Record) -> Family:
    return Family(
        id=FamilyId(row["id"]),
        user=UserId(row["user_id"]),
        selector=row["selector"],
        current=row["current"],
        previous=row["previous"],
        address=row["address"],
        client=row["client"],
        opened_at=row["opened_at"],
        rotated_at=row["rotated_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        last_address=row["last_address"],
    )
