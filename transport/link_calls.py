"""How a link comes about: a host calls, the other answers, and both prove who they are."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

import aiohttp
import structlog
from aiohttp import web

from streamhub.config import Secret
from streamhub.domain.ids import HostId
from streamhub.transport.link_batches import MAX_BATCH_BYTES
from streamhub.transport.link_ends import DEAD_AFTER_S
from streamhub.transport.link_handshake import Hello, LinkRefused, Socket, Versions, answer, call
from streamhub.transport.link_socket import CLOSE_S

log = structlog.get_logger()

PATH: Final = "/link"

NOT_LINKED: Final = (
    aiohttp.ClientError,
    LinkRefused,
    OSError,
    TimeoutError,
    TypeError,
    ValueError,
)
"""What a call may raise when there is to be no link."""


class Tls(Protocol):
    """See `link_tls.LinkTls`."""

    @property
    def client(self) -> ssl.SSLContext: ...

    def explain(self, error: Exception) -> str: ...


class Called(NamedTuple):
    """A socket to a peer that is who it should be, and the version that both speak on it."""

    socket: Socket
    peer: HostId
    version: int


class Calls:
    """The calls of one host, and its answers."""

    def __init__(
        self,
        host: HostId,
        secret: Secret,
        *,
        address: Callable[[HostId], str | None],
        tls: Tls | None,
        spoken: Versions,
    ) -> None:
        self._host = host
        self._key = secret.reveal().encode()
        self._address = address
        self._tls = tls
        self._spoken = spoken
        self._http: aiohttp.ClientSession | None = None

    def start(self) -> None:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEAD_AFTER_S))

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    def knows(self, peer: HostId) -> bool:
        """Whether it has an address."""
        return self._address(peer) is not None

    async def call(self, peer: HostId) -> Called:
        """Dial a peer. Raises one of NOT_LINKED; within DEAD_AFTER_S it knows."""
        async with asyncio.timeout(DEAD_AFTER_S):
            socket = await self._connected(peer)
            try:
                version = await call(socket, self._key, self._host, peer, self._spoken)
            except BaseException:
                await socket.close()
                raise
            return Called(socket, peer, version)

    async def _connected(self, peer: HostId) -> aiohttp.ClientWebSocketResponse:
        address = self._address(peer)
        if address is None or self._http is None:
            raise LinkRefused("its address is not known")
        return await self._http.ws_connect(
            f"{'https' if self._tls else 'http'}://{address}{PATH}",
            ssl=self._tls.client if self._tls else True,
            max_msg_size=MAX_BATCH_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )

    async def answer(
        self, socket: web.WebSocketResponse, refusal: Callable[[Hello], Awaitable[str]]
    ) -> Called | None:
        """Who called; the socket is closed when that is nobody. `refusal` gives a reason or
        nothing."""
        try:
            async with asyncio.timeout(DEAD_AFTER_S):
                peer, version = await answer(socket, self._key, refusal, self._spoken)
        except NOT_LINKED as error:
            log.info("link.not_accepted", error=str(error) or repr(error))
            await socket.close()
            return None
        return Called(socket, peer, version)

    def explain(self, error: Exception) -> str:
        """Why a call made no link."""
        return self._tls.explain(error) if self._tls else str(error) or repr(error)


async def socket_of(request: web.Request) -> web.WebSocketResponse:
    """The caller's socket, before it said who it is."""
    socket = web.WebSocketResponse(max_msg_size=MAX_BATCH_BYTES, compress=False, timeout=CLOSE_S)
    await socket.prepare(request)
    return socket
