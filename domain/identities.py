"""Log-in by an OpenID Connect provider: whose word on who somebody is counts here.

    client            StreamHub                      provider
    start     ---->   a request, kept 10 minutes
              <----   its name, and the page to open
    opens the page  ------------------------------>  asks who it is
    the redirect URI gets code and state  <--------
    finish    ---->   code and verifier  --------->
              <----   tokens of ours     <---------  signed: issuer, subject, nonce

The name of the request stays with the client that began: a code that was slipped to somebody else
opens nothing there. PKCE (RFC 7636) and the nonce tie the code and the token to the request.
"""

from typing import Final, Protocol

import msgspec

from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

LIFE_S: Final = 600


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of somebody. Issuer and subject name them for ever; the rest may
    change. `email` is one the provider has confirmed."""

    issuer: str
    subject: str
    email: str | None = None
    name: str = ""
    handle: str = ""

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Identity({self.issuer})"


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """An identity that opens an account, since `linked_at` (ms)."""

    issuer: str
    subject: str
    linked_at: int


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in on its way through a provider. With `user` it adds the identity to that account."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    user: UserId | None = None

    def __repr__(self) -> str:
        return "Authorization(...)"


class IdentityProvider(Protocol):
    """A provider. Both raise TryAgain("unavailable") when it is away."""

    async def page(self, authorization: Authorization) -> str:
        """The URL to open in a browser."""
        ...

    async def identity(self, authorization: Authorization, code: str) -> Identity:
        """Who it was. Raises Refused("unauthenticated") for what the provider does not confirm."""
        ...


class AuthorizationStore(Protocol):
    """Log-ins on their way; may be lost. Both raise TryAgain("unavailable")."""

    async def put(self, request: str, authorization: Authorization, life_s: int) -> None: ...

    async def take(self, request: str) -> Authorization | None:
        """Once."""
        ...


class IdentityStore(Protocol):
    """Which identity opens which account. All raise TryAgain("unavailable")."""

    async def user_of(self, issuer: str, subject: str) -> UserId | None: ...

    async def of(self, user: UserId) -> tuple[Linked, ...]: ...

    async def link(self, user: UserId, linked: Linked, event: AuditEvent) -> None:
        """Again is no change. Raises Refused("conflict") when it opens another account."""
        ...

    async def unlink(self, user: UserId, issuer: str, subject: str, event: AuditEvent) -> bool:
        """False when the account has no such identity."""
        ...


def opens_another() -> Refused:
    return Refused("conflict", "this identity opens another account here already")
