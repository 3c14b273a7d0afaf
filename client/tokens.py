"""Access tokens, renewed before they run out."""

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from streamhub.client.errors import ClientError, Refused
from streamhub.client.http import HttpApi
from streamhub.protocol.accounts import SignedIn

_MARGIN_S: Final = 60.0
_LOG_OUT_WITHIN_S: Final = 3.0


class TokenSource(Protocol):
    """Where a client gets its access tokens from."""

    async def token(self, refused: str | None = None) -> str:
        """A token that is good now, and another one than `refused`, which is not any more.

        Raises ClientError; a Refused that is not worth retrying ends the client.
        """
        ...

    async def close(self) -> None:
        """No more tokens are needed."""
        ...


class AccountTokens:
    """The tokens of one account: of a sign-in just made, or by login and password.

    Renewed by the refresh token, each of which works once; if that is refused and the password is
    known, by signing in again. `close` signs out.
    """

    def __init__(
        self,
        api: HttpApi,
        *,
        signed_in: SignedIn | None = None,
        login: str | None = None,
        password: str | None = None,
    ) -> None:
        if signed_in is None and (login is None or password is None):
            raise ValueError("give a sign-in, or login and password")
        self._api = api
        self._login = login
        self._password = password
        self._held = signed_in
        self._renew_at_s: float | None = None
        self._renewing = asyncio.Lock()

    async def token(self, refused: str | None = None) -> str:
        """See TokenSource. Whoever asks while a renewal is under way gets its outcome."""
        async with self._renewing:
            if self._held is None or self._worn(self._held, refused):
                self._held = await self._renewed(self._held)
                self._renew_at_s = _renew_at_s(self._held)
            return self._held.access_token

    async def close(self) -> None:
        """Sign out, if the server can be told."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(ClientError, TimeoutError):  # the refresh token runs out by itself
                async with asyncio.timeout(_LOG_OUT_WITHIN_S):
                    await self._api.log_out(held.refresh_token)

    def _worn(self, held: SignedIn, refused: str | None) -> bool:
        if self._renew_at_s is None:
            self._renew_at_s = _renew_at_s(held)
        now_s = asyncio.get_running_loop().time()
        return held.access_token == refused or now_s >= self._renew_at_s

    async def _renewed(self, held: SignedIn | None) -> SignedIn:
        if held is not None:
            try:
                return await self._api.refresh(held.refresh_token)
            except Refused as error:
                if error.retry or self._password is None:
                    raise
        if self._login is None or self._password is None:
            raise RuntimeError("these tokens were closed")
        return await self._api.log_in(self._login, self._password)


def _renew_at_s(held: SignedIn) -> float:
    margin_s = min(_MARGIN_S, held.expires_in / 4)
    return asyncio.get_running_loop().time() + held.expires_in - margin_s
