"""What people change of their own account: profile, password, address, and whether it is open."""

import re
from collections.abc import Callable, Container
from typing import Final
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET, UnsetType

from streamhub.domain.account_edits import AccountEdit, AccountEdits, SignOut
from streamhub.domain.accounts import (
    RESERVED_HANDLES,
    Account,
    AccountStore,
    check_email,
    check_handle,
    check_name,
    handle_or_email_taken,
)
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.mail import Mailer, MailKind
from streamhub.domain.mailed_links import MailedLinks, wrong_or_used
from streamhub.domain.origin import Origin
from streamhub.domain.passwords import PasswordHasher, check_password
from streamhub.domain.second_factors import SecondFactors
from streamhub.domain.sign_in import SignIn

_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")  # of BCP 47


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a profile; the rest stays."""

    name: str | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    show_presence: bool | UnsetType = UNSET
    show_reading: bool | UnsetType = UNSET


class OwnAccount:
    """Changes that people make to their own accounts.

    Everything here raises TryAgain: `unavailable` when a store or the limits are away;
    `rate_limited`; `overloaded` when too many passwords wait to be hashed.
    """

    def __init__(
        self,
        *,
        accounts: AccountStore,
        edits: AccountEdits,
        links: MailedLinks,
        sign_in: SignIn,
        second_factors: SecondFactors,
        mailer: Mailer,
        hasher: PasswordHasher,
        common_passwords: Container[str],
        now_ms: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._edits = edits
        self._links = links
        self._sign_in = sign_in
        self._second_factors = second_factors
        self._mailer = mailer
        self._hasher = hasher
        self._common = common_passwords
        self._now_ms = now_ms

    async def change_profile(self, account: Account, wanted: Profile, origin: Origin) -> Account:
        """Raises Refused: bad_request, invalid_text, conflict."""
        if wanted.handle is not UNSET and check_handle(wanted.handle) in RESERVED_HANDLES:
            raise handle_or_email_taken()
        if wanted.locale is not UNSET and not _LOCALE.fullmatch(wanted.locale):
            raise Refused("bad_request", "must be a language tag like en or pt-BR", field="locale")
        if wanted.time_zone is not UNSET and wanted.time_zone not in available_timezones():
            raise Refused("bad_request", "must be like Europe/Vienna", field="time_zone")
        changes = {
            name: value
            for name, value in msgspec.structs.asdict(wanted).items()
            if value is not UNSET
        }
        if wanted.name is not UNSET:
            changes["name"] = check_name(wanted.name)
        events = []
        if wanted.handle is not UNSET and wanted.handle != account.handle:
            event = origin.event(
                "account.handle_changed", self._now_ms(), actor=account.id, target=account.id
            )
            events.append(event)
        return await self._edits.edit(account.id, AccountEdit(**changes), events)

    async def change_password(
        self, account: Account, current: str | None, new: str, family: FamilyId, origin: Origin
    ) -> None:
        """A new password for somebody who knows the one there is; all other log-ins end.

        Raises Refused: unauthenticated, bad_request.
        """
        await self._sign_in.prove(account, current, origin)
        own = (account.handle, (account.email or "").lower())
        alone = not await self._second_factors.is_on(account.id)
        password = check_password(new, own, self._common, alone=alone)
        password_hash = await self._hasher.hash(password)
        now_ms = self._now_ms()
        event = origin.event("password.changed", now_ms, actor=account.id, target=account.id)
        sign_out = SignOut(now_ms=now_ms, keep=family)
        edit = AccountEdit(password_hash=password_hash)
        await self._edits.edit(account.id, edit, [event], sign_out)
        await self._tell(account, "password_changed", origin)

    async def ask_email_change(
        self, account: Account, email: str, current: str | None, origin: Origin
    ) -> None:
        """Mail a link to the address the account is to have; who has it already shows nowhere.

        Raises Refused: unauthenticated, bad_request.
        """
        check_email(email)
        await self._sign_in.prove(account, current, origin)
        if not await self._links.may_mail(account):
            raise TryAgain("rate_limited", "too many mails", retry_after_ms=120_000)
        await self._links.mail(
            "email_change", account, email, self._links.request(), email.encode()
        )

    async def ask_confirmation(self, account: Account) -> None:
        """Mail a link that proves the address the account has. Raises Refused("conflict")."""
        if account.email is None or account.email_confirmed_at is not None:
            raise Refused("conflict", "there is no address to confirm", field="email")
        if not await self._links.may_mail(account):
            raise TryAgain("rate_limited", "too many mails", retry_after_ms=120_000)
        data = account.email.encode()
        await self._links.mail("welcome", account, account.email, self._links.request(), data)

    async def confirm_email(self, link: str, origin: Origin) -> None:
        """Use an address that a link proves. Raises Refused: unauthenticated; conflict, when
        somebody else has it by now."""
        pending = await self._links.by_link("email_change", link, origin)
        pending = pending or await self._links.by_link("welcome", link, origin)
        account = None if pending is None else await self._accounts.account(pending.user)
        if pending is None or account is None or account.closed:
            raise wrong_or_used()
        email, now_ms = pending.data.decode(), self._now_ms()
        edit = AccountEdit(email=email, email_confirmed_at=now_ms)
        if (account.email or "").lower() == email.lower():
            await self._edits.edit(account.id, edit, ())
            return
        if pending.purpose == "welcome":
            raise wrong_or_used()  # the account has another address by now
        event = origin.event("account.email_changed", now_ms, actor=account.id, target=account.id)
        await self._edits.edit(account.id, edit, [event])
        await self._tell(account, "email_changed", origin)  # at the old address

    async def close(
        self, account: Account, current: str | None, origin: Origin, *, delete: bool
    ) -> None:
        """Close the account: nobody signs in any more. `delete`: also forget who it was; what it
        wrote stays, without a name. Raises Refused: unauthenticated, conflict (the last admin)."""
        await self._sign_in.prove(account, current, origin)
        now_ms = self._now_ms()
        event = origin.event(
            "account.deleted" if delete else "account.deactivated",
            now_ms,
            actor=account.id,
            target=account.id,
        )
        if delete:
            await self._edits.delete(account.id, event)
        else:
            edit = AccountEdit(status="deactivated")
            await self._edits.edit(account.id, edit, [event], SignOut(now_ms=now_ms))

    async def sign_out_others(self, user: UserId, family: FamilyId, origin: Origin) -> None:
        """End all log-ins of the user but this one."""
        now_ms = self._now_ms()
        event = origin.event("sessions.revoked", now_ms, actor=user, target=user)
        await self._edits.edit(user, AccountEdit(), [event], SignOut(now_ms=now_ms, keep=family))

    async def _tell(self, account: Account, kind: MailKind, origin: Origin) -> None:
        if account.email is not None:
            values = {"handle": account.handle, "address": origin.address}
            await self._mailer.send(kind, account.email, values)
