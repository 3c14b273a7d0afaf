"""A TCP proxy that disturbs: it refuses, holds back what flows, cuts at once or after any byte."""

import asyncio
import itertools
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from support.polling import until

CHUNK_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """When a connection ends: after so many bytes of one direction; by RST or by FIN."""

    requests_bytes: int | None = None
    answers_bytes: int | None = None
    reset: bool = False


def anywhere(chance: random.Random, within_bytes: int) -> Callable[[], Cut]:
    """Cuts at any byte, of either direction, by either end a connection can have."""

    def draw() -> Cut:
        at, reset = chance.randrange(within_bytes), chance.random() < 0.5
        return Cut(at, None, reset) if chance.random() < 0.2 else Cut(None, at, reset)

    return draw


@dataclass
class FaultProxy:
    """Listens on `port` of loopback and passes on to its `targets` in turn, as its switches say."""

    targets: Sequence[Address]
    port: int = 0
    refuses: bool = False
    cuts: Callable[[], Cut] = Cut
    """Asked for each new connection."""
    requests_flow: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear it to hold back what clients say."""
    answers_flow: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear it to hold back what the server says."""
    ended: int = 0
    """Connections this proxy cut."""
    answered_bytes: int = 0
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, url: str) -> str:
        """The same URL by way of the proxy."""
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}").geturl()

    def flow(self) -> None:
        """Hold nothing back."""
        self.requests_flow.set()
        self.answers_flow.set()

    def cut(self) -> None:
        """End every connection; what was held back never arrives."""
        self.ended += len(self._writers) // 2
        for writer in self._writers:
            writer.transport.abort()

    async def _is_idle(self) -> bool:
        return not self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses or not self.targets:
            writer.transport.abort()
            return
        target = self.targets[next(self._turn) % len(self.targets)]
        try:
            to_reader, to_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.transport.abort()
            return
        cut, pair = self.cuts(), {writer, to_writer}
        self._writers |= pair
        pumps = [
            asyncio.create_task(
                self._pump(reader, to_writer, self.requests_flow, cut.requests_bytes)
            ),
            asyncio.create_task(
                self._pump(to_reader, writer, self.answers_flow, cut.answers_bytes)
            ),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if any(pump.result() for pump in done):
                self.ended += 1
                _end(pair, reset=cut.reset)
            await asyncio.wait(pumps)
        finally:
            _end(pair, reset=False)
            self._writers -= pair

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        flow: asyncio.Event,
        left: int | None,
    ) -> bool:
        """Until the end of either side; whether it was the cut."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await flow.wait()
                if flow is self.answers_flow:
                    self.answered_bytes += len(chunk)
                writer.write(chunk if left is None else chunk[:left])
                await writer.drain()
                if left is not None and (left := left - len(chunk)) <= 0:
                    return True
        writer.close()
        return False


def _end(writers: set[asyncio.StreamWriter], *, reset: bool) -> None:
    """Close in order, or with a reset that may overtake what was sent before."""
    for writer in writers:
        if reset and not writer.transport.is_closing():
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        writer.close()


@asynccontextmanager
async def running(proxy: FaultProxy) -> AsyncIterator[FaultProxy]:
    """Listen, until the end of the block."""
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.flow()
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.refuses = True
        proxy.flow()
        proxy.cut()
        await until(proxy._is_idle)
        await server.wait_closed()


@asynccontextmanager
async def fault_proxy(url: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the server of `url`."""
    async with running(FaultProxy([address_of(url)])) as proxy:
        yield proxy


def address_of(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
