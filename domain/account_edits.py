"""Changing accounts: what may change, and the store that does it with its traces.

A change, the ends of log-ins it means, the news to all hosts and the rows of the audit log are one
transaction: none is ever seen without the others.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from streamhub.domain.access import Role, Status
from streamhub.domain.accounts import Account, AccountKind
from streamhub.domain.audit import AuditEvent
from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId

ANONYMOUS_NAME: Final = "Deleted account"
WITH_ITS_OWNER: Final = "with its owner"
"""The detail of the audit event of a bot that was deleted because its owner was."""


class AccountEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; the rest stays. A password hash of None: no password opens it."""

    role: Role | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    status_note: str | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    email_confirmed_at: int | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    show_presence: bool | UnsetType = UNSET
    show_reading: bool | UnsetType = UNSET
    password_hash: str | UnsetType | None = UNSET

    def applied_to(self, account: Account) -> Account:
        """The account afterwards."""
        return msgspec.structs.replace(
            account,
            **{
                name: value
                for name, value in msgspec.structs.asdict(self).items()
                if value is not UNSET and name != "password_hash"
            },
        )

    def __repr__(self) -> str:  # without what must not reach a log
        return "AccountEdit(...)"


class SignOut(msgspec.Struct, frozen=True, kw_only=True):
    """End all log-ins of the account, except the one to `keep`."""

    now_ms: int
    keep: FamilyId | None = None


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts, the oldest first. `text` begins a handle or an e-mail address, or is in the
    name, in any case; `owner` lists a person's bots."""

    cursor: str | None = None
    limit: int = 50
    text: str | None = None
    role: Role | None = None
    status: Status | None = None
    kind: AccountKind | None = None
    owner: UserId | None = None


Check = Callable[[Account], None]
"""Sees the account as it is when it is changed, and raises Refused if it may not be."""


class AccountEdits(Protocol):
    """Changes of accounts. All raise TryAgain("unavailable") when the store is away."""

    async def edit(
        self,
        user: UserId,
        edit: AccountEdit,
        events: Sequence[AuditEvent],
        sign_out: SignOut | None = None,
        check: Check | None = None,
    ) -> Account:
        """The account after the change. A changed role or status is told to all hosts.

        Raises what `check` raises; Refused: not_found (also for one that is deleted); conflict,
        when the handle or the e-mail address is taken, or no active administrator would be left.
        """
        ...

    async def delete(self, user: UserId, event: AuditEvent, check: Check | None = None) -> Account:
        """Forget who it was, and all that opened it: log-ins, personal tokens, second factor,
        identities. Its bots go with it, with events of their own. What they wrote stays, of nobody.

        Raises what `check` raises; Refused: not_found, conflict (the last administrator).
        """
        ...

    async def accounts(self, query: AccountQuery) -> Page[Account]:
        """Raises Refused("bad_request") for a cursor that is none."""
        ...


def anonymous(account: Account) -> AccountEdit:
    """What remains of a deleted account: an id, which its messages name."""
    return AccountEdit(
        status="deleted",
        status_note="",
        role="user",
        handle=f"deleted-{account.id[-16:]}",
        name=ANONYMOUS_NAME,
        email=None,
        email_confirmed_at=None,
        locale="en",
        time_zone="UTC",
        show_presence=False,
        show_reading=False,
        password_hash=None,
    )


def no_admin_left() -> Refused:
    return Refused("conflict", "this is the last administrator: make another one first")


def no_such_account() -> Refused:
    return Refused("not_found", "there is no such account")


def stops_being_admin(before: Account, after: Account) -> bool:
    """Whether the cluster has an administrator less afterwards."""
    return _is_admin(before) and not _is_admin(after)


def _is_admin(account: Account) -> bool:
    return account.role == "admin" and account.status == "active"
