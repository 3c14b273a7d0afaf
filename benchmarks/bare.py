"""The peer: a bare aiohttp server on uvloop that does what StreamHub's sockets do, and no more.

`python -m benchmarks.bare JSON` with `auth_secret`. `/fanout` writes what the publisher sends to
every other socket; `/handshake` checks one token and then sits there.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import uvloop
from aiohttp import WSMsgType, web

from benchmarks.processes import serve_words
from streamhub.config import Settings
from streamhub.domain.tokens import AUDIENCE
from streamhub.transport.framing import frame
from streamhub.transport.site import listen_socket


class Fanout:
    """Whoever says `listen` hears what others say: framed once and written to each transport; or
    (`/joined`) what came in one loop pass joined for each; or (`/send`) by aiohttp's own
    `send_bytes`."""

    def __init__(self) -> None:
        self._sockets: dict[web.WebSocketResponse, Any] = {}
        self._waiting: dict[Any, list[bytes]] = {}

    async def raw(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, self._write_now)

    async def joined(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, self._write_soon)

    async def by_aiohttp(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, self._send)

    async def _serve(
        self, request: web.Request, spread: Callable[[bytes], Awaitable[None]]
    ) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is not WSMsgType.BINARY:
                    break
                if message.data == b"listen":
                    self._sockets[socket] = request.transport
                    await socket.send_bytes(b"listening")
                else:
                    await spread(message.data)
        finally:
            self._sockets.pop(socket, None)
        return socket

    async def _send(self, payload: bytes) -> None:
        for socket in tuple(self._sockets):
            await socket.send_bytes(payload)

    async def _write_now(self, payload: bytes) -> None:
        framed = frame(payload, binary=True)
        for transport in tuple(self._sockets.values()):
            transport.write(framed)

    async def _write_soon(self, payload: bytes) -> None:
        framed = frame(payload, binary=True)
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        for transport in self._sockets.values():
            self._waiting.setdefault(transport, []).append(framed)

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for transport, frames in waiting.items():
            transport.write(b"".join(frames))


class Handshake:
    """One token check, as PyJWT's manual has it, then silence."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._issuer = Settings().auth.issuer

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            jwt.decode(
                message.data,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=self._issuer,
            )
            await socket.send_bytes(b"ready")
        return socket


async def run(arguments: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    fanout, handshake = Fanout(), Handshake(arguments["auth_secret"])
    app = web.Application()
    app.add_routes(
        [
            web.get("/fanout", fanout.raw),
            web.get("/joined", fanout.joined),
            web.get("/send", fanout.by_aiohttp),
            web.get("/handshake", handshake.serve),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    listening = listen_socket("127.0.0.1", 0, False)
    await web.SockSite(runner, listening, backlog=1024).start()

    async def collect() -> dict[str, Any]:
        return {"collected": gc.collect()}

    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    await serve_words({"url": url, "pid": os.getpid()}, {"collect": collect})
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(run(json.loads(sys.argv[1])))
