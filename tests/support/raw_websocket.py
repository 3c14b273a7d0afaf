"""A WebSocket client that sends whatever bytes a test likes, and shows what comes back."""

import asyncio
import struct
from enum import IntEnum
from urllib.parse import urlsplit

MASK = b"\x37\xfa\x21\x3d"


class Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def frame_bytes(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """One frame as a client sends it (RFC 6455, 5.2), right or wrong."""
    first, mask_bit = fin << 7 | rsv << 4 | opcode, masked << 7
    size = len(payload)
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + MASK + _masked(payload) if masked else head + payload


def close_bytes(code: int, reason: bytes = b"") -> bytes:
    return frame_bytes(Opcode.CLOSE, struct.pack("!H", code) + reason)


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    key = int.from_bytes((MASK * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


class RawSocket:
    """A connection after the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ended = False

    @classmethod
    async def open(cls, url: str, *, subprotocol: str | None = None) -> "RawSocket":
        """Upgrade at an http:// URL. Raises AssertionError unless the answer is 101."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        offer = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        writer.write(
            f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{offer}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return cls(reader, writer)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def write_all(self, data: bytes) -> None:
        """Write, and wait until the kernel has nearly all of it."""
        self._writer.write(data)
        await self._writer.drain()

    async def chop(self, data: bytes) -> None:
        """Write octet by octet, each in a loop pass of its own."""
        for octet in data:
            self._writer.write(bytes((octet,)))
            await asyncio.sleep(0)

    async def next(self, within_s: float = 10.0) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises EOFError and ConnectionError at the end."""
        async with asyncio.timeout(within_s):
            first, size = await self._reader.readexactly(2)
            assert first & 0xF0 == 0x80, "servers do not fragment, and use no extension"
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            return first & 0xF, await self._reader.readexactly(size)

    async def closed(self, within_s: float = 10.0) -> int | None:
        """The code the server closes with; None if the connection ends without. It is answered,
        and the server must end the connection then."""
        code = None
        try:
            while code is None:
                opcode, payload = await self.next(within_s)
                if opcode == Opcode.CLOSE:
                    (code,) = struct.unpack("!H", payload[:2])
                    if not self._ended:
                        self.write(close_bytes(1000))
            async with asyncio.timeout(within_s):
                rest = await self._reader.read()
            assert rest == b"", "nothing may follow a close frame"
        except (EOFError, ConnectionError):
            pass
        self.abort()
        return code

    def end(self) -> None:
        """Send nothing more, and read on."""
        self._writer.write_eof()
        self._ended = True

    def abort(self) -> None:
        self._writer.transport.abort()
