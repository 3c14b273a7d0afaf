"""Ways in by mail: a code or a link instead of a password, and choosing a new password.

Whoever asks gets the same answer, in the same time, whether or not there is such an account: the
name of a request. Who is there shows in mails alone, which are written once it was given.
"""

from collections.abc import Awaitable, Callable, Container

from streamhub.domain.account_edits import AccountEdit, AccountEdits, SignOut
from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.log_ins import Grant
from streamhub.domain.mail import Mailer
from streamhub.domain.mailed_links import MailedLinks, wrong_or_used
from streamhub.domain.one_time import Pending, Purpose
from streamhub.domain.origin import Origin
from streamhub.domain.passwords import PasswordHasher, check_password
from streamhub.domain.sign_in import SignIn


class Recovery:
    """Asks for and redeems codes and links. `in_background` has work done after the answer.

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
        mailer: Mailer,
        hasher: PasswordHasher,
        common_passwords: Container[str],
        now_ms: Callable[[], int],
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._accounts = accounts
        self._edits = edits
        self._links = links
        self._sign_in = sign_in
        self._mailer = mailer
        self._hasher = hasher
        self._common = common_passwords
        self._now_ms = now_ms
        self._in_background = in_background

    async def ask(self, purpose: Purpose, login: str, origin: Origin) -> str:
        """Mail a code and a link to the owner of `login`; the name of the request."""
        await self._links.check_asking(origin)
        request = self._links.request()
        found = await self._sign_in.find(login, origin)
        if found is not None and found.email is not None and not found.closed:
            self._in_background(self._mail(purpose, found, found.email, request))
        return request

    async def sign_in_by_code(
        self, request: str, code: str, second: str | None, origin: Origin
    ) -> Grant:
        """Raises Refused: unauthenticated, second_factor_required."""
        pending = await self._links.by_code("sign_in", request, code, origin)
        return await self._signed_in(pending, second, origin)

    async def sign_in_by_link(self, link: str, second: str | None, origin: Origin) -> Grant:
        """Raises Refused: unauthenticated, second_factor_required."""
        pending = await self._links.by_link("sign_in", link, origin)
        return await self._signed_in(pending, second, origin)

    async def reset(self, link: str, password: str, origin: Origin) -> None:
        """Choose a new password by a link that was mailed; everybody is signed out.

        A password that nobody may choose is refused before the link is used up. Raises Refused:
        unauthenticated, bad_request.
        """
        check_password(password, (), self._common)
        pending = await self._links.by_link("password_reset", link, origin)
        account = await self._account(pending, origin)
        own = (account.handle, (account.email or "").lower())
        password_hash = await self._hasher.hash(check_password(password, own, self._common))
        now_ms = self._now_ms()
        event = origin.event("password.reset", now_ms, actor=account.id, target=account.id)
        edit = AccountEdit(password_hash=password_hash, email_confirmed_at=now_ms)
        await self._edits.edit(account.id, edit, [event], SignOut(now_ms=now_ms))
        if account.email is not None:
            values = {"handle": account.handle, "address": origin.address}
            await self._mailer.send("password_changed", account.email, values)

    # -- private ----------------------------------------------------------------------------

    async def _mail(self, purpose: Purpose, account: Account, to: str, request: str) -> None:
        # Who asks too often is not told: they might not be the owner.
        if await self._links.may_mail(account):
            await self._links.mail(purpose, account, to, request)

    async def _signed_in(
        self, pending: Pending | None, second: str | None, origin: Origin
    ) -> Grant:
        account = await self._account(pending, origin)
        if account.email_confirmed_at is None:  # they read its mail
            edit = AccountEdit(email_confirmed_at=self._now_ms())
            account = await self._edits.edit(account.id, edit, ())
        return await self._sign_in.finish(account, second, origin, "mail")

    async def _account(self, pending: Pending | None, origin: Origin) -> Account:
        account = None if pending is None else await self._accounts.account(pending.user)
        if account is None or account.closed:
            await self._sign_in.note_failure(origin, "mail")
            raise wrong_or_used()
        return account
