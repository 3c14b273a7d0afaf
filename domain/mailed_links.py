"""One-time codes and links on their way into mails."""

from typing import Final

from streamhub.domain.accounts import Account
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import UserId
from streamhub.domain.limits import Allowance, Limiter
from streamhub.domain.mail import Mailer, MailKind
from streamhub.domain.one_time import LIFE_S, OneTime, Pending, Purpose
from streamhub.domain.origin import Origin

_PAGES: Final[dict[Purpose, str]] = {
    "sign_in": "sign-in",
    "password_reset": "reset",
    "email_change": "confirm-email",
    "welcome": "confirm-email",
    "registration": "confirm-registration",
}
"""Pages of the client, which take the link from the fragment: it never reaches a log."""

_KINDS: Final[dict[Purpose, MailKind]] = {
    "sign_in": "sign_in",
    "password_reset": "password_reset",
    "email_change": "email_change",
    "welcome": "welcome",
    "registration": "registration",
}
BY_ADDRESS: Final = Allowance(rate=0.1, burst=20)
BY_ACCOUNT: Final = Allowance(rate=1 / 120, burst=5)


class MailedLinks:
    """Mails codes and links, and redeems them. Raises TryAgain: `unavailable`, `rate_limited`."""

    def __init__(
        self, one_time: OneTime, mailer: Mailer, limiter: Limiter, public_url: str
    ) -> None:
        self._one_time = one_time
        self._mailer = mailer
        self._limiter = limiter
        self._public_url = public_url.rstrip("/")

    def request(self) -> str:
        """The name of a request."""
        return self._one_time.request()

    async def check_asking(self, origin: Origin) -> None:
        """Whether somebody from there may ask for a mail."""
        await self._take(f"ask:{origin.network}", BY_ADDRESS)

    async def may_mail(self, account: Account) -> bool:
        """Whether the account may get another mail that was asked for."""
        return not await self._limiter.take(f"mail:{account.id}", *BY_ACCOUNT)

    async def mail(
        self, purpose: Purpose, account: Account, to: str, request: str, data: bytes = b""
    ) -> None:
        """Open the request, and mail its code and link."""
        await self.mail_to(purpose, account.id, account.handle, to, request, data)

    async def mail_to(
        self, purpose: Purpose, user: UserId, handle: str, to: str, request: str, data: bytes
    ) -> None:
        """The same for somebody who has no account yet."""
        offer = await self._one_time.offer(request, purpose, user, data)
        values = {
            "handle": handle,
            "code": offer.code,
            "link": f"{self._public_url}/{_PAGES[purpose]}#{offer.link}",
            "minutes": str(LIFE_S // 60),
        }
        await self._mailer.send(_KINDS[purpose], to, values)

    async def by_code(
        self, purpose: Purpose, request: str, code: str, origin: Origin
    ) -> Pending | None:
        await self._take(f"one-time:{origin.network}", BY_ADDRESS)
        return await self._one_time.redeem_code(purpose, request, code)

    async def by_link(self, purpose: Purpose, link: str, origin: Origin) -> Pending | None:
        await self._take(f"one-time:{origin.network}", BY_ADDRESS)
        return await self._one_time.redeem_link(purpose, link)

    async def _take(self, key: str, allowance: Allowance) -> None:
        if wait_ms := await self._limiter.take(key, *allowance):
            raise TryAgain("rate_limited", "too many attempts", retry_after_ms=wait_ms)


def wrong_or_used() -> Refused:
    return Refused("unauthenticated", "the code or link is wrong, was used, or is too old")
