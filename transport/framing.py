"""Server frames of RFC 6455, made once and written to any number of sockets.

aiohttp frames a message anew for each socket; a fan-out of one message to thousands needs the
frame once. Frames of servers are not masked, and compression is off, so the bytes are the same.
"""

import struct
from typing import Final

TEXT: Final = 0x81
BINARY: Final = 0x82
PONG: Final = 0x8A


def frame(payload: bytes, *, binary: bool) -> bytes:
    """One whole message in one frame (RFC 6455, 5.2)."""
    opcode, size = BINARY if binary else TEXT, len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping, whose payload has at most 125 bytes (RFC 6455, 5.5.3)."""
    return bytes((PONG, len(payload))) + payload
