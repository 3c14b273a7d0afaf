"""Invitations: links by which members bring in others.

An invitation is `shi_` and 32 random bytes in base64url; only its SHA-256 is stored. It is good for
so many accounts, until some day, unless it is revoked, and while who made it may invite. One for
an e-mail address is mailed there and shown to nobody, not even to who made it: so that using it
proves the address.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, NewType, Protocol

import msgspec

from streamhub.domain.access import Role, Standing
from streamhub.domain.accounts import Account, AccountStore, check_email
from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import INVITATION, RANDOM_BYTES, UserId, make_id
from streamhub.domain.limits import Allowance, Limiter
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.mail import Mailer
from streamhub.domain.origin import Origin
from streamhub.domain.sign_in import Applicant, SignIn

InvitationId = NewType("InvitationId", str)
Inviters = Literal["everyone", "moderators", "admins"]

_INVITERS: Final[Mapping[Inviters, tuple[Role, ...]]] = {
    "everyone": ("user", "moderator", "admin"),
    "moderators": ("moderator", "admin"),
    "admins": ("admin",),
}
BY_RECIPIENT: Final = Allowance(rate=3 / 86_400, burst=3)
"""Mails that invite one address, whoever asks for them: the next a third of a day later."""

SECRET_BYTES: Final = 32
MAX_INVITATIONS: Final = 100
"""Of one member, that could still be used."""

MAX_USES: Final = 1000
MAX_DAYS: Final = 90
_DAY_MS: Final = 86_400_000

_PREFIX: Final = "shi_"
_TEXT: Final = re.compile(r"shi_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, one way


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an invitation, but for the link. Times in ms.

    `email`: whom alone it is for; forgotten once it was used or revoked.
    """

    id: InvitationId
    made_by: UserId
    max_uses: int
    created_at: int
    expires_at: int
    email: str | None = None
    uses: int = 0

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Invitation({self.id})"


class NewInvitation(NamedTuple):
    """`text` is the invitation itself, shown this once; None where it was mailed."""

    invitation: Invitation
    text: str | None


class InvitationStore(Protocol):
    """The invitations. All raise TryAgain("unavailable") when the store is away."""

    async def add(self, invitation: Invitation, digest: bytes, event: AuditEvent) -> None:
        """Raises Refused("limit_reached") for one more than MAX_INVITATIONS."""
        ...

    async def of(self, user: UserId, now_ms: int) -> tuple[Invitation, ...]:
        """Those the user made that can still be used, the oldest first."""
        ...

    async def offered(self, digest: bytes, now_ms: int) -> Invitation | None:
        """The one of this link, if it is good and who made it is active."""
        ...

    async def use(
        self,
        invitation: InvitationId,
        account: Account,
        password_hash: str,
        events: Sequence[AuditEvent],
    ) -> bool:
        """Count a use and create the account, both or neither; False when it is no longer good.

        Raises Refused("conflict") when the handle or the e-mail address is taken.
        """
        ...

    async def revoke(
        self, invitation: InvitationId, made_by: UserId, now_ms: int, event: AuditEvent
    ) -> bool:
        """End it; False when it is none of theirs, or over already."""
        ...


