"""The socket of a link that is open: whole batches, straight to and from its transport.

aiohttp's own way wakes a task at either end for every message, through its queue and its writer:
that was 80 of the 90 us of CPU that an envelope cost which travels alone. Here a batch is framed
and written in the call that sends it, and taken in the call that brings its bytes; aiohttp has made
the connection, parses what comes, and closes it in the end.
"""

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSCloseCode, WSMsgType

from streamhub.transport.framing import frame, masked_frame
from streamhub.transport.link_ends import DEAD_AFTER_S, IN_ORDER, End
from streamhub.transport.link_handshake import Socket

CLOSE_S: Final = 0.5
"""A peer that does not answer a close within this is gone anyway."""


class LinkSocket(asyncio.Protocol):
    """Stands between the transport and aiohttp's protocol from the handshake to the close.

    `took` gets each batch. `writable` is called at the start, and when the transport takes more
    again after it was `full`. Neither is called once the link has ended.
    """

    def __init__(
        self, socket: Socket, took: Callable[[bytes], None], writable: Callable[[], None]
    ) -> None:
        self._socket = socket
        self._took = took
        self._writable = writable
        self._arrived: Any = socket._reader
        self._transport: asyncio.Transport = socket._writer.transport  # type: ignore[union-attr]
        self._aiohttp: Any = self._transport.get_protocol()
        self._masks = isinstance(socket, aiohttp.ClientWebSocketResponse)
        self._ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.full = False

    async def carry(self) -> End:
        """Until the link ends: why it did."""
        _end_if_unread(self._transport)
        self._transport.set_protocol(self)
        try:
            self._writable()  # what was sent while the link was dialled
            self._take()  # what came with the handshake
            return await self._ended
        finally:
            self.end("broken")
            self._transport.set_protocol(self._aiohttp)

    def write(self, batch: bytes) -> None:
        """Write a batch, unless the connection is closing. When `full`, better wait."""
        if not self._transport.is_closing():
            self._transport.write(masked_frame(batch) if self._masks else frame(batch, binary=True))

    def end(self, end: End) -> None:
        """Have `carry` return; what comes later is not taken."""
        if not self._ended.done():
            self._ended.set_result(end)

    async def close(self, end: End) -> None:
        """Tell the peer whether the link ended in order; one that takes nothing is not told."""
        code = WSCloseCode.OK if end in IN_ORDER else WSCloseCode.INTERNAL_ERROR
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(2 * CLOSE_S):
                await self._socket.close(code=code, message=end.encode())

    # -- what the transport calls --------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._aiohttp.data_received(data)
        self._take()

    def eof_received(self) -> bool | None:
        more: bool | None = self._aiohttp.eof_received()
        return more

    def connection_lost(self, exc: Exception | None) -> None:
        self._aiohttp.connection_lost(exc)
        self.end("broken")

    def pause_writing(self) -> None:
        self.full = True
        self._aiohttp.pause_writing()

    def resume_writing(self) -> None:
        self.full = False
        self._aiohttp.resume_writing()
        if not self._ended.done():
            self._writable()

    def _take(self) -> None:
        """All messages that aiohttp has parsed. Nobody waits in its `receive`, which would be woken
        for each."""
        while self._arrived._buffer and not self._ended.done():
            message = _first(self._arrived)
            if message.type is WSMsgType.BINARY:
                self._took(message.data)
            elif message.type is WSMsgType.CLOSE:
                self.end("closed" if message.data == WSCloseCode.OK else "broken")
            elif message.type not in (WSMsgType.PING, WSMsgType.PONG):
                self.end("broken")
        if self._arrived.exception() is not None:  # no frame, or too large a message
            self.end("broken")


def _first(arrived: Any) -> aiohttp.WSMessage:
    """The first of the messages that are there: `read` waits for nothing then."""
    try:
        arrived.read().send(None)
    except StopIteration as read:
        message: aiohttp.WSMessage = read.value
        return message
    raise AssertionError("aiohttp waits for a message that has come")


def _end_if_unread(transport: asyncio.BaseTransport) -> None:
    """Have the kernel end a connection whose peer takes nothing: closing it would wait for that."""
    tcp = transport.get_extra_info("socket")
    if tcp is not None:
        wait_ms = int(DEAD_AFTER_S * 1000)
        tcp.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, wait_ms)
