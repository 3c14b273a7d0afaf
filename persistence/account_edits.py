"""Changes of accounts in PostgreSQL, each one transaction with all its traces."""

from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec import UNSET

from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.account_edits import (
    AccountEdit,
    AccountQuery,
    SignOut,
    no_admin_left,
    no_such_account,
    stops_being_admin,
)
from streamhub.domain.accounts import Account, handle_or_email_taken
from streamhub.domain.audit import AuditEvent
from streamhub.domain.channels import Page
from streamhub.domain.families import REVOKED
from streamhub.domain.ids import UserId
from streamhub.persistence.accounts import account_of
from streamhub.persistence.audit import record
from streamhub.persistence.paging import account_cursor, after_account
from streamhub.persistence.postgres import Pool, PooledConnection

# The row of the user is locked before anything is decided by what it says.
_LOCK: Final = "SELECT FROM users WHERE id = $1 AND status <> 'deleted' FOR UPDATE"
_GET: Final = "SELECT * FROM accounts WHERE id = $1"
_LOCK_ADMINS: Final = """
    SELECT id FROM users WHERE role = 'admin' AND status = 'active' ORDER BY id FOR UPDATE
"""
_EDIT: Final = """
    UPDATE users SET handle = $2, name = $3, email = $4, role = $5, status = $6, status_note = $7,
        email_confirmed_at = $8, locale = $9, time_zone = $10, show_presence = $11,
        show_reading = $12, password_hash = CASE WHEN $13 THEN $14 ELSE password_hash END
    WHERE id = $1
"""
_SIGN_OUT: Final = """
    WITH ended AS (
        UPDATE token_families SET revoked_at = $2
        WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $3
        RETURNING id
    )
    SELECT cluster_log_append($4, id) FROM ended
"""
_TELL: Final = "SELECT cluster_log_append($1, $2)"
_ACCOUNTS: Final = """
    SELECT * FROM accounts
    WHERE id > $1
        AND ($3::text IS NULL OR handle LIKE $3 || '%' OR lower(email) LIKE $3 || '%'
            OR lower(name) LIKE '%' || $3 || '%')
        AND ($4::text IS NULL OR role = $4) AND ($5::text IS NULL OR status = $5)
        AND ($6::text IS NULL OR kind = $6) AND ($7::text IS NULL OR owner_id = $7)
    ORDER BY id LIMIT $2 + 1
"""


class PostgresAccountEdits:
    """Implements AccountEdits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def edit(
        self,
        user: UserId,
        edit: AccountEdit,
        events: Sequence[AuditEvent],
        sign_out: SignOut | None = None,
    ) -> Account:
        async def work(connection: PooledConnection) -> Account:
            before = await _locked(connection, user)
            after = edit.applied_to(before)
            if stops_being_admin(before, after):
                await _check_another_admin(connection, user)
            try:
                await connection.execute(_EDIT, *_row(after, edit))
            except asyncpg.UniqueViolationError:
                raise handle_or_email_taken() from None
            if sign_out is not None:
                keep = sign_out.keep
                await connection.execute(_SIGN_OUT, user, sign_out.now_ms, keep, REVOKED)
            if (before.role, before.status) != (after.role, after.status):
                await connection.execute(_TELL, RIGHTS_CHANGED, user)
            for event in events:
                await record(connection, event)
            return after

        return await self._pool.transact(work)

    async def accounts(self, query: AccountQuery) -> Page[Account]:
        rows = await self._pool.fetch(
            _ACCOUNTS,
            after_account(query.cursor),
            query.limit,
            None if query.text is None else _literally(query.text.lower()),
            query.role,
            query.status,
            query.kind,
            query.owner,
        )
        items = tuple(map(account_of, rows[: query.limit]))
        return Page(items=items, next_cursor=account_cursor(items, more=len(rows) > query.limit))


async def _locked(connection: PooledConnection, user: UserId) -> Account:
    if await connection.fetchrow(_LOCK, user) is None:
        raise no_such_account()
    row = await connection.fetchrow(_GET, user)
    if row is None:
        raise no_such_account()
    return account_of(row)


async def _check_another_admin(connection: PooledConnection, user: UserId) -> None:
    if not [row for row in await connection.fetch(_LOCK_ADMINS) if row["id"] != user]:
        raise no_admin_left()


def _row(account: Account, edit: AccountEdit) -> tuple[object, ...]:
    has_hash = edit.password_hash is not UNSET
    return (
        account.id,
        account.handle,
        account.name,
        account.email,
        account.role,
        account.status,
        account.status_note,
        account.email_confirmed_at,
        account.locale,
        account.time_zone,
        account.show_presence,
        account.show_reading,
        has_hash,
        edit.password_hash if has_hash else None,
    )


def _literally(text: str) -> str:
    """For LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
