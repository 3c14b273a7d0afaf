"""Registering and signing in: what is asked of stores, hasher and limits, and in which order."""

import hashlib
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from streamhub.domain.accounts import (
    RESERVED_HANDLES,
    Account,
    AccountStore,
    Credentials,
    check_email,
    check_handle,
    check_name,
    handle_or_email_taken,
)
from streamhub.domain.audit import AuditLog
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.limits import Allowance, Limiter
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.mail import Mailer
from streamhub.domain.origin import Origin, client_of
from streamhub.domain.passwords import PasswordHasher, check_password, presented
from streamhub.domain.second_factors import SecondFactors

Registration = Literal["open", "invited", "closed"]

_LOGIN: Final = re.compile(r"[!-~]{1,254}")  # all that a handle or an e-mail address can be


class SignInLimits(NamedTuple):
    """How often one may try. Whole offices share an address, so those are wide; guessing at one
    account is bounded by `account`, over all addresses it has never signed in from. An address it
    has signed in from has an allowance of its own: guessers cannot lock the owner out."""

    log_in: Allowance = Allowance(rate=0.5, burst=100)
    register: Allowance = Allowance(rate=0.5, burst=100)
    account: Allowance = Allowance(rate=1 / 60, burst=10)
    second_factor: Allowance = Allowance(rate=1 / 60, burst=10)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Applicant:
    """Who wants an account."""

    email: str
    handle: str
    name: str
    password: str


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An applicant whose words are good, with the password hashed."""

    handle: str
    name: str
    email: str
    password_hash: str

    def __repr__(self) -> str:  # without what must not reach a log
        return "Candidate(...)"


class SignIn:
    """Registers and logs in.

    Everything here raises TryAgain: `unavailable` when a store or the limits are away;
    `overloaded` when too many passwords wait to be hashed.
    """

    def __init__(
        self,
        *,
        accounts: AccountStore,
        log_ins: LogIns,
        second_factors: SecondFactors,
        audit: AuditLog,
        mailer: Mailer,
        hasher: PasswordHasher,
        limiter: Limiter,
        common_passwords: Container[str],
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        registration: Registration = "open",
        limits: SignInLimits | None = None,
    ) -> None:
        self._accounts = accounts
        self._log_ins = log_ins
        self._second_factors = second_factors
        self._audit = audit
        self._mailer = mailer
        self._hasher = hasher
        self._limiter = limiter
        self._common = common_passwords
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._registration = registration
        self._limits = limits or SignInLimits()

    async def register(self, applicant: Applicant, origin: Origin) -> Grant:
        """A new account, signed in.

        Raises Refused: bad_request, invalid_text, conflict; forbidden where one must be invited;
        TryAgain("rate_limited").
        """
        await self.check_registration(origin)
        account = await self.create(applicant, origin)
        return await self._log_ins.open(account, origin, "registered")

    async def check_registration(self, origin: Origin) -> None:
        """Whether somebody from there may register at all. Raises Refused("forbidden"),
        TryAgain("rate_limited")."""
        await self._take("register", origin.network, self._limits.register)
        if self._registration != "open":
            raise Refused("forbidden", "accounts are made by invitation here")

    async def check_invited(self, origin: Origin) -> None:
        """Whether somebody from there may come by an invitation. Raises Refused("forbidden"),
        TryAgain("rate_limited")."""
        await self._take("register", origin.network, self._limits.register)
        self.check_may_invite()

    def check_may_invite(self) -> None:
        """Raises Refused("forbidden") where only administrators make accounts."""
        if self._registration == "closed":
            raise Refused("forbidden", "administrators make the accounts here")

    async def create(
        self, applicant: Applicant, origin: Origin, *, confirmed: bool = False
    ) -> Account:
        """A new account; `confirmed`: its address is proven to be theirs. Raises Refused:
        bad_request, invalid_text, conflict."""
        return await self.admit(await self.prepared(applicant), origin, confirmed=confirmed)

    async def prepared(self, applicant: Applicant) -> Candidate:
        """The applicant, checked as far as one can without knowing who is there, and the password
        hashed: that must not show in how long it takes. Raises Refused: bad_request,
        invalid_text."""
        handle = check_handle(applicant.handle)
        email = check_email(applicant.email)
        name = check_name(applicant.name)
        password = check_password(applicant.password, (handle, email.lower()), self._common)
        password_hash = await self._hasher.hash(password)
        return Candidate(handle=handle, name=name, email=email, password_hash=password_hash)

    async def admit(
        self, candidate: Candidate, origin: Origin, *, confirmed: bool = False
    ) -> Account:
        """The account of a candidate. Raises Refused: conflict, bad_request."""
        account = self.drafted(candidate, confirmed=confirmed)
        await self._accounts.create(account, candidate.password_hash)
        user, at = account.id, account.created_at
        await self._audit.record(origin.event("account.registered", at, actor=user, target=user))
        return account

    def drafted(self, candidate: Candidate, *, confirmed: bool = False) -> Account:
        """The account a candidate would have. Raises Refused: conflict, bad_request."""
        if check_handle(candidate.handle) in RESERVED_HANDLES:
            raise handle_or_email_taken()
        now_ms = self._now_ms()
        return Account(
            id=UserId(make_id(USER, now_ms, self._random_bytes(RANDOM_BYTES))),
            handle=candidate.handle,
            name=candidate.name,
            email=candidate.email,
            role="user",
            created_at=now_ms,
            email_confirmed_at=now_ms if confirmed else None,
        )

    async def log_in(self, login: str, password: str, code: str | None, origin: Origin) -> Grant:
        """Sign in by handle or e-mail address; with the `code` of a second factor where one is on.

        Raises Refused: unauthenticated, the same whoever is there; second_factor_required, only
        once the password was right. TryAgain("rate_limited").
        """
        network = origin.network
        await self._take("login", network, self._limits.log_in)
        found = None
        if _LOGIN.fullmatch(login):
            found = await self._accounts.credentials(login, network)
        await self._take("guess", _guessed(login, network, found), self._limits.account)
        given = presented(password)
        # Hashed even when it cannot match: who is there must not show in how long it takes.
        wanted = found.password_hash if found and given is not None else None
        verified = await self._hasher.verify(wanted, given or "")
        if found is None or given is None or not verified.matches or found.account.closed:
            await self._failed(found, origin, "password")
            raise Refused("unauthenticated", "the login or the password is wrong")
        if verified.outdated and found.password_hash is not None:
            await self._rehash(found.account.id, found.password_hash, given)
        return await self.finish(
            found.account, code, origin, "password", new=not found.known_address
        )

    async def find(self, login: str, origin: Origin) -> Account | None:
        """The account of a handle or an e-mail address; for mails, whose owner it then is."""
        if not _LOGIN.fullmatch(login):
            return None
        found = await self._accounts.credentials(login, origin.network)
        return found.account if found else None

    async def prove(self, account: Account, password: str | None, origin: Origin) -> None:
        """That whoever acts for the account knows its password, where it has one: before changes
        that could lock its owner out. Raises Refused("unauthenticated"), TryAgain."""
        await self._take("guess", f"{account.id}:{origin.network}", self._limits.account)
        found = await self._accounts.credentials(account.handle, origin.network)
        if found is None or found.password_hash is None:
            return
        given = presented(password or "")
        verified = await self._hasher.verify(found.password_hash, given or "")
        if given is None or not verified.matches:
            await self._failed(found, origin, "password")
            raise Refused("unauthenticated", "the password is wrong", field="current_password")

    async def has_password(self, account: Account) -> bool:
        """Whether a password opens the account."""
        found = await self._accounts.credentials(account.handle, "")
        return found is not None and found.password_hash is not None

    async def finish(
        self, account: Account, code: str | None, origin: Origin, how: str, *, new: bool = False
    ) -> Grant:
        """The last step of signing in, once a first factor was right: the second one, if it is on.

        `new`: the owner is told of a log-in from where there was none before. Raises Refused:
        second_factor_required, unauthenticated.
        """
        user = account.id
        if await self._second_factors.is_on(user):
            if code is None:
                raise Refused("second_factor_required", "send the code of your app", field="code")
            await self._take("second-factor", user, self._limits.second_factor)
            if not await self._second_factors.check(user, code, origin):
                event = origin.event(
                    "sign_in.failed", self._now_ms(), target=user, detail="second factor"
                )
                await self._audit.record(event)
                raise Refused("unauthenticated", "the code is wrong or was used", field="code")
        grant = await self._log_ins.open(account, origin, how)
        if new and account.email is not None:
            await self._notify(account, account.email, origin)
        return grant

    # -- private ----------------------------------------------------------------------------

    async def note_failure(self, origin: Origin, how: str) -> None:
        """Record that somebody did not get in by a way that names no account."""
        await self._failed(None, origin, how)

    async def _failed(self, found: Credentials | None, origin: Origin, how: str) -> None:
        target = found.account.id if found else None
        event = origin.event("sign_in.failed", self._now_ms(), target=target, detail=how)
        await self._audit.record(event)

    async def _notify(self, account: Account, email: str, origin: Origin) -> None:
        values = {
            "handle": account.handle,
            "address": origin.address,
            "client": client_of(origin.client) or "an unknown program",
            "when": _moment(self._now_ms()),
        }
        await self._mailer.send("signed_in", email, values)

    async def _take(self, act: str, whose: str, allowance: Allowance) -> None:
        wait_ms = await self._limiter.take(f"{act}:{whose}", allowance.rate, allowance.burst)
        if wait_ms:
            raise TryAgain("rate_limited", "too many attempts", retry_after_ms=wait_ms)

    async def _rehash(self, user: UserId, old: str, password: str) -> None:
        try:
            new = await self._hasher.hash(password)
        except TryAgain:
            return  # busy: the next log-in will do
        await self._accounts.replace_hash(user, old, new)


def _guessed(login: str, network: str, found: Credentials | None) -> str:
    """Whose allowance an attempt uses up. Limits are stored, so what was typed is hashed."""
    if found is None:
        return hashlib.sha256(login.lower().encode("utf-8", "replace")).hexdigest()
    return f"{found.account.id}:{network}" if found.known_address else found.account.id


def _moment(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%d %B %Y, %H:%M UTC")
