"""Token families: one log-in on one device, and the chain of refresh tokens it lives by.

A refresh token is `shr_` and, in base64url, 16 bytes that find the family and 32 bytes that prove
it; only the SHA-256 of the latter is stored. Each use gives the next: the HMAC of the token under
a key that only hosts have. So a repeated request gets the same successor although nobody kept it,
and neither the database nor the key alone is enough to make one.

What becomes of a token that finds its family:

    current              rotate   the next takes its place
    the one before, and  repeat   the answer was lost, or requests crossed: the same next again
      at most 10 s late
    any other            reuse    somebody has a copy: the family is revoked
    family over          over     refused
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NewType, Protocol

import msgspec

from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditEvent
from streamhub.domain.ids import UserId

FamilyId = NewType("FamilyId", str)

SELECTOR_BYTES: Final = 16
SECRET_BYTES: Final = 32
REPEAT_MS: Final = 10_000
REVOKED: Final = "sessions_revoked"
"""The kind of the cluster log's entry about a family, or all families of a user, that ended."""

_PREFIX: Final = "shr_"
_TEXT: Final = re.compile(r"shr_[A-Za-z0-9_-]{64}")  # 48 bytes fill 64 characters exactly

Verdict = Literal["rotate", "repeat", "reuse", "over"]


@dataclass(frozen=True, slots=True, repr=False)
class RefreshToken:
    """What a client keeps to get new access tokens."""

    selector: bytes
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> "RefreshToken | None":
        """The token of this text; None for what cannot be one."""
        if not _TEXT.fullmatch(text):
            return None
        raw = base64.urlsafe_b64decode(text.removeprefix(_PREFIX))
        return cls(raw[:SELECTOR_BYTES], raw[SELECTOR_BYTES:])

    @property
    def text(self) -> str:
        return _PREFIX + base64.urlsafe_b64encode(self.selector + self.secret).decode()

    @property
    def digest(self) -> bytes:
        """What is stored of it."""
        return hashlib.sha256(self.secret).digest()

    def successor(self, key: bytes) -> "RefreshToken":
        """The next of the chain: always the same one."""
        following = hmac.digest(key, self.selector + self.secret, "sha256")
        return RefreshToken(self.selector, following)


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """The durable state of one log-in. Digests are of the present token and the one before;
    times in ms. `address` is the network it was opened from, `client` the program that did,
    `last_used_at` and `last_address` when and where it got its newest token."""

    id: FamilyId
    user: UserId
    selector: bytes
    current: bytes
    address: str
    opened_at: int
    expires_at: int
    client: str = ""
    previous: bytes | None = None
    rotated_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    last_address: str | None = None

    def until(self, use: "Use") -> int:
        """When the successor of a token that is presented now expires."""
        return min(use.expires_at, self.opened_at + use.longest_ms)

    def judge(self, presented: bytes, successors: Collection[bytes], now_ms: int) -> Verdict:
        """What to do about a token with the digest `presented`, whose next is one of
        `successors`."""
        if self.revoked_at is not None or now_ms >= self.expires_at:
            return "over"
        if hmac.compare_digest(presented, self.current):
            return "rotate"
        # A clock that was set back makes this wait longer, and logs nobody out.
        in_time = self.rotated_at is not None and now_ms - self.rotated_at <= REPEAT_MS
        if in_time and presented == self.previous and self.current in successors:
            return "repeat"
        return "reuse"


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token was taken; `current` is the digest of its successor."""

    family: FamilyId
    account: Account
    current: bytes


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token is presented: when, from where, and until when its successor is good, but for
    `longest_ms` after the log-in at most. `reused` is what is recorded if somebody has a copy."""

    now_ms: int
    expires_at: int
    longest_ms: int
    address: str
    reused: AuditEvent


class FamilyStore(Protocol):
    """The families. Whatever ends one also writes a REVOKED entry to the cluster log, in the same
    transaction. All raise TryAgain("unavailable") when the store is away."""

    async def open(self, family: Family, event: AuditEvent) -> None:
        """Add a family, and drop the user's expired ones."""
        ...

    async def refresh(
        self, token: RefreshToken, successors: Sequence[bytes], use: Use
    ) -> Refreshed | None:
        """Do what `Family.judge` says, alone on the row; None when the token is refused.

        `successors`: digests of what may be its next; the first becomes current.
        """
        ...

    async def revoke(self, token: RefreshToken, event: AuditEvent) -> FamilyId | None:
        """End the family of any of its tokens, old ones included; None when there is none.

        Doing so again writes the log entry again, and changes nothing else.
        """
        ...

    async def end(self, user: UserId, family: FamilyId, event: AuditEvent) -> bool:
        """End one of the user's families; False when it is no open one of theirs."""
        ...

    async def of(self, user: UserId, now_ms: int) -> tuple[Family, ...]:
        """The user's open families, the oldest first."""
        ...

    async def signed_in(self, family: FamilyId) -> Account | None:
        """Whose family it is; None when it is unknown or revoked."""
        ...

    async def revoked_since(self, moment_ms: int) -> tuple[FamilyId, ...]:
        """What a host that starts must know, since the log tells it only later entries."""
        ...
