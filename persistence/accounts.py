"""Accounts in PostgreSQL."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from streamhub.domain.accounts import Account, Credentials, handle_or_email_taken
from streamhub.domain.ids import UserId
from streamhub.domain.people import Person
from streamhub.persistence.postgres import Pool, Record

_CREATE: Final = """
    INSERT INTO users (
        id, handle, name, email, role, created_at, password_hash, kind, owner_id,
        email_confirmed_at, locale, time_zone
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_GET: Final = "SELECT * FROM accounts WHERE id = $1"
_BY_IDS: Final = "SELECT id, handle, name FROM users WHERE id = ANY($1::text[])"
_REACHABLE: Final = "SELECT id FROM users WHERE id = ANY($1::text[]) AND status = 'active'"
_BY_HANDLES: Final = "SELECT id, handle, name FROM users WHERE handle = ANY($1::text[])"
_CREDENTIALS: Final = """
    SELECT a.*, u.password_hash,
        EXISTS (
            SELECT FROM token_families f WHERE f.user_id = u.id AND f.address = $2
        ) AS known_address
    FROM users u JOIN accounts a USING (id)
    WHERE u.handle = lower($1) OR lower(u.email) = lower($1)
"""
_REPLACE_HASH: Final = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"


class Executor(Protocol):
    """A pool, or a connection within a transaction."""

    async def fetchval(self, query: str, /, *args: object) -> object: ...


class PostgresAccountStore:
    """Implements AccountStore and People."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, account: Account, password_hash: str | None) -> None:
        await create(self._pool, account, password_hash)

    async def account(self, user: UserId) -> Account | None:
        row = await self._pool.fetchrow(_GET, user)
        return None if row is None else account_of(row)

    async def credentials(self, login: str, address: str) -> Credentials | None:
        row = await self._pool.fetchrow(_CREDENTIALS, login, address)
        if row is None:
            return None
        return Credentials(
            account=account_of(row),
            password_hash=row["password_hash"],
            known_address=row["known_address"],
        )

    async def replace_hash(self, user: UserId, old: str, new: str) -> None:
        await self._pool.execute(_REPLACE_HASH, user, old, new)

    async def by_ids(self, users: Collection[UserId]) -> Mapping[UserId, Person]:
        return {person.id: person for person in await self._people(_BY_IDS, users)}

    async def reachable(self, users: Collection[UserId]) -> frozenset[UserId]:
        rows = await self._pool.fetch(_REACHABLE, list(users))
        return frozenset(UserId(row["id"]) for row in rows)

    async def by_handles(self, handles: Collection[str]) -> Mapping[str, Person]:
        return {person.handle: person for person in await self._people(_BY_HANDLES, handles)}

    async def _people(self, query: str, wanted: Collection[str]) -> list[Person]:
        if not wanted:
            return []
        rows = await self._pool.fetch(query, list(wanted))
        return [Person(id=UserId(id), handle=handle, name=name) for id, handle, name in rows]


async def create(executor: Executor, account: Account, password_hash: str | None) -> None:
    """Insert the account. Raises Refused("conflict") when the handle or the address is taken."""
    created = await executor.fetchval(
        _CREATE,
        account.id,
        account.handle,
        account.name,
        account.email,
        account.role,
        account.created_at,
        password_hash,
        account.kind,
        account.owner,
        account.email_confirmed_at,
        account.locale,
        account.time_zone,
    )
    if created is None:
        raise handle_or_email_taken()


def account_of(row: Record) -> Account:
    """The account of a row of `accounts`."""
    return Account(
        id=UserId(row["id"]),
        handle=row["handle"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        created_at=row["created_at"],
        kind=row["kind"],
        owner=row["owner_id"],
        status=row["status"],
        status_note=row["status_note"],
        email_confirmed_at=row["email_confirmed_at"],
        locale=row["locale"],
        time_zone=row["time_zone"],
        show_presence=row["show_presence"],
        show_reading=row["show_reading"],
    )
