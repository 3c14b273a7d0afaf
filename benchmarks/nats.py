"""nats-server's WebSocket port as a peer, where Debian's package is installed."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cheap_socket import CheapSocket, OnFrame
from streamhub.transport.site import listen_socket

DELIVERY: Final = b"MSG bench "
"""What each delivery begins with; a frame may hold several."""

_CONNECT: Final = b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n'
_SUBSCRIBE: Final = b"SUB bench 1\r\nPING\r\n"
_START_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class NatsServer:
    url: str
    pid: int


@asynccontextmanager
async def started() -> AsyncIterator[NatsServer]:
    """A server of its own on free loopback ports."""
    plain, websocket = _free_port(), _free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nats.conf"
        file.write_text(
            f'listen: "127.0.0.1:{plain}"\n'
            f'websocket {{ listen: "127.0.0.1:{websocket}", no_tls: true }}\n'
            f'log_file: "{folder}/log"\n'
        )
        process = await asyncio.create_subprocess_exec("nats-server", "--config", str(file))
        try:
            server = NatsServer(f"http://127.0.0.1:{websocket}", process.pid)
            await _answers(server)
            yield server
        finally:
            process.terminate()
            await process.wait()


async def connect(server: NatsServer, on_frame: OnFrame, *, subscribe: bool) -> CheapSocket:
    """A client that is known to the server, and subscribed when asked to be."""
    pong = asyncio.get_running_loop().create_future()

    def before(socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        if data.find(b"PONG", begin, end) >= 0 and not pong.done():
            socket.on_frame = on_frame
            pong.set_result(None)

    socket = await CheapSocket.open(server.url, "/", before)
    socket.send(_CONNECT.removesuffix(b"PING\r\n") + _SUBSCRIBE if subscribe else _CONNECT)
    await asyncio.wait_for(pong, _START_S)
    return socket


def publish(payload: bytes) -> bytes:
    """The protocol's words for one message to all subscribers."""
    return b"PUB bench %d\r\n%b\r\n" % (len(payload), payload)


async def _answers(server: NatsServer) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            try:
                (await connect(server, lambda *_: None, subscribe=False)).close()
                return
            except OSError:
                await asyncio.sleep(0.05)


def _free_port() -> int:
    with listen_socket("127.0.0.1", 0, False) as sock:
        port: int = sock.getsockname()[1]
        return port
