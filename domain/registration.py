"""Registering where addresses are proven first: there is an account once its link was opened.

Whoever registers gets the same answer, in the same time, whether or not the handle or the address
has an account already. The owner of an address that has one is told so by mail, and nobody else;
that a handle is taken shows once the link of a mail is opened, and another one can be chosen then.
"""

from collections.abc import Awaitable, Callable

import msgspec

from streamhub.config import Secret
from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.mail import Mailer
from streamhub.domain.mailed_links import MailedLinks, wrong_or_used
from streamhub.domain.origin import Origin
from streamhub.domain.sealing import Sealer, Unsealable
from streamhub.domain.sign_in import Applicant, Candidate, SignIn


class ConfirmedRegistration:
    """Asks for and confirms registrations. `in_background` has work done after the answer.

    Everything here raises TryAgain: `unavailable` when a store or the limits are away;
    `rate_limited`; `overloaded` when too many passwords wait to be hashed.
    """

    def __init__(
        self,
        *,
        accounts: AccountStore,
        sign_in: SignIn,
        log_ins: LogIns,
        links: MailedLinks,
        mailer: Mailer,
        secret: Secret,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._accounts = accounts
        self._sign_in = sign_in
        self._log_ins = log_ins
        self._links = links
        self._mailer = mailer
        self._sealer = Sealer(secret, "registrations", random_bytes)
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._in_background = in_background

    async def ask(self, applicant: Applicant, origin: Origin) -> str:
        """Mail a link to the address; the name of the request. Raises Refused: bad_request,
        invalid_text, forbidden."""
        await self._sign_in.check_registration(origin)
        candidate = await self._sign_in.prepared(applicant)
        found = await self._sign_in.find(candidate.email, origin)
        request = self._links.request()
        self._in_background(self._mail(candidate, found, request))
        return request

    async def confirm(self, link: str, handle: str | None, origin: Origin) -> Grant:
        """Make the account and sign in, with another `handle` than was asked for where that is
        taken. Raises Refused: unauthenticated, conflict, bad_request."""
        pending = await self._links.by_link("registration", link, origin)
        if pending is None:
            raise wrong_or_used()
        try:
            plain = self._sealer.unseal(pending.data, pending.user)
        except Unsealable:
            raise wrong_or_used() from None
        candidate = msgspec.msgpack.decode(plain, type=Candidate)
        if handle is not None:
            candidate = msgspec.structs.replace(candidate, handle=handle)
        account = await self._sign_in.admit(candidate, origin, confirmed=True)
        return await self._log_ins.open(account, origin, "registered")

    async def _mail(self, candidate: Candidate, found: Account | None, request: str) -> None:
        if found is not None:
            if found.email is not None and await self._links.may_mail(found):
                await self._mailer.send("registered_already", found.email, {"handle": found.handle})
            return
        user = UserId(make_id(USER, self._now_ms(), self._random_bytes(RANDOM_BYTES)))
        data = self._sealer.seal(msgspec.msgpack.encode(candidate), user)
        await self._links.mail_to(
            "registration", user, candidate.handle, candidate.email, request, data
        )
