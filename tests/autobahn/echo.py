"""The edge's socket handling with nothing behind it: what comes in goes back out.

Upgraded, read and written as `streamhub.transport.client_socket` does, and listening as every host
does. Alone it prints its port and serves until it is ended: `python tests/autobahn/echo.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop
from aiohttp import WSMsgType, web

from streamhub.transport.framing import frame, pong
from streamhub.transport.site import listen_socket, run_site
from streamhub.transport.upgraded import UpgradedResponse

MAX_MESSAGE_BYTES = (
    16 << 20
)  # the most `max_frame_bytes` may be set to, and the most Autobahn sends


async def echo(request: web.Request) -> web.StreamResponse:
    response = UpgradedResponse(max_message_bytes=MAX_MESSAGE_BYTES)
    await response.prepare(request)
    transport = request.transport
    assert transport is not None
    while True:
        message = await response.receive()
        match message.type:
            case WSMsgType.BINARY:
                transport.write(frame(message.data, binary=True))
            case WSMsgType.TEXT:
                transport.write(frame(message.data.encode(), binary=False))
            case WSMsgType.PING:
                transport.write(pong(message.data))
            case WSMsgType.PONG:
                pass
            case _:
                return response


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """The port of a running one."""
    app = web.Application()
    app.router.add_get("/", echo)
    sock = listen_socket("127.0.0.1", 0, False)
    site = await run_site(app, sock, keepalive_timeout_s=10, shutdown_timeout_s=0.2)
    try:
        yield site.port
    finally:
        await site.close()


async def main() -> None:
    async with echo_server() as port:
        print(port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
