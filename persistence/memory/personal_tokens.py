"""The twin of personal access tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from streamhub.domain.accounts import AccountStore
from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.families import REVOKED, FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.personal_tokens import (
    MAX_TOKENS,
    USED_EVERY_MS,
    Bearer,
    PersonalToken,
    too_many_tokens,
)


@dataclass(slots=True)
class _Row:
    token: PersonalToken
    digest: bytes
    revoked: bool = False


class InMemoryPersonalTokens:
    """Implements PersonalTokenStore. `announce` is the `append` of the ClusterStore."""

    def __init__(
        self,
        accounts: AccountStore,
        audit: AuditLog,
        announce: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._announce = announce
        self._rows: dict[FamilyId, _Row] = {}

    async def add(self, token: PersonalToken, digest: bytes, event: AuditEvent) -> None:
        if len(await self.of(token.user)) >= MAX_TOKENS:
            raise too_many_tokens()
        self._rows[token.id] = _Row(token, digest)
        await self._audit.record(event)

    async def of(self, user: UserId) -> tuple[PersonalToken, ...]:
        found = (row.token for row in self._rows.values() if not row.revoked)
        return tuple(sorted((t for t in found if t.user == user), key=lambda token: token.id))

    async def bearer(self, digest: bytes, now_ms: int) -> Bearer | None:
        found = (id for id, row in self._rows.items() if row.digest == digest)
        token = next(found, None)
        return None if token is None else await self.still(token, now_ms)

    async def still(self, token: FamilyId, now_ms: int) -> Bearer | None:
        row = self._rows.get(token)
        if row is None or row.revoked:
            return None
        if row.token.expires_at is not None and row.token.expires_at <= now_ms:
            return None
        account = await self._accounts.account(row.token.user)
        if account is None:
            return None
        owner = None if account.owner is None else await self._accounts.account(account.owner)
        if owner is not None and owner.status != "active":
            return None
        return Bearer(token=row.token, account=account)

    async def used(self, token: FamilyId, now_ms: int, address: str) -> None:
        row = self._rows[token]
        if (row.token.last_used_at or 0) + USED_EVERY_MS <= now_ms:
            row.token = msgspec.structs.replace(
                row.token, last_used_at=now_ms, last_address=address
            )

    async def revoke(
        self, token: FamilyId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        row = self._rows.get(token)
        if row is None or row.revoked or row.token.made_by != made_by:
            return False
        row.revoked = True
        await self._announce(REVOKED, token)
        await self._audit.record(event)
        return True

    async def forget(self, user: UserId) -> None:
        """The account is deleted."""
        for token in [row.token.id for row in self._rows.values() if row.token.user == user]:
            if not self._rows.pop(token).revoked:
                await self._announce(REVOKED, token)
