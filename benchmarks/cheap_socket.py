"""A WebSocket client that costs next to nothing, so that the server is what is measured.

It counts frames where they lie and copies none. What it sends is masked with zeros, which leaves
the payload as it is; the server unmasks it like any other.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

CONNECT_TIMEOUT_S: Final = 30.0

OnFrame = Callable[["CheapSocket", bytes, int, int], None]
"""Called with the socket and where in the bytes the payload of a frame begins and ends."""

_NO_MASK: Final = bytes(4)


class NotUpgraded(Exception):
    """The server did not answer the handshake with 101."""


class CheapSocket(asyncio.Protocol):
    """One connection. `frames` counts the messages that came since it was last set to 0."""

    __slots__ = (
        "_head",
        "_rest",
        "_transport",
        "closed",
        "frames",
        "number",
        "on_frame",
        "opened",
    )

    def __init__(self, on_frame: OnFrame) -> None:
        self.on_frame = on_frame
        self.frames = 0
        self.number = 0
        self.closed = False
        self._rest = b""
        self._head: bytes | None = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls, url: str, path: str, on_frame: OnFrame, protocol: str = ""
    ) -> "CheapSocket":
        """Connect and upgrade. Raises OSError, TimeoutError, NotUpgraded."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, socket = await loop.create_connection(
                lambda: cls(on_frame), parts.hostname or "", parts.port or 80
            )
            socket._upgrade(parts.netloc, path, protocol)
            await socket.opened
        return socket

    def send(self, *payloads: bytes) -> None:
        """One binary message each, in one write."""
        assert self._transport is not None
        self._transport.write(b"".join(_masked(payload) for payload in payloads))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _upgrade(self, host: str, path: str, protocol: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        assert self._transport is not None
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    # -- asyncio.Protocol -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(NotUpgraded("the server hung up"))

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            data = self._handshake(data)
        if self._rest:
            data = self._rest + data
        position, size = 0, len(data)
        while size - position >= 2:
            length, begin = data[position + 1], position + 2
            if length == 126:
                begin += 2
                length = int.from_bytes(data[position + 2 : begin])
            elif length == 127:
                begin += 8
                length = int.from_bytes(data[position + 2 : begin])
            if begin + length > size:
                break
            if data[position] & 0x8 == 0:  # not a control frame
                self.on_frame(self, data, begin, begin + length)
            position = begin + length
        self._rest = data[position:]

    def _handshake(self, data: bytes) -> bytes:
        """What follows the head of the answer, once it is whole."""
        head, end, rest = ((self._head or b"") + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            return b""
        self._head = None
        if head.startswith(b"HTTP/1.1 101"):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(NotUpgraded(head.decode(errors="replace")[:500]))
        return rest


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x82, 0x80 | size)) + _NO_MASK + payload
    if size < 65536:
        return struct.pack("!BBH", 0x82, 0xFE, size) + _NO_MASK + payload
    return struct.pack("!BBQ", 0x82, 0xFF, size) + _NO_MASK + payload


def ignore(socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
    """For those who only have to be there."""
