"""Invitations: links by which members let people make accounts, where that is not open to all.

A link is `shi_` and 32 random bytes in base64url; only its SHA-256 is stored. It is good for so
many accounts, until some day, and until it is revoked; bound to an address, it proves that.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import msgspec

from streamhub.domain.access import Standing
from streamhub.domain.accounts import AccountStore, check_email
from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, UserId, make_id
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.mail import Mailer
from streamhub.domain.origin import Origin
from streamhub.domain.sign_in import Applicant, SignIn

MAX_USES: Final = 1000
MAX_DAYS: Final = 90
MAX_OPEN: Final = 100
"""Invitations of one account that can still be used."""

_SECRET_BYTES: Final = 32
_PREFIX: Final = "shi_"
_TEXT: Final = re.compile(r"shi_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, one way
_DAY_MS: Final = 86_400_000


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an invitation, but for its link. Times in ms."""

    id: str
    created_by: UserId
    email: str | None
    max_uses: int
    uses: int
    created_at: int
    expires_at: int

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Invitation({self.id})"


class InvitationStore(Protocol):
    """The invitations. All raise TryAgain("unavailable") when the store is away."""

    async def add(self, invitation: Invitation, digest: bytes, event: AuditEvent) -> None: ...

    async def of(self, user: UserId, now_ms: int) -> tuple[Invitation, ...]:
        """Those of the account that can still be used, the oldest first."""
        ...

    async def use(self, digest: bytes, now_ms: int) -> Invitation | None:
        """Count one use of an invitation that is good; None for any other. Atomic."""
        ...

    async def give_back(self, invitation: str) -> None:
        """A use came to nothing."""
        ...

    async def revoke(self, user: UserId, invitation: str, now_ms: int, event: AuditEvent) -> bool:
        """False when the account has no such invitation that can still be used."""
        ...


class Made(NamedTuple):
    """`text` is what the one who is invited shows; shown this once. None when it went by mail:
    it proves the address, so only who reads that mail may have it."""

    invitation: Invitation
    text: str | None


class Invitations:
    """Makes, lists, revokes and redeems. All raise TryAgain("unavailable")."""

    def __init__(
        self,
        *,
        store: InvitationStore,
        accounts: AccountStore,
        sign_in: SignIn,
        log_ins: LogIns,
        mailer: Mailer,
        public_url: str,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sign_in = sign_in
        self._log_ins = log_ins
        self._mailer = mailer
        self._public_url = public_url.rstrip("/")
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def make(
        self, by: Standing, email: str | None, uses: int, days: int, origin: Origin
    ) -> Made:
        """An invitation for so many accounts and days; for one `email`, it is mailed.

        Raises Refused: bad_request, limit_reached, forbidden where accounts are closed to all.
        """
        self._sign_in.check_may_invite()
        now_ms = self._now_ms()
        if len(await self._store.of(by.user, now_ms)) >= MAX_OPEN:
            raise Refused("limit_reached", f"{MAX_OPEN} are the most: revoke some first")
        if email is not None and uses != 1:
            raise Refused("bad_request", "an address is invited once", field="uses")
        invitation = Invitation(
            id=make_id(TOKEN, now_ms, self._random_bytes(RANDOM_BYTES)),
            created_by=by.user,
            email=None if email is None else check_email(email),
            max_uses=_within(uses, MAX_USES, "uses"),
            uses=0,
            created_at=now_ms,
            expires_at=now_ms + _within(days, MAX_DAYS, "days") * _DAY_MS,
        )
        secret = self._random_bytes(_SECRET_BYTES)
        text = _PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        event = origin.event("invitation.created", now_ms, actor=by.user, target=invitation.id)
        await self._store.add(invitation, _digest(text), event)
        if invitation.email is None:
            return Made(invitation, text)
        await self._mail(invitation, invitation.email, text)
        return Made(invitation, None)

    async def of(self, user: UserId) -> tuple[Invitation, ...]:
        """Those of the account that can still be used."""
        return await self._store.of(user, self._now_ms())

    async def revoke(self, user: UserId, invitation: str, origin: Origin) -> None:
        """Raises Refused("not_found")."""
        now_ms = self._now_ms()
        event = origin.event("invitation.revoked", now_ms, actor=user, target=invitation)
        if not await self._store.revoke(user, invitation, now_ms, event):
            raise Refused("not_found", "you have no such invitation")

    async def redeem(self, text: str, applicant: Applicant, origin: Origin) -> Grant:
        """A new account, signed in. Raises Refused: forbidden for an invitation that is not good,
        whatever is wrong with it; bad_request, invalid_text, conflict."""
        await self._sign_in.check_invited(origin)
        candidate = await self._sign_in.prepared(applicant)
        now_ms = self._now_ms()
        good = await self._store.use(_digest(text), now_ms) if _TEXT.fullmatch(text) else None
        if good is None:
            raise Refused("forbidden", "the invitation is unknown, used up, or too old")
        try:
            bound = good.email is not None
            if good.email is not None and good.email.lower() != candidate.email.lower():
                raise Refused("bad_request", "the invitation is another address's", field="email")
            account = await self._sign_in.admit(candidate, origin, confirmed=bound)
        except BaseException:
            await self._store.give_back(good.id)
            raise
        return await self._log_ins.open(account, origin, f"invited {good.id}")

    async def _mail(self, invitation: Invitation, email: str, text: str) -> None:
        inviter = await self._accounts.account(invitation.created_by)
        until = datetime.fromtimestamp(invitation.expires_at / 1000, UTC)
        values = {
            "inviter": inviter.name if inviter else "Somebody",
            "link": f"{self._public_url}/join#{text}",
            "until": until.strftime("%d %B %Y"),
        }
        await self._mailer.send("invitation", email, values)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _within(number: int, most: int, field: str) -> int:
    if not 1 <= number <= most:
        raise Refused("bad_request", f"must be from 1 to {most}", field=field)
    return number
