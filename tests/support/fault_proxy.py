"""A TCP proxy that disturbs: it refuses, holds back what flows, or cuts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from support.polling import until

CHUNK_BYTES = 65_536


@dataclass
class FaultProxy:
    """Listens on `port` of loopback and passes on to `host:to_port`, as its switches say."""

    host: str
    to_port: int
    port: int = 0
    refuses: bool = False
    answers_flow: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear it to hold back what the server says."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, url: str) -> str:
        """The same URL by way of the proxy."""
        parts = urlsplit(url)
        user = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    def cut(self) -> None:
        """End every connection; what was held back never arrives."""
        for writer in self._writers:
            writer.transport.abort()

    async def _is_idle(self) -> bool:
        return not self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        with suppress(OSError):
            to_reader, to_writer = await asyncio.open_connection(self.host, self.to_port)
            self._writers |= {writer, to_writer}
            await asyncio.gather(
                self._pump(reader, to_writer, answers=False),
                self._pump(to_reader, writer, answers=True),
            )
            self._writers -= {writer, to_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if answers:
                    await self.answers_flow.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def fault_proxy(url: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the server of `url`."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = FaultProxy(parts.hostname, parts.port)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.answers_flow.set()
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.answers_flow.set()
        proxy.cut()
        await server.wait_closed()
        await until(proxy._is_idle)
