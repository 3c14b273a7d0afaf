"""The gate: who a request or a socket speaks for."""

from collections.abc import Callable

from streamhub.domain.accounts import Account
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyStore
from streamhub.domain.tokens import Caller, Revocations, TokenVerifier


class Gate:
    """Lets in who holds a valid access token.

    `caller` knows of a revocation as soon as this host does (within a second); `admit` asks the
    store, for what lives long. Both raise Refused("unauthenticated") and Refused("token_expired").
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        revocations: Revocations,
        families: FamilyStore,
        now_ms: Callable[[], int],
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._families = families
        self._now_ms = now_ms

    def caller(self, token: str) -> Caller:
        """Who the token speaks for. Reads nothing."""
        caller = self._verifier.verify(token, self._now_ms())
        if self._revocations.is_revoked(caller):
            raise _signed_out()
        return caller

    async def admit(self, token: str) -> tuple[Caller, Account]:
        """Who may open a socket, and the account as it is now.

        Raises TryAgain("unavailable") when the store is away.
        """
        caller = self.caller(token)
        account = await self._families.signed_in(caller.family)
        # Asked again: the log may have brought news while the store was reading.
        if account is None or account.id != caller.user or self._revocations.is_revoked(caller):
            raise _signed_out()
        return caller, account


def _signed_out() -> Refused:
    return Refused("unauthenticated", "signed out: sign in again")
