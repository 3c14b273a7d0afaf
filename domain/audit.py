"""The audit log: every security event, in a chain of hashes that shows what was altered or removed.

The hash of an entry is SHA-256 over the hash of the one before it and the entry's fields, each
with its length before it (netstrings: https://cr.yp.to/proto/netstrings.txt), null as `-`.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import Final, Literal, Protocol

import msgspec

GENESIS: Final = b""
"""What stands before the first entry."""

AuditKind = Literal[
    "account.registered",
    "account.created",
    "account.suspended",
    "account.activated",
    "account.deactivated",
    "account.deleted",
    "account.role_changed",
    "account.email_changed",
    "account.handle_changed",
    "password.changed",
    "password.reset",
    "password.reset_mailed",
    "sign_in.succeeded",
    "sign_in.failed",
    "sign_out",
    "session.revoked",
    "sessions.revoked",
    "refresh.reused",
    "second_factor.enabled",
    "second_factor.disabled",
    "second_factor.recovery_used",
    "identity.linked",
    "identity.unlinked",
    "token.created",
    "token.revoked",
    "bot.created",
    "invitation.created",
    "invitation.revoked",
    "invitation.used",
    "report.closed",
]


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One security event: at `at` ms since 1970, `actor` (None: nobody signed in, or an operator
    at a shell) did `kind` to `target`. `detail` is a short text without secrets."""

    at: int
    kind: AuditKind
    actor: str | None = None
    target: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the log. `kind` is text: a newer version may have written it."""

    number: int
    at: int
    kind: str
    actor: str | None
    target: str | None
    address: str | None
    request_id: str | None
    detail: str
    hash: bytes

    def hash_after(self, previous: bytes) -> bytes:
        """What `hash` must be, if the entry before has the hash `previous`."""
        fields = (
            str(self.number),
            str(self.at),
            self.kind,
            self.actor,
            self.target,
            self.address,
            self.request_id,
            self.detail,
        )
        return hashlib.sha256(previous + b"".join(map(_field, fields))).digest()


class AuditHead(msgspec.Struct, frozen=True):
    """Where the log ends: what to write down elsewhere. Number 0 stands before the first entry."""

    number: int
    hash: bytes


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries, the newest first: those below `before`, about all that is given."""

    before: int | None = None
    limit: int = 50
    kind: str | None = None
    actor: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None


class AuditLog(Protocol):
    """The log. Both raise TryAgain("unavailable") when it is away."""

    async def record(self, event: AuditEvent) -> None:
        """Add an event. Changes of accounts write theirs in the transaction of the change."""
        ...

    async def entries(self, query: AuditQuery) -> tuple[AuditEntry, ...]: ...


class AuditChain(Protocol):
    """All of the log, for checking it. Both raise TryAgain("unavailable") when it is away."""

    async def head(self) -> AuditHead: ...

    def every_entry(self, up_to: int) -> AsyncIterator[AuditEntry]:
        """From the first to the entry `up_to`, in order."""
        ...


class Broken(msgspec.Struct, frozen=True):
    """What is wrong with the log, and at which number."""

    number: int
    why: str


async def verify(
    chain: AuditChain, anchor: AuditHead | None = None
) -> tuple[AuditHead, list[Broken]]:
    """Where the log ends, and the first break of its chain and of what was said of it elsewhere.

    `anchor` is a head that was written down before: a log that was cut and chained anew differs
    from it. After a break the chain is followed from the stored hash, so every break is found.
    """
    head = await chain.head()
    broken: list[Broken] = []
    number, previous, anchored = 0, GENESIS, anchor is None or anchor.number == 0
    async for entry in chain.every_entry(head.number):
        if entry.number != number + 1:
            broken.append(Broken(number + 1, f"entries up to {entry.number - 1} are missing"))
        elif entry.hash != entry.hash_after(previous):
            broken.append(Broken(entry.number, "the entry or the one before it was altered"))
        number, previous = entry.number, entry.hash
        if anchor is not None and number == anchor.number:
            anchored = entry.hash == anchor.hash
    if (number, previous) != (head.number, head.hash):
        broken.append(Broken(number + 1, f"the log should end with {head.number}"))
    if anchor is not None and not anchored:
        broken.append(Broken(anchor.number, "it is not the entry that was written down"))
    return head, broken


def _field(value: str | None) -> bytes:
    if value is None:
        return b"-"
    raw = value.encode()
    return b"%d:%b" % (len(raw), raw)
