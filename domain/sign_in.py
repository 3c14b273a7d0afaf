"""Signing in and out: what is asked of stores, hasher and limits, and in which order."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final, NamedTuple

from streamhub.config import Secret
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
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.families import (
    SECRET_BYTES,
    SELECTOR_BYTES,
    Family,
    FamilyId,
    FamilyStore,
    RefreshToken,
)
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, USER, UserId, make_id
from streamhub.domain.limits import Limiter
from streamhub.domain.passwords import (
    PasswordHasher,
    check_password,
    presented,
)
from streamhub.domain.tokens import TokenIssuer

_LOGIN: Final = re.compile(r"[!-~]{1,254}")  # all that a handle or an e-mail address can be


class Allowance(NamedTuple):
    """`rate` per second, with `burst` at once."""

    rate: float
    burst: int


class SignInLimits(NamedTuple):
    """How often one may try. Whole offices share an address, so those are wide; guessing at one
    account is bounded by `account`, over all addresses it has never signed in from. An address it
    has signed in from has an allowance of its own: guessers cannot lock the owner out."""

    log_in: Allowance = Allowance(rate=0.5, burst=100)
    register: Allowance = Allowance(rate=0.5, burst=100)
    account: Allowance = Allowance(rate=1 / 60, burst=10)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Grant:
    """What a signed-in client is given. `expires_in` is that of the access token, in seconds."""

    account: Account
    access_token: str
    refresh_token: str
    expires_in: int


class SignIn:
    """Registers, logs in, refreshes and logs out.

    Everything here raises TryAgain: `unavailable` when a store, or for registering and logging in
    the limits, are away; `overloaded` when too many passwords wait to be hashed.
    """

    def __init__(
        self,
        *,
        accounts: AccountStore,
        families: FamilyStore,
        hasher: PasswordHasher,
        limiter: Limiter,
        issuer: TokenIssuer,
        secret: Secret,
        refresh_ttl_s: int,
        common_passwords: Container[str],
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        limits: SignInLimits | None = None,
    ) -> None:
        self._accounts = accounts
        self._families = families
        self._hasher = hasher
        self._limiter = limiter
        self._issuer = issuer
        self._refresh_key = hmac.digest(secret.reveal().encode(), b"refresh tokens", "sha256")
        self._refresh_ttl_ms = refresh_ttl_s * 1000
        self._common = common_passwords
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._limits = limits or SignInLimits()

    async def register(
        self, *, email: str, handle: str, name: str, password: str, address: str
    ) -> Grant:
        """A new account, signed in. `address` is the client's.

        Raises Refused: bad_request, invalid_text, conflict; TryAgain("rate_limited").
        """
        network = network_of(address)
        await self._take("register", network, self._limits.register)
        check_handle(handle)
        check_email(email)
        name = check_name(name)
        password = check_password(password, (handle, email.lower()), self._common)
        password_hash = await self._hasher.hash(password)
        # Only now: whether somebody is there already must not show in how long it takes.
        if handle in RESERVED_HANDLES:
            raise handle_or_email_taken()
        now_ms = self._now_ms()
        account = Account(
            id=UserId(self._new_id(USER, now_ms)),
            handle=handle,
            name=name,
            email=email,
            role="user",
            created_at=now_ms,
        )
        await self._accounts.create(account, password_hash)
        return await self._open(account, network)

    async def log_in(self, *, login: str, password: str, address: str) -> Grant:
        """Sign in by handle or e-mail address.

        Raises Refused("unauthenticated"), the same whoever is there; TryAgain("rate_limited").
        """
        network = network_of(address)
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
            raise Refused("unauthenticated", "the login or the password is wrong")
        if verified.outdated and found.password_hash is not None:
            await self._rehash(found.account.id, found.password_hash, given)
        return await self._open(found.account, network)

    async def refresh(self, refresh_token: str) -> Grant:
        """New tokens for a refresh token, which is used up. Raises Refused("unauthenticated")."""
        token = RefreshToken.parse(refresh_token)
        if token is None:
            raise _refresh_refused()
        successor = token.successor(self._refresh_key)
        now_ms = self._now_ms()
        refreshed = await self._families.refresh(
            token, successor, now_ms=now_ms, expires_at=now_ms + self._refresh_ttl_ms
        )
        if refreshed is None:
            raise _refresh_refused()
        return self._grant(refreshed.account, refreshed.family, successor)

    async def log_out(self, refresh_token: str) -> None:
        """End the log-in this token belongs to, everywhere. Done already is done too."""
        if token := RefreshToken.parse(refresh_token):
            await self._families.revoke(token, self._now_ms())

    async def _open(self, account: Account, network: str) -> Grant:
        token = RefreshToken(self._random_bytes(SELECTOR_BYTES), self._random_bytes(SECRET_BYTES))
        now_ms = self._now_ms()
        family = Family(
            id=FamilyId(self._new_id(TOKEN, now_ms)),
            user=account.id,
            selector=token.selector,
            current=token.digest,
            address=network,
            opened_at=now_ms,
            expires_at=now_ms + self._refresh_ttl_ms,
        )
        await self._families.open(family)
        return self._grant(account, family.id, token)

    def _grant(self, account: Account, family: FamilyId, token: RefreshToken) -> Grant:
        access = self._issuer.issue(
            account.id, family, self._now_ms(), self._random_bytes(RANDOM_BYTES)
        )
        return Grant(
            account=account,
            access_token=access,
            refresh_token=token.text,
            expires_in=self._issuer.ttl_s,
        )

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

    def _new_id(self, prefix: str, now_ms: int) -> str:
        return make_id(prefix, now_ms, self._random_bytes(RANDOM_BYTES))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which belongs to
    one subscriber. Anything else (a local socket) stays as it is."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _guessed(login: str, network: str, found: Credentials | None) -> str:
    """Whose allowance an attempt uses up. Limits are stored, so what was typed is hashed."""
    if found is None:
        return hashlib.sha256(login.lower().encode("utf-8", "replace")).hexdigest()
    return f"{found.account.id}:{network}" if found.known_address else found.account.id


def _refresh_refused() -> Refused:
    return Refused("unauthenticated", "the refresh token is not valid: sign in again")
