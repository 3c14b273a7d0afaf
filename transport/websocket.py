"""From an HTTP request to a client's socket, and all sockets of the host."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog
from aiohttp import hdrs, web

from streamhub.domain.errors import Refused, TryAgain
from streamhub.protocol.close_codes import CloseCode, reason
from streamhub.protocol.codec import CODECS, Codec
from streamhub.telemetry import Metrics
from streamhub.transport.client_socket import ClientSocket
from streamhub.transport.framed_socket import FramedSocket
from streamhub.transport.lobby import Lobby
from streamhub.transport.proxies import remote_of
from streamhub.transport.upgraded import UpgradedResponse

log = structlog.get_logger()

PATH: Final = "/v1/ws"
MARGIN_S: Final = 1.0
"""How long after its own delay a client that was told to leave is closed."""

_TICK_S: Final = 1.0

MakeSocket = Callable[[Lobby, Codec, web.Request, UpgradedResponse, str], FramedSocket]


class Sockets:
    """The sockets of one host: lets them in, ticks them, ends them."""

    def __init__(
        self,
        lobby: Lobby,
        metrics: Metrics,
        *,
        allowed_origins: tuple[str, ...],
        unauthenticated_per_address: int,
        others: Mapping[str, MakeSocket] = MappingProxyType({}),
    ) -> None:
        """`others`: sockets that are not for chat, by their paths."""
        self._kinds: dict[str, MakeSocket] = {PATH: ClientSocket, **others}
        self._lobby = lobby
        self._metrics = metrics
        self._origins = frozenset(allowed_origins)
        self._per_address = unauthenticated_per_address
        self._waiting: Counter[str] = Counter()
        self._sockets: set[FramedSocket] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._leave_by: float | None = None

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[FramedSocket]:
        return iter(tuple(self._sockets))

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(path, partial(self.handle, make)) for path, make in self._kinds.items()]

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    async def handle(self, make: MakeSocket, request: web.Request) -> web.StreamResponse:
        """Upgrade, or say why not: forbidden, rate_limited, unavailable, bad_request."""
        self._check_origin(request)
        if self._closed or self._leaving_in_s() == 0.0:
            raise TryAgain("unavailable", "this host is draining", retry_after_ms=1000)
        address = remote_of(request)
        if self._waiting[address] >= self._per_address:
            detail = "too many sockets of your address are waiting for auth"
            raise TryAgain("rate_limited", detail, retry_after_ms=1000)
        response = UpgradedResponse(
            protocols=tuple(CODECS), max_message_bytes=self._lobby.max_frame_bytes
        )
        if not response.can_prepare(request).ok:
            raise Refused("bad_request", "this address speaks WebSocket only")
        await response.prepare(request)
        codec = CODECS.get(response.ws_protocol or "")
        if codec is None:
            code = CloseCode.VERSION_UNSUPPORTED
            await response.close(code=code, message=reason(code).encode())
            return response
        await self._serve(make(self._lobby, codec, request, response, address), address)
        return response

    async def _serve(self, socket: FramedSocket, address: str) -> None:
        self._sockets.add(socket)
        self._waiting[address] += 1
        socket.on_open = lambda: self._opened(socket, address)
        self._metrics.sockets_open.inc()
        try:
            await socket.serve()
        finally:
            self._metrics.sockets_open.dec()
            self._sockets.discard(socket)
            if not socket.authenticated:
                self._let_in(address)

    def _opened(self, socket: FramedSocket, address: str) -> None:
        self._let_in(address)
        if (within_s := self._leaving_in_s()) is not None:
            self._send_away(socket, within_s)

    def _let_in(self, address: str) -> None:
        self._waiting[address] -= 1
        if self._waiting[address] <= 0:
            del self._waiting[address]

    def _check_origin(self, request: web.Request) -> None:
        """Browsers say where a page came from; others say nothing. The list is exact."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in self._origins:
            raise Refused("forbidden", "pages of this origin may not open sockets here")

    # -- all of them ------------------------------------------------------------------------

    def revoke(self, subject: str) -> None:
        """Close the sockets of a user or a session family whose tokens were revoked."""
        for socket in self:
            principal = socket.principal
            if principal and subject in (principal.user, principal.family):
                socket.end(CloseCode.SESSION_REVOKED)

    def rights_changed(self, user: str) -> None:
        """Have the sockets of this user learn what they may do by now."""
        for socket in self:
            if socket.principal and socket.principal.user == user:
                socket.rights_changed()

    def drain(self, over_s: float) -> None:
        """Tell each to come back elsewhere within `over_s`, and close those that stay.

        Who comes meanwhile is let in, as the port may still be ours, and told the same; who comes
        later is refused.
        """
        loop = asyncio.get_running_loop()
        self._leave_by = loop.time() + over_s
        for socket in self:
            if socket.authenticated:
                self._send_away(socket, over_s)
        loop.call_later(over_s + MARGIN_S, self._end_all)

    def _send_away(self, socket: FramedSocket, within_s: float) -> None:
        after_s = random.uniform(0, within_s)  # noqa: S311 - spreads the reconnects
        socket.drain(int(after_s * 1000))
        # A client that leaves by itself has its answers first; only those that do not are closed.
        asyncio.get_running_loop().call_later(after_s + MARGIN_S, socket.end, CloseCode.DRAINING)

    def _leaving_in_s(self) -> float | None:
        """Seconds in which all must have left; None while they need not."""
        if self._leave_by is None:
            return None
        return max(0.0, self._leave_by - asyncio.get_running_loop().time())

    def _end_all(self) -> None:
        for socket in self:
            socket.end(CloseCode.DRAINING)

    async def close(self, code: CloseCode) -> None:
        """Close all that are left."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(socket.close(code) for socket in self))

    def _tick(self) -> None:
        for socket in self:
            socket.tick()
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
