"""The bodies of administration, which only REST has."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streamhub.protocol.accounts import Confidential
from streamhub.protocol.frames import Incoming, Outgoing, UserObject
from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    MAX_INT,
    TEXT_PATTERN,
    Cursor,
    Name,
    PageSize,
    Timestamp,
    UserId,
)

RoleName = Literal["user", "moderator", "admin"]
StatusName = Literal["active", "suspended", "deactivated", "deleted"]
KindName = Literal["person", "bot"]
Note = Annotated[str, Meta(max_length=500, pattern=TEXT_PATTERN)]
AuditText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[\x21-\x7e]+\Z")]
HashText = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z", description="SHA-256 in hexadecimal")]


class ListAccounts(Incoming, frozen=True, kw_only=True):
    """`GET /v1/admin/users`, the oldest first. `text` begins a handle or an e-mail address, or is
    in the name; `owner` lists a person's bots."""

    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
    text: Name | None = None
    role: RoleName | None = None
    status: StatusName | None = None
    kind: KindName | None = None
    owner: UserId | None = None


class OneAccount(Incoming, frozen=True, kw_only=True):
    """`/v1/admin/users/{id}`, and what is done to it that takes nothing more."""

    id: UserId


class CreateAccount(Confidential, frozen=True, kw_only=True):
    """`POST /v1/admin/users`. Without a password its owner chooses one by mail."""

    handle: str
    name: str
    email: str | None = None
    role: RoleName = "user"
    password: str | None = None


class ChangeAccount(Confidential, frozen=True, kw_only=True):
    """`PATCH /v1/admin/users/{id}`. What is absent stays."""

    id: UserId
    role: RoleName | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET


class SuspendAccount(Incoming, frozen=True, kw_only=True):
    """`POST /v1/admin/users/{id}/suspend`. `note` says why, to administrators."""

    id: UserId
    note: Note = ""


class ModeratedAccount(UserObject, frozen=True, kw_only=True):
    """An account as moderators see it."""

    status: StatusName
    status_note: str = ""


class ManagedAccount(ModeratedAccount, frozen=True, kw_only=True):
    """An account as administrators see it."""

    email: str | None = None
    email_confirmed: bool
    role: RoleName
    kind: KindName
    owner: UserId | None = None
    created_at: Timestamp

    def __repr__(self) -> str:
        return f"ManagedAccount({self.id})"


class ManagedAccounts(Outgoing, frozen=True, kw_only=True):
    """A page of accounts."""

    items: tuple[ManagedAccount, ...]
    next_cursor: str | None = None


class ListAudit(Incoming, frozen=True, kw_only=True):
    """`GET /v1/admin/audit`, the newest first: `since` and before `until`."""

    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
    kind: AuditText | None = None
    actor: AuditText | None = None
    target: AuditText | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None


class AuditEntryObject(Outgoing, frozen=True, kw_only=True):
    """An entry of the audit log. Without an actor nobody was signed in, or an operator did it."""

    number: int
    at: Timestamp
    kind: str
    actor: str | None = None
    target: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: str = ""
    hash: str


class AuditPage(Outgoing, frozen=True, kw_only=True):
    """A page of the audit log."""

    items: tuple[AuditEntryObject, ...]
    next_cursor: str | None = None


class AuditAnchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log ended, as it was written down."""

    number: Annotated[int, Meta(ge=1, le=MAX_INT)]
    hash: HashText


class VerifyAudit(Incoming, frozen=True, kw_only=True):
    """`POST /v1/admin/audit/verify`. `anchor`: an earlier end of the log, which must still be
    in it."""

    anchor: AuditAnchor | None = None


class AuditBreak(Outgoing, frozen=True, kw_only=True):
    """What is wrong with the log, and at which number."""

    number: int
    why: str


class AuditVerdict(Outgoing, frozen=True, kw_only=True):
    """`number` and `hash` are where the log ends: write them down elsewhere, as an anchor."""

    ok: bool
    number: int
    hash: str
    broken: tuple[AuditBreak, ...] = ()
