"""The server's REST routes that a client needs."""

from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from streamhub.client.errors import ConfirmByMail, Refused, Unreachable
from streamhub.protocol.accounts import LogIn, Refresh, Register, SignedIn
from streamhub.protocol.files import FileObject
from streamhub.protocol.frames import Outgoing, Problem, UserObject
from streamhub.protocol.own_account import ConfirmRegistration

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)

T = TypeVar("T")


class _Users(Outgoing, frozen=True, kw_only=True):
    items: tuple[UserObject, ...]


class HttpApi:
    """One server, by its address: `http://...` or `https://...`.

    Use it as a context manager; it holds the connections. Everything raises Refused and
    Unreachable.
    """

    def __init__(self, url: str) -> None:
        self.url = URL(url)
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise ValueError(f"a server's address begins with http:// or https://, not {url!r}")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use HttpApi as a context manager: async with HttpApi(url) as api")
        return self._session

    async def register(self, *, email: str, handle: str, name: str, password: str) -> SignedIn:
        """Make an account and sign in. Raises ConfirmByMail where the address must be confirmed
        first."""
        body = Register(email=email, handle=handle, name=name, password=password)
        answer = await self._call("POST", "v1/auth/register", body=body)
        if b"access_token" not in answer:
            raise ConfirmByMail("a mail has a link for you: confirm your address with it")
        return _decoded(answer, SignedIn)

    async def confirm_registration(self, link: str, handle: str | None = None) -> SignedIn:
        """Sign in for the first time by the link of a mail, or what follows its `#`."""
        body = ConfirmRegistration(link=link.rpartition("#")[2], handle=handle)
        answer = await self._call("POST", "v1/auth/register/confirm", body=body)
        return _decoded(answer, SignedIn)

    async def log_in(self, login: str, password: str, code: str | None = None) -> SignedIn:
        """Sign in; `login` is a handle or an e-mail address, `code` that of a second factor."""
        body = LogIn(login=login, password=password, code=code)
        return _decoded(await self._call("POST", "v1/auth/login", body=body), SignedIn)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """New tokens; the old refresh token is used up."""
        body = Refresh(refresh_token=refresh_token)
        return _decoded(await self._call("POST", "v1/auth/refresh", body=body), SignedIn)

    async def log_out(self, refresh_token: str) -> None:
        """End the session of this token and of all that came from the same sign-in."""
        await self._call("POST", "v1/auth/logout", body=Refresh(refresh_token=refresh_token))

    async def user(self, user_id: str, token: str) -> UserObject:
        return _decoded(await self._call("GET", f"v1/users/{user_id}", token=token), UserObject)

    async def user_by_handle(self, handle: str, token: str) -> UserObject | None:
        query = {"handle": handle.lower()}
        answer = await self._call("GET", "v1/users", token=token, query=query)
        found = _decoded(answer, _Users)
        return found.items[0] if found.items else None

    async def file(self, file: str, token: str) -> FileObject:
        return _decoded(await self._call("GET", f"v1/files/{file}", token=token), FileObject)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: msgspec.Struct | None = None,
        token: str | None = None,
        query: dict[str, str] | None = None,
    ) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data: bytes | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        url = (self.url / path).with_query(query)
        try:
            async with self.session.request(
                method, url, headers=headers, data=data, allow_redirects=False
            ) as response:
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"cannot reach {self.url}: {_reason(error)}") from None
        if status >= 300:
            raise Refused(_decoded(answer, Problem))
        return answer


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error)


def _decoded(answer: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreachable("whatever answers there is not a StreamHub server") from None
