"""Personal access tokens: what people give their programs and bots instead of a password.

A token is `shp_` and 32 random bytes in base64url; only its SHA-256 is stored. It speaks for one
account, for the scopes it was made for, until it expires or is revoked, and never changes the
account itself. The prefix lets scanners find tokens that were published by mistake.
"""

import base64
import hashlib
import re
from collections.abc import Collection
from typing import Final, Protocol

import msgspec

from streamhub.domain.access import SCOPES
from streamhub.domain.accounts import Account, check_name
from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId

PREFIX: Final = "shp_"
SECRET_BYTES: Final = 32
MAX_TOKENS: Final = 100
"""Of one account."""

USED_EVERY_MS: Final = 60_000
"""How exactly the last use is known: each use is no write."""

_TEXT: Final = re.compile(r"shp_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, one way


class PersonalToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token, but for the token. `id` is also what revocations name; `made_by`
    is its owner, or that of the bot it speaks for. Times in ms."""

    id: FamilyId
    user: UserId
    made_by: UserId
    name: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int | None = None
    last_used_at: int | None = None
    last_address: str | None = None


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is good, and the account it speaks for, as it is now."""

    token: PersonalToken
    account: Account


class PersonalTokenStore(Protocol):
    """The tokens. All raise TryAgain("unavailable") when the store is away."""

    async def add(self, token: PersonalToken, digest: bytes, event: AuditEvent) -> None:
        """Raises Refused("limit_reached") for one more than MAX_TOKENS."""
        ...

    async def of(self, user: UserId) -> tuple[PersonalToken, ...]:
        """Those of the account that are neither revoked nor expired for long, the oldest first."""
        ...

    async def bearer(self, digest: bytes, now_ms: int) -> Bearer | None:
        """None for a token that is unknown, revoked or expired, and for a bot's whose owner is
        suspended or gone."""
        ...

    async def still(self, token: FamilyId, now_ms: int) -> Bearer | None:
        """The same for a token that was good before."""
        ...

    async def used(self, token: FamilyId, now_ms: int, address: str) -> None:
        """Remember the use, unless one of the last USED_EVERY_MS is."""
        ...

    async def revoke(
        self, token: FamilyId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        """End it everywhere; False when `made_by` has no such token. Writes a REVOKED entry to the
        cluster log in the same transaction."""
        ...


def looks_personal(text: str) -> bool:
    """Whether a bearer token is of this kind, and not a JWT."""
    return text.startswith(PREFIX)


def text_of(secret: bytes) -> str:
    """The token, from SECRET_BYTES random bytes."""
    return PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest_of(text: str) -> bytes | None:
    """What is stored of a token; None for what cannot be one."""
    return hashlib.sha256(text.encode()).digest() if _TEXT.fullmatch(text) else None


def check_token_name(name: str) -> str:
    """Raises Refused."""
    return check_name(name)


def check_scopes(scopes: Collection[str]) -> frozenset[str]:
    """Raises Refused for none, and for one there is not."""
    if not scopes:
        raise Refused("bad_request", "name at least one", field="scopes")
    if unknown := sorted(set(scopes) - SCOPES):
        known = ", ".join(sorted(SCOPES))
        raise Refused("bad_request", f"{unknown[0]!r} is none of {known}", field="scopes")
    return frozenset(scopes)


def too_many_tokens() -> Refused:
    return Refused("limit_reached", f"{MAX_TOKENS} tokens are the most: revoke some first")
