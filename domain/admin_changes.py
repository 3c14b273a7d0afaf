"""What administrators ask to make or change of an account."""

import msgspec
from msgspec import UNSET, UnsetType

from streamhub.domain.access import Role
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.accounts import (
    RESERVED_HANDLES,
    Account,
    check_email,
    check_handle,
    check_name,
    handle_or_email_taken,
)
from streamhub.domain.audit import AuditKind


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to be made. Without a password nothing opens it until one is chosen by mail."""

    handle: str
    name: str
    email: str | None = None
    role: Role = "user"
    password: str | None = None

    def __repr__(self) -> str:  # without what must not reach a log
        return "NewAccount(...)"


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; the rest stays."""

    role: Role | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET

    def __repr__(self) -> str:
        return "AccountChange(...)"


def free_handle(handle: str) -> str:
    """The handle, if one may have it. Raises Refused."""
    if check_handle(handle) in RESERVED_HANDLES:
        raise handle_or_email_taken()
    return handle


def edit_of(wanted: AccountChange, before: Account) -> AccountEdit:
    """The edit of an account that was like `before`. Raises Refused."""
    edit = AccountEdit(role=wanted.role)
    if wanted.name is not UNSET:
        edit = msgspec.structs.replace(edit, name=check_name(wanted.name))
    if wanted.handle is not UNSET and wanted.handle != before.handle:
        edit = msgspec.structs.replace(edit, handle=free_handle(wanted.handle))
    if wanted.email is not UNSET and wanted.email != before.email:
        email = check_email(wanted.email)
        edit = msgspec.structs.replace(edit, email=email, email_confirmed_at=None)
    return edit


def changes(edit: AccountEdit, before: Account) -> tuple[tuple[bool, AuditKind, str], ...]:
    """What of an edit belongs in the audit log: whether it is so, the kind and the detail."""
    new_role = edit.role is not UNSET and edit.role != before.role
    return (
        (new_role, "account.role_changed", f"{before.role} to {edit.role}"),
        (edit.handle is not UNSET, "account.handle_changed", ""),
        (edit.email is not UNSET, "account.email_changed", ""),
    )
