"""The twin of invitations."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.ids import UserId
from streamhub.domain.invitations import (
    MAX_INVITATIONS,
    Invitation,
    InvitationId,
    too_many_invitations,
)


@dataclass(slots=True)
class _Row:
    invitation: Invitation
    digest: bytes
    revoked: bool = False

    def good(self, now_ms: int) -> bool:
        known = self.invitation
        return not self.revoked and known.expires_at > now_ms and known.uses < known.max_uses


class InMemoryInvitations:
    """Implements InvitationStore."""

    def __init__(self, accounts: AccountStore, audit: AuditLog) -> None:
        self._accounts = accounts
        self._audit = audit
        self._rows: dict[InvitationId, _Row] = {}

    async def add(self, invitation: Invitation, digest: bytes, event: AuditEvent) -> None:
        now_ms = invitation.created_at
        self._rows = {
            id: row for id, row in self._rows.items() if row.invitation.expires_at > now_ms
        }
        mine = [row for row in self._rows.values() if row.invitation.made_by == invitation.made_by]
        if sum(row.good(now_ms) for row in mine) >= MAX_INVITATIONS:
            raise too_many_invitations()
        self._rows[invitation.id] = _Row(invitation, digest)
        await self._audit.record(event)

    async def of(self, user: UserId, now_ms: int) -> tuple[Invitation, ...]:
        found = (row.invitation for row in self._rows.values() if row.good(now_ms))
        return tuple(sorted((one for one in found if one.made_by == user), key=lambda one: one.id))

    async def offered(self, digest: bytes, now_ms: int) -> Invitation | None:
        for row in self._rows.values():
            if row.digest == digest and row.good(now_ms) and await self._active(row):
                return row.invitation
        return None

    async def use(
        self,
        invitation: InvitationId,
        account: Account,
        password_hash: str,
        events: Sequence[AuditEvent],
    ) -> bool:
        row = self._rows.get(invitation)
        if row is None or not row.good(account.created_at) or not await self._active(row):
            return False
        await self._accounts.create(account, password_hash)
        known = row.invitation
        row.invitation = msgspec.structs.replace(known, uses=known.uses + 1, email=None)
        for event in events:
            await self._audit.record(event)
        return True

    async def revoke(
        self, invitation: InvitationId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        row = self._rows.get(invitation)
        if row is None or row.revoked or row.invitation.made_by != made_by:
            return False
        row.revoked = True
        row.invitation = msgspec.structs.replace(row.invitation, email=None)
        await self._audit.record(event)
        return True

    async def forget(self, user: UserId) -> None:
        """The account is deleted."""
        self._rows = {id: r for id, r in self._rows.items() if r.invitation.made_by != user}

    async def _active(self, row: _Row) -> bool:
        inviter = await self._accounts.account(row.invitation.made_by)
        return inviter is not None and inviter.status == "active"
