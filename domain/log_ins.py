"""Log-ins: opened once somebody has proven who they are, kept by refreshing, and ended."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from streamhub.config import Secret
from streamhub.domain.accounts import Account
from streamhub.domain.errors import Refused
from streamhub.domain.families import (
    SECRET_BYTES,
    SELECTOR_BYTES,
    Family,
    FamilyId,
    FamilyStore,
    RefreshToken,
    Use,
)
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, UserId, make_id
from streamhub.domain.origin import Origin, client_of
from streamhub.domain.sealing import derived
from streamhub.domain.tokens import TokenIssuer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Grant:
    """What a signed-in client is given. `expires_in` is that of the access token, in seconds."""

    account: Account
    access_token: str
    refresh_token: str
    expires_in: int


class LogIns:
    """Opens, refreshes, lists and ends log-ins. All raise TryAgain("unavailable") when the store
    is away."""

    def __init__(
        self,
        *,
        families: FamilyStore,
        issuer: TokenIssuer,
        secret: Secret,
        refresh_ttl_s: int,
        session_ttl_s: int,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._families = families
        self._issuer = issuer
        self._refresh_keys = derived(secret, b"refresh tokens")
        self._longest_ms = session_ttl_s * 1000
        self._refresh_ttl_ms = min(refresh_ttl_s, session_ttl_s) * 1000
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def open(self, account: Account, origin: Origin, how: str) -> Grant:
        """Tokens for somebody who has proven to be `account`; `how` is for the audit log."""
        token = RefreshToken(self._random_bytes(SELECTOR_BYTES), self._random_bytes(SECRET_BYTES))
        now_ms = self._now_ms()
        family = Family(
            id=FamilyId(make_id(TOKEN, now_ms, self._random_bytes(RANDOM_BYTES))),
            user=account.id,
            selector=token.selector,
            current=token.digest,
            address=origin.network,
            client=client_of(origin.client),
            opened_at=now_ms,
            expires_at=now_ms + self._refresh_ttl_ms,
        )
        event = origin.event("sign_in.succeeded", now_ms, actor=account.id, target=family.id)
        await self._families.open(family, msgspec.structs.replace(event, detail=how))
        return self._grant(account, family.id, token)

    async def refresh(self, refresh_token: str, origin: Origin) -> Grant:
        """New tokens for a refresh token, which is used up. Raises Refused("unauthenticated")."""
        token = RefreshToken.parse(refresh_token)
        if token is None:
            raise _refused()
        successors = {
            successor.digest: successor for successor in map(token.successor, self._refresh_keys)
        }
        now_ms = self._now_ms()
        use = Use(
            now_ms=now_ms,
            expires_at=now_ms + self._refresh_ttl_ms,
            longest_ms=self._longest_ms,
            address=origin.address,
            reused=origin.event("refresh.reused", now_ms),
        )
        refreshed = await self._families.refresh(token, tuple(successors), use)
        if refreshed is None or refreshed.account.closed:
            raise _refused()
        return self._grant(refreshed.account, refreshed.family, successors[refreshed.current])

    async def log_out(self, refresh_token: str, origin: Origin) -> None:
        """End the log-in this token belongs to, everywhere. Done already is done too."""
        if token := RefreshToken.parse(refresh_token):
            await self._families.revoke(token, origin.event("sign_out", self._now_ms()))

    async def of(self, user: UserId) -> tuple[Family, ...]:
        """The user's open log-ins, the oldest first."""
        return await self._families.of(user, self._now_ms())

    async def end(self, user: UserId, family: FamilyId, origin: Origin) -> None:
        """End one of the user's own log-ins. Raises Refused("not_found")."""
        event = origin.event("session.revoked", self._now_ms(), actor=user, target=family)
        if not await self._families.end(user, family, event):
            raise Refused("not_found", "you have no such session")

    def _grant(self, account: Account, family: FamilyId, token: RefreshToken) -> Grant:
        access = self._issuer.issue(
            account.id, family, self._now_ms(), self._random_bytes(RANDOM_BYTES)
        )
        return Grant(
            account=account,
            access_token=access,
            refresh_token=token.text,
            expires_in=self._issuer.ttl_s,
        )


def _refused() -> Refused:
    return Refused("unauthenticated", "the refresh token is not valid: sign in again")
