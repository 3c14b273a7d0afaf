"""A listening port: sockets that hosts share, and HTTP connections that cannot be abused."""

import asyncio
import socket
import ssl
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web

from streamhub.transport.connection import Connection, strictly

BACKLOG: Final = 1024
MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 100
SLOW_BODY_S: Final = 30.0

_RUN_DRY_S: Final = 0.1


def listen_socket(host: str, port: int, reuse_port: bool) -> socket.socket:
    """A TCP socket bound to `host` and `port` (0 picks one), not listening yet.

    With `reuse_port` other sockets made so may share the port, and the kernel spreads connections
    over those that listen; holding one unused keeps the port. Raises OSError, naming the address.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, number)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return sock


class _Farewell:
    """An `on_response_prepare` signal: once `begun`, an answer is its connection's last."""

    begun = False

    async def __call__(self, _request: web.Request, response: web.StreamResponse) -> None:
        if self.begun and response.status != HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers[hdrs.CONNECTION] = "close"
            response.force_close()


class Site:
    """An application that is being served. Made by `run_site`."""

    def __init__(
        self,
        runner: web.AppRunner,
        server: asyncio.Server,
        sock: socket.socket,
        farewell: _Farewell,
    ) -> None:
        self._runner = runner
        self._server = server
        self._sock = sock
        self._farewell = farewell
        self.port: int = sock.getsockname()[1]

    @property
    def requests(self) -> int:
        """Requests that are being answered. Open WebSockets are not counted."""
        server = self._runner.server
        if server is None:
            return 0
        return sum(isinstance(c, Connection) and c.answers for c in server.connections)

    def say_goodbye(self) -> None:
        """From now on each answer ends its connection: the client opens the next one elsewhere."""
        self._farewell.begun = True

    def stop_accepting(self) -> None:
        """Take no new connections; those there are stay."""
        self._server.close()

    async def retire(self) -> None:
        """Take no new connections, and lose none that others who share the port can have.

        Closing a socket resets what waits in its backlog. With one of no length the kernel drops
        further handshakes instead, and the client repeats them a second later, elsewhere; what
        waits is taken meanwhile. Measured with a storm of 100 clients and a loop that was busy
        before: 19 to 66 connections lost by closing at once, 0 to 1 so.
        """
        if not self._server.is_serving():
            return
        self._sock.listen(0)
        await asyncio.sleep(_RUN_DRY_S)
        self._server.close()

    async def close(self) -> None:
        """Stop accepting, give requests in progress the shutdown time-out, then cut them."""
        self._server.close()
        await self._runner.cleanup()


async def run_site(
    app: web.Application,
    sock: socket.socket,
    *,
    keepalive_timeout_s: float,
    shutdown_timeout_s: float,
    slow_body_s: float = SLOW_BODY_S,
    tls: ssl.SSLContext | None = None,
) -> Site:
    """Serve `app` on `sock` (from `listen_socket`), which belongs to the site from then on.

    A connection that has not sent a whole request head within `keepalive_timeout_s` of being
    opened, or of the last answer, is closed, however busily it drips. A handler whose client is
    gone is cancelled: what must outlive its request belongs to an actor. A request whose body comes
    at less than 1 KiB/s for `slow_body_s` is cut. With `tls`, nothing else is spoken,
    and its handshake takes at most `keepalive_timeout_s` of its own.
    """
    farewell = _Farewell()
    app.on_response_prepare.append(farewell)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=shutdown_timeout_s)
    await runner.setup()
    manager = runner.server
    if manager is None:
        raise RuntimeError("the runner has no server after its setup")
    manager.request_handler = strictly(manager.request_handler, slow_body_s)
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {
        "keepalive_timeout": keepalive_timeout_s,
        "access_log": None,  # the observed middleware says more
        "auto_decompress": False,
        "max_line_size": MAX_LINE_BYTES,
        "max_field_size": MAX_LINE_BYTES,
        "max_headers": MAX_HEADERS,
    }
    make_connection = partial(Connection, manager, loop=loop, **options)
    server = await loop.create_server(
        make_connection,
        sock=sock,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=keepalive_timeout_s if tls else None,
    )
    return Site(runner, server, sock, farewell)
