"""Changes of accounts in PostgreSQL, each one transaction with all its traces."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec
from msgspec import UNSET

from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.account_edits import (
    WITH_ITS_OWNER,
    AccountEdit,
    AccountQuery,
    Check,
    SignOut,
    anonymous,
    no_admin_left,
    no_such_account,
    stops_being_admin,
)
from streamhub.domain.accounts import Account, handle_or_email_taken
from streamhub.domain.audit import AuditEvent
from streamhub.domain.channels import Page
from streamhub.domain.families import REVOKED
from streamhub.domain.ids import UserId
from streamhub.domain.presence import PRESENCE_CHANGED
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
_BOTS: Final = """
    SELECT id FROM users WHERE owner_id = $1 AND status <> 'deleted' ORDER BY id FOR UPDATE
"""
_FORGET: Final = (
    "DELETE FROM second_factors WHERE user_id = $1",
    "DELETE FROM identities WHERE user_id = $1",
    "DELETE FROM saved_messages WHERE user_id = $1",
    "DELETE FROM presences WHERE user_id = $1",
    "DELETE FROM drafts WHERE user_id = $1",
    "DELETE FROM scheduled WHERE user_id = $1",
    "DELETE FROM notifications WHERE user_id = $1",
    "DELETE FROM notify_levels WHERE user_id = $1",
    "DELETE FROM thread_followers WHERE user_id = $1",
    "DELETE FROM invitations WHERE created_by = $1",
    "DELETE FROM favourite_files WHERE user_id = $1",
    "DELETE FROM file_shares WHERE reader_id = $1",
    "DELETE FROM folders WHERE owner_id = $1",
    # What care of uploads and files finds overdue, it ends for good, objects and all.
    "UPDATE uploads SET expires_at = 0 WHERE owner_id = $1 AND state = 'receiving'",
    "UPDATE files SET trashed_at = 0 WHERE owner_id = $1 AND trashed_at IS NULL",
    "UPDATE files SET trashed_at = 0 WHERE owner_id = $1 AND trashed_at IS NOT NULL",
    "UPDATE token_families SET address = '', client = '', last_address = NULL WHERE user_id = $1",
)
_END_TOKENS: Final = """
    WITH ended AS (DELETE FROM personal_tokens WHERE user_id = $1 RETURNING id, revoked_at)
    SELECT cluster_log_append($2, id) FROM ended WHERE revoked_at IS NULL
"""
_TELL: Final = "SELECT cluster_log_append($1, $2)"
_TELL_BOTS: Final = "SELECT cluster_log_append($1, id) FROM users WHERE owner_id = $2"
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
        check: Check | None = None,
    ) -> Account:
        async def work(connection: PooledConnection) -> Account:
            before = await _locked(connection, user, check)
            after = await _edited(connection, before, edit, sign_out)
            for event in events:
                await record(connection, event)
            return after

        return await self._pool.transact(work)

    async def delete(self, user: UserId, event: AuditEvent, check: Check | None = None) -> Account:
        async def work(connection: PooledConnection) -> Account:
            account = await _locked(connection, user, check)
            bots = [UserId(row["id"]) for row in await connection.fetch(_BOTS, user)]
            deleted = await _deleted(connection, account, event.at)
            for bot in bots:
                await _deleted(connection, await _locked(connection, bot), event.at)
            await record(connection, event)
            for bot in bots:
                its_own = msgspec.structs.replace(event, target=bot, detail=WITH_ITS_OWNER)
                await record(connection, its_own)
            return deleted

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


async def _locked(
    connection: PooledConnection, user: UserId, check: Check | None = None
) -> Account:
    if await connection.fetchrow(_LOCK, user) is None:
        raise no_such_account()
    row = await connection.fetchrow(_GET, user)
    if row is None:
        raise no_such_account()
    account = account_of(row)
    if check is not None:
        check(account)
    return account


async def _edited(
    connection: PooledConnection, before: Account, edit: AccountEdit, sign_out: SignOut | None
) -> Account:
    """The account after the change, which all hosts are told of; it is not in the audit log yet."""
    after = edit.applied_to(before)
    if stops_being_admin(before, after):
        await _check_another_admin(connection, before.id)
    try:
        await connection.execute(_EDIT, *_row(after, edit))
    except asyncpg.UniqueViolationError:
        raise handle_or_email_taken() from None
    if sign_out is not None:
        await connection.execute(_SIGN_OUT, after.id, sign_out.now_ms, sign_out.keep, REVOKED)
    if (before.role, before.status) != (after.role, after.status):
        await connection.execute(_TELL, RIGHTS_CHANGED, after.id)
        await connection.execute(_TELL_BOTS, RIGHTS_CHANGED, after.id)
    if before.show_presence != after.show_presence:
        await connection.execute(_TELL, PRESENCE_CHANGED, after.id)
    return after


async def _deleted(connection: PooledConnection, account: Account, now_ms: int) -> Account:
    deleted = await _edited(connection, account, anonymous(account), SignOut(now_ms=now_ms))
    for statement in _FORGET:
        await connection.execute(statement, account.id)
    await connection.execute(_END_TOKENS, account.id, REVOKED)
    return deleted


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
