"""What administrators and moderators do to the accounts of others, and operators at a shell to any.

Who acts is a `Standing`, and None for an operator, who has the database anyway. Each change is in
the audit log, in the transaction that makes it.
"""

import base64
from collections.abc import Callable, Container
from typing import Final

from streamhub.domain.access import Standing, check_may_manage, check_right
from streamhub.domain.account_edits import (
    AccountEdit,
    AccountEdits,
    AccountQuery,
    Check,
    SignOut,
    no_such_account,
)
from streamhub.domain.accounts import Account, AccountStore, check_email, check_name
from streamhub.domain.admin_changes import (
    AccountChange,
    NewAccount,
    changes,
    edit_of,
    free_handle,
)
from streamhub.domain.audit import AuditEvent, AuditKind
from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, is_id, make_id
from streamhub.domain.mail import Mailer, MailKind
from streamhub.domain.mailed_links import MailedLinks
from streamhub.domain.origin import Origin
from streamhub.domain.passwords import PasswordHasher, check_password

MAX_NOTE: Final = 500
OPERATOR: Final = "operator"
"""In the detail of what nobody who is signed in did."""

_PASSWORD_BYTES: Final = 18


class AdminAccounts:
    """Looks at and changes accounts.

    Everything that takes `by` raises Refused: forbidden, suspended, unauthenticated, by the table
    of rights; what takes a `user` too also not_found, forbidden (oneself, an equal), conflict (a
    closed account, the last administrator). All raise TryAgain("unavailable").
    """

    def __init__(
        self,
        *,
        accounts: AccountStore,
        edits: AccountEdits,
        mailer: Mailer,
        links: MailedLinks | None,
        hasher: PasswordHasher,
        common_passwords: Container[str],
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """`links`: None at a shell, where `mail_reset` is not to be had."""
        self._accounts = accounts
        self._edits = edits
        self._mailer = mailer
        self._links = links
        self._hasher = hasher
        self._common = common_passwords
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def list(self, by: Standing | None, query: AccountQuery) -> Page[Account]:
        """Raises Refused("bad_request") for a cursor that is none."""
        _check(by, "admin.user_list")
        return await self._edits.accounts(query)

    async def get(self, by: Standing | None, user: str) -> Account:
        """Any account, closed ones too."""
        _check(by, "admin.user_get")
        return await self._known(user)

    async def find(self, login: str) -> Account:
        """For operators: by id, handle or e-mail address. Raises Refused("not_found")."""
        if is_id(login, USER):
            return await self._known(login)
        found = await self._accounts.credentials(login, "")
        if found is None:
            raise no_such_account()
        return found.account

    async def create(self, by: Standing | None, wanted: NewAccount, origin: Origin) -> Account:
        """Raises Refused: bad_request, invalid_text, conflict; TryAgain("overloaded")."""
        _check(by, "admin.user_create")
        handle, email = free_handle(wanted.handle), wanted.email
        name = check_name(wanted.name)
        if email is not None:
            email = check_email(email)
        elif wanted.password is None:
            raise Refused("bad_request", "is needed where no password is given", field="email")
        password_hash = None
        if wanted.password is not None:
            password_hash = await self._hashed(wanted.password, handle, email)
        now_ms = self._now_ms()
        account = Account(
            id=UserId(make_id(USER, now_ms, self._random_bytes(RANDOM_BYTES))),
            handle=handle,
            name=name,
            email=email,
            role="user",
            created_at=now_ms,
        )
        await self._accounts.create(account, password_hash)
        # The role comes with its entry in the audit log, or not at all.
        event = self._event(by, origin, "account.created", account, f"as {wanted.role}")
        return await self._edits.edit(account.id, AccountEdit(role=wanted.role), [event])

    async def update(
        self, by: Standing | None, user: str, wanted: AccountChange, origin: Origin
    ) -> Account:
        """A new address counts as unconfirmed, and the old one is told.

        Raises Refused: bad_request, invalid_text, conflict.
        """
        _check(by, "admin.user_update")
        before = await self._known(user)
        edit = edit_of(wanted, before)
        events = [
            self._event(by, origin, kind, before, detail)
            for changed, kind, detail in changes(edit, before)
            if changed
        ]
        after = await self._edits.edit(before.id, edit, events, check=_manageable(by))
        if (after.email or "").lower() != (before.email or "").lower():
            await self._tell(before, "email_changed")
        return after

    async def suspend(self, by: Standing | None, user: str, note: str, origin: Origin) -> Account:
        """Let it read, and nothing else. Raises Refused("bad_request")."""
        _check(by, "admin.user_suspend")
        if len(note) > MAX_NOTE:
            raise Refused("bad_request", f"must have at most {MAX_NOTE} characters", field="note")
        account = await self._known(user)
        edit = AccountEdit(status="suspended", status_note=note)
        event = self._event(by, origin, "account.suspended", account)
        return await self._edits.edit(account.id, edit, [event], check=_manageable(by))

    async def activate(self, by: Standing | None, user: str, origin: Origin) -> Account:
        """End a suspension. What its owner closed only an administrator opens again."""
        _check(by, "admin.user_activate")
        account = await self._known(user)

        def check(now: Account) -> None:
            _check_may_manage(by, now)
            if now.closed:
                _check(by, "admin.user_update")

        edit = AccountEdit(status="active", status_note="")
        event = self._event(by, origin, "account.activated", account)
        return await self._edits.edit(account.id, edit, [event], check=check)

    async def delete(self, by: Standing | None, user: str, origin: Origin) -> None:
        """Forget who it was, and all that opened it; what it wrote stays, of nobody."""
        _check(by, "admin.user_delete")
        account = await self._known(user)
        event = self._event(by, origin, "account.deleted", account)
        await self._edits.delete(account.id, event, lambda now: _check_may_manage(by, now))

    async def mail_reset(self, by: Standing | None, user: str, origin: Origin) -> None:
        """Mail a link to choose a new password by; until then the old one works.

        Raises TryAgain("rate_limited").
        """
        _check(by, "admin.user_reset_password")
        account = await self._known(user)
        if account.email is None:
            raise Refused("conflict", "the account has no e-mail address", field="email")
        if self._links is None:
            raise TryAgain("unavailable", "links are mailed by the server")
        if not await self._links.may_mail(account):
            raise TryAgain("rate_limited", "too many mails", retry_after_ms=120_000)
        event = self._event(by, origin, "password.reset_mailed", account)
        await self._edits.edit(account.id, AccountEdit(), [event], check=_manageable(by))
        request = self._links.request()
        await self._links.mail("password_reset", account, account.email, request)

    def made_up_password(self) -> str:
        """One that nobody guesses."""
        return base64.urlsafe_b64encode(self._random_bytes(_PASSWORD_BYTES)).decode()

    async def set_password(self, user: str, password: str, origin: Origin) -> None:
        """For operators; everybody is signed out, and the owner is told.

        Raises Refused: bad_request, not_found, conflict; TryAgain("overloaded").
        """
        account = await self._known(user)
        if account.kind == "bot":
            raise Refused("conflict", "a bot has no password: it acts by tokens")
        password_hash = await self._hashed(password, account.handle, account.email)
        event = self._event(None, origin, "password.reset", account)
        sign_out = SignOut(now_ms=event.at)
        edit = AccountEdit(password_hash=password_hash)
        await self._edits.edit(account.id, edit, [event], sign_out, _manageable(None))
        await self._tell(account, "password_changed")

    async def revoke_sessions(self, by: Standing | None, user: str, origin: Origin) -> None:
        """Sign it out everywhere. Its personal access tokens stay."""
        _check(by, "admin.user_revoke_sessions")
        account = await self._known(user)
        event = self._event(by, origin, "sessions.revoked", account)
        sign_out = SignOut(now_ms=event.at)
        await self._edits.edit(account.id, AccountEdit(), [event], sign_out, _manageable(by))

    # -- private ----------------------------------------------------------------------------

    async def _known(self, user: str) -> Account:
        account = await self._accounts.account(UserId(user)) if is_id(user, USER) else None
        if account is None:
            raise no_such_account()
        return account

    async def _hashed(self, password: str, handle: str, email: str | None) -> str:
        own = (handle, (email or "").lower())
        return await self._hasher.hash(check_password(password, own, self._common))

    async def _tell(self, account: Account, kind: MailKind) -> None:
        if account.email is not None:
            values = {"handle": account.handle, "address": ""}
            await self._mailer.send(kind, account.email, values)

    def _event(
        self,
        by: Standing | None,
        origin: Origin,
        kind: AuditKind,
        target: Account,
        detail: str = "",
    ) -> AuditEvent:
        if by is None:
            detail = f"{OPERATOR}: {detail}" if detail else OPERATOR
        actor = by.user if by is not None else None
        return origin.event(kind, self._now_ms(), actor=actor, target=target.id, detail=detail)


def _check(by: Standing | None, operation: str) -> None:
    if by is not None:
        check_right(by, operation)


def _check_may_manage(by: Standing | None, account: Account) -> None:
    if by is not None:
        check_may_manage(by, account.standing)


def _manageable(by: Standing | None) -> Check:
    """That `by` may change the account, and that it is open."""

    def check(account: Account) -> None:
        _check_may_manage(by, account)
        if account.closed:
            raise Refused("conflict", "the account is closed: activate it first")

    return check
