"""Signing in by an OpenID Connect provider, and linking its identities to accounts."""

import base64
import re
from collections.abc import Callable, Container
from typing import Final

from streamhub.domain.accounts import Account, AccountStore, check_name
from streamhub.domain.audit import AuditLog
from streamhub.domain.errors import Refused
from streamhub.domain.identities import (
    LIFE_S,
    Authorization,
    AuthorizationStore,
    Identity,
    IdentityProvider,
    IdentityStore,
    Linked,
)
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.log_ins import Grant
from streamhub.domain.origin import Origin
from streamhub.domain.sign_in import Registration, SignIn

_NO_HANDLE: Final = re.compile(r"[^a-z0-9_.-]+")
_EDGES: Final = "_.-"
_HANDLE_ROOM: Final = 26
_TRIES: Final = 5


class Federation:
    """Log-ins through one provider. `redirects`: where it may send people back to, exactly.

    Everything here raises TryAgain("unavailable") when a store or the provider is away.
    """

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        authorizations: AuthorizationStore,
        identities: IdentityStore,
        accounts: AccountStore,
        sign_in: SignIn,
        audit: AuditLog,
        redirects: Container[str],
        registration: Registration,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._provider = provider
        self._authorizations = authorizations
        self._identities = identities
        self._accounts = accounts
        self._sign_in = sign_in
        self._audit = audit
        self._redirects = redirects
        self._registration = registration
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def start(self, redirect_uri: str, user: UserId | None = None) -> tuple[str, str]:
        """The page to open, and the name of the request; with `user`, to add an identity to that
        account. Raises Refused("bad_request")."""
        if redirect_uri not in self._redirects:
            raise Refused("bad_request", "must be one the server is set to", field="redirect_uri")
        authorization = Authorization(
            state=self._secret(16),
            nonce=self._secret(16),
            verifier=self._secret(32),
            redirect_uri=redirect_uri,
            user=user,
        )
        request = self._secret(32)
        page = await self._provider.page(authorization)
        await self._authorizations.put(request, authorization, LIFE_S)
        return page, request

    async def sign_in(
        self, request: str, state: str, code: str, second: str | None, origin: Origin
    ) -> Grant:
        """Sign in, with a new account where registration is open to all. Raises Refused:
        unauthenticated, forbidden, second_factor_required, conflict."""
        try:
            identity = await self._identity(request, state, code, None)
            account = await self._account_of(identity, origin)
        except Refused as error:
            await self._sign_in.note_failure(origin, f"OpenID: {error.detail}")
            raise
        return await self._sign_in.finish(account, second, origin, f"OpenID {identity.issuer}")

    async def link(
        self, user: UserId, request: str, state: str, code: str, origin: Origin
    ) -> Linked:
        """Add the identity to the user's account. Raises Refused: unauthenticated, conflict."""
        identity = await self._identity(request, state, code, user)
        return await self._link(user, identity, origin)

    async def of(self, user: UserId) -> tuple[Linked, ...]:
        """The identities that open the user's account."""
        return await self._identities.of(user)

    async def unlink(
        self, account: Account, linked: tuple[str, str], proof: str | None, origin: Origin
    ) -> None:
        """Take one away, unless nothing else would open the account. Raises Refused: not_found,
        conflict, unauthenticated."""
        await self._sign_in.prove(account, proof, origin)
        others = [one for one in await self.of(account.id) if (one.issuer, one.subject) != linked]
        if not others and account.email is None and not await self._sign_in.has_password(account):
            raise Refused("conflict", "nothing else opens your account: choose a password first")
        event = origin.event(
            "identity.unlinked", self._now_ms(), actor=account.id, target=account.id
        )
        if not await self._identities.unlink(account.id, *linked, event):
            raise Refused("not_found", "you have no such identity")

    # -- private ----------------------------------------------------------------------------

    async def _identity(self, request: str, state: str, code: str, user: UserId | None) -> Identity:
        authorization = await self._authorizations.take(request)
        if authorization is None or (authorization.state, authorization.user) != (state, user):
            raise Refused("unauthenticated", "the log-in is unknown, was used, or took too long")
        return await self._provider.identity(authorization, code)

    async def _account_of(self, identity: Identity, origin: Origin) -> Account:
        user = await self._identities.user_of(identity.issuer, identity.subject)
        account = None if user is None else await self._accounts.account(user)
        if account is not None and account.closed:
            raise Refused("unauthenticated", "the account is closed")
        return account or await self._registered(identity, origin)

    async def _link(self, user: UserId, identity: Identity, origin: Origin) -> Linked:
        now_ms = self._now_ms()
        linked = Linked(issuer=identity.issuer, subject=identity.subject, linked_at=now_ms)
        event = origin.event("identity.linked", now_ms, actor=user, target=user)
        await self._identities.link(user, linked, event)
        return linked

    async def _registered(self, identity: Identity, origin: Origin) -> Account:
        """A new account for somebody the provider knows. An address another account has is not
        taken over: its owner links the identity once signed in."""
        if self._registration != "open":
            raise Refused("forbidden", "no account here is linked to this identity")
        now_ms = self._now_ms()
        for attempt in range(_TRIES):
            account = Account(
                id=UserId(make_id(USER, now_ms, self._random_bytes(RANDOM_BYTES))),
                handle=self._handle(identity, attempt),
                name=_name(identity),
                email=identity.email,
                role="user",
                created_at=now_ms,
                email_confirmed_at=now_ms if identity.email else None,
            )
            try:
                await self._accounts.create(account, None)
            except Refused as error:
                if error.code != "conflict" or attempt == _TRIES - 1:
                    raise
                continue
            await self._link(account.id, identity, origin)
            event = origin.event("account.registered", now_ms, actor=account.id, target=account.id)
            await self._audit.record(event)
            return account
        raise AssertionError("the last try returns or raises")

    def _handle(self, identity: Identity, attempt: int) -> str:
        wished = identity.handle or (identity.email or "").partition("@")[0] or "user"
        handle = _NO_HANDLE.sub("-", wished.lower())[:_HANDLE_ROOM].strip(_EDGES)
        if attempt == 0 and len(handle) >= 2:
            return handle
        return f"{handle or 'user'}-{self._random_bytes(2).hex()}"

    def _secret(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(count)).rstrip(b"=").decode()


def _name(identity: Identity) -> str:
    for name in (identity.name, identity.handle):
        try:
            return check_name(name)
        except Refused:
            continue
    return "New member"