class Invitations:
    """Makes and redeems invitations. All raise TryAgain("unavailable")."""

    def __init__(
        self,
        *,
        store: InvitationStore,
        accounts: AccountStore,
        sign_in: SignIn,
        log_ins: LogIns,
        mailer: Mailer,
        limiter: Limiter,
        inviters: Inviters,
        public_url: str,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sign_in = sign_in
        self._log_ins = log_ins
        self._mailer = mailer
        self._limiter = limiter
        self._inviters = inviters
        self._public_url = public_url.rstrip("/")
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def make(
        self, by: Standing, email: str | None, uses: int, days: int, origin: Origin
    ) -> NewInvitation:
        """An invitation for so many accounts and days; with `email`, mailed there.

        Raises Refused: bad_request, limit_reached; forbidden where accounts are closed, or made by
        others' invitation alone; TryAgain("rate_limited") for an address that gets so many.
        """
        self._check_may_invite(by)
        _check(email, uses, days)
        if email is not None:
            await self._check_may_mail(email)
        now_ms = self._now_ms()
        invitation = Invitation(
            id=InvitationId(make_id(INVITATION, now_ms, self._random_bytes(RANDOM_BYTES))),
            made_by=by.user,
            max_uses=uses,
            created_at=now_ms,
            expires_at=now_ms + days * _DAY_MS,
            email=email,
        )
        text = text_of(self._random_bytes(SECRET_BYTES))
        digest = digest_of(text)
        assert digest is not None  # noqa: S101 - text_of writes what digest_of reads
        event = origin.event("invitation.created", now_ms, actor=by.user, target=invitation.id)
        await self._store.add(invitation, digest, event)
        if email is None:
            return NewInvitation(invitation, text)
        await self._mail(invitation, email, text)
        return NewInvitation(invitation, None)

    async def of(self, user: UserId) -> tuple[Invitation, ...]:
        """One's invitations that can still be used, the oldest first."""
        return await self._store.of(user, self._now_ms())

    async def revoke(self, user: UserId, invitation: str, origin: Origin) -> None:
        """End one of one's own. Raises Refused("not_found")."""
        now_ms = self._now_ms()
        event = origin.event("invitation.revoked", now_ms, actor=user, target=invitation)
        if not await self._store.revoke(InvitationId(invitation), user, now_ms, event):
            raise Refused("not_found", "you have no such invitation")

    async def redeem(self, text: str, applicant: Applicant, origin: Origin) -> Grant:
        """A new account by an invitation, signed in.

        Raises Refused: forbidden, the same whatever is wrong with the invitation; bad_request,
        invalid_text, conflict; TryAgain("rate_limited").
        """
        await self._sign_in.check_invited(origin)
        digest = digest_of(text)
        found = None if digest is None else await self._store.offered(digest, self._now_ms())
        if found is None:
            await self._sign_in.note_failure(origin, "invitation")
            raise no_good()
        if found.email is not None and found.email.lower() != applicant.email.lower():
            raise Refused("bad_request", "the invitation is for another address", field="email")
        candidate = await self._sign_in.prepared(applicant)
        account = self._sign_in.drafted(candidate, confirmed=found.email is not None)
        user, at = account.id, account.created_at
        events = (
            origin.event("account.registered", at, actor=user, target=user),
            origin.event("invitation.used", at, actor=user, target=found.id),
        )
        if not await self._store.use(found.id, account, candidate.password_hash, events):
            raise no_good()
        return await self._log_ins.open(account, origin, "invited")

    def _check_may_invite(self, by: Standing) -> None:
        self._sign_in.check_may_invite()
        if by.role not in _INVITERS[self._inviters]:
            raise Refused("forbidden", f"only {self._inviters} invite here")

    async def _check_may_mail(self, email: str) -> None:
        key = f"invite:{hashlib.sha256(email.lower().encode()).hexdigest()}"
        if wait_ms := await self._limiter.take(key, *BY_RECIPIENT):
            raise TryAgain(
                "rate_limited", "that address was invited often lately", retry_after_ms=wait_ms
            )

    async def _mail(self, invitation: Invitation, email: str, text: str) -> None:
        inviter = await self._accounts.account(invitation.made_by)
        until = datetime.fromtimestamp(invitation.expires_at / 1000, UTC)
        values = {
            "inviter": inviter.name if inviter else "Somebody",
            "link": f"{self._public_url}/join#{text}",
            "until": until.strftime("%d %B %Y"),
        }
        await self._mailer.send("invitation", email, values)


def _check(email: str | None, uses: int, days: int) -> None:
    most = MAX_USES if email is None else 1
    if not 1 <= uses <= most:
        detail = f"must be 1 to {MAX_USES}" if email is None else "must be 1: it is for one address"
        raise Refused("bad_request", detail, field="uses")
    if not 1 <= days <= MAX_DAYS:
        raise Refused("bad_request", f"must be 1 to {MAX_DAYS}", field="days")
    if email is not None:
        check_email(email)


def text_of(secret: bytes) -> str:
    """The invitation of 32 random bytes, as it stands in a link."""
    return _PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest_of(text: str) -> bytes | None:
    """What is stored of an invitation; None for a text that cannot be one."""
    return hashlib.sha256(text.encode()).digest() if _TEXT.fullmatch(text) else None


def too_many_invitations() -> Refused:
    return Refused("limit_reached", f"{MAX_INVITATIONS} open invitations are the most: revoke one")


def no_good() -> Refused:
    """The one refusal, whatever is wrong with an invitation."""
    return Refused(
        "forbidden",
        "the invitation is unknown, was used up or revoked, or is too old",
        field="invitation",
    )
