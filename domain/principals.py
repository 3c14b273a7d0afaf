"""Who a request or a socket acts for, and what it may do now.

Tokens say who; the store says what they may do by now. What it said is kept until the cluster log
tells that it changed, within a second, so most requests read nothing.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from streamhub.domain.access import Standing
from streamhub.domain.accounts import Account
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId, FamilyStore
from streamhub.domain.ids import UserId
from streamhub.domain.personal_tokens import PersonalTokenStore, digest_of, looks_personal
from streamhub.domain.tokens import Caller, Revocations, TokenVerifier

MAX_KEPT: Final = 100_000
KEEP_MS: Final = 60_000
"""How long what the store said counts without news: a bound for what nobody thought of."""

FOR_EVER_MS: Final = 2**53 - 1

_Key = str | bytes  # a log-in, or the digest of a personal token


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`family` is the log-in, or the personal token, it acts by: what a revocation names. Until
    `expires_at`, ms since 1970."""

    user: UserId
    family: FamilyId
    standing: Standing
    expires_at: int


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A principal and its whole account, just read."""

    principal: Principal
    account: Account


class Principals:
    """Finds out for whom a bearer token acts.

    Everything here raises Refused: unauthenticated, token_expired; and TryAgain("unavailable")
    when the store had to be asked and is away.
    """

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        revocations: Revocations,
        families: FamilyStore,
        tokens: PersonalTokenStore,
        now_ms: Callable[[], int],
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._families = families
        self._tokens = tokens
        self._now_ms = now_ms
        self._kept: OrderedDict[_Key, tuple[Principal, int]] = OrderedDict()
        self._keys_of: dict[str, set[_Key]] = {}
        self._changes = 0

    async def principal(self, bearer: str, address: str = "") -> Principal:
        """For a request."""
        if looks_personal(bearer):
            return await self._by_personal_token(bearer, address)
        caller = self._caller(bearer)
        if kept := self._recall(caller.family):
            return kept
        return await self._remembered(caller.family, self._signed_in(caller))

    async def admit(self, bearer: str, address: str = "") -> Admitted:
        """For what lives long: the store is always asked."""
        if looks_personal(bearer):
            return await self._read_personal_token(_digest(bearer), address)
        return await self._signed_in(self._caller(bearer))

    async def renewed(self, principal: Principal) -> Principal:
        """What a principal may do by now; for sockets, after news of its user."""
        scopes = principal.standing.scopes
        if scopes is None:
            account = await self._families.signed_in(principal.family)
        else:
            bearer = await self._tokens.still(principal.family, self._now_ms())
            account = bearer.account if bearer else None
        standing = _open(account, principal.user).standing
        standing = msgspec.structs.replace(standing, scopes=scopes)
        return msgspec.structs.replace(principal, standing=standing)

    def changed(self, subject: str) -> None:
        """The cluster log told of a user, a log-in or a token: what was kept of it is old."""
        self._changes += 1
        for key in tuple(self._keys_of.get(subject, ())):
            self._forget(key)

    # -- private ----------------------------------------------------------------------------

    def _caller(self, bearer: str) -> Caller:
        caller = self._verifier.verify(bearer, self._now_ms())
        if self._revocations.is_revoked(caller):
            raise _signed_out()
        return caller

    async def _signed_in(self, caller: Caller) -> Admitted:
        account = _open(await self._families.signed_in(caller.family), caller.user)
        if self._revocations.is_revoked(caller):  # the log may have brought news meanwhile
            raise _signed_out()
        principal = Principal(
            user=caller.user,
            family=caller.family,
            standing=account.standing,
            expires_at=caller.expires_at,
        )
        return Admitted(principal=principal, account=account)

    async def _by_personal_token(self, bearer: str, address: str) -> Principal:
        digest = _digest(bearer)
        if kept := self._recall(digest):
            return kept
        return await self._remembered(digest, self._read_personal_token(digest, address))

    async def _read_personal_token(self, digest: bytes, address: str) -> Admitted:
        now_ms = self._now_ms()
        found = await self._tokens.bearer(digest, now_ms)
        if found is None:
            raise _unknown_token()
        token = found.token
        account = _open(found.account, token.user)
        await self._tokens.used(token.id, now_ms, address)
        principal = Principal(
            user=token.user,
            family=token.id,
            standing=msgspec.structs.replace(account.standing, scopes=token.scopes),
            expires_at=FOR_EVER_MS if token.expires_at is None else token.expires_at,
        )
        return Admitted(principal=principal, account=account)

    # -- what is kept -----------------------------------------------------------------------

    def _recall(self, key: _Key) -> Principal | None:
        if key not in self._kept:
            return None
        kept, until = self._kept[key]
        if self._now_ms() >= min(until, kept.expires_at):
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept

    async def _remembered(self, key: _Key, reading: Awaitable[Admitted]) -> Principal:
        """What was read is kept, unless there were news while the store was reading."""
        changes = self._changes
        principal = (await reading).principal
        if changes == self._changes:
            self._forget(key)
            self._kept[key] = principal, self._now_ms() + KEEP_MS
            for subject in (principal.user, principal.family):
                self._keys_of.setdefault(subject, set()).add(key)
            if len(self._kept) > MAX_KEPT:
                self._forget(next(iter(self._kept)))
        return principal

    def _forget(self, key: _Key) -> None:
        if key not in self._kept:
            return
        principal, _ = self._kept.pop(key)
        for subject in (principal.user, principal.family):
            keys = self._keys_of[subject]
            keys.discard(key)
            if not keys:
                del self._keys_of[subject]


def _open(account: Account | None, user: UserId) -> Account:
    """The account, if one can act for it at all."""
    if account is None or account.id != user or account.closed:
        raise _signed_out()
    return account


def _digest(personal_token: str) -> bytes:
    digest = digest_of(personal_token)
    if digest is None:
        raise _unknown_token()
    return digest


def _signed_out() -> Refused:
    return Refused("unauthenticated", "signed out: sign in again")


def _unknown_token() -> Refused:
    return Refused("unauthenticated", "the token is unknown, revoked or expired")
