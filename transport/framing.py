"""Frames of RFC 6455, made once and written to any number of sockets.

aiohttp frames a message anew for each socket; a fan-out of one message to thousands needs the
frame once. Frames of servers are not masked, and compression is off, so the bytes are the same.
Only the host that dialled a link masks, and that message goes to one socket.
"""

import secrets
import struct
from typing import Final

from aiohttp._websocket.helpers import websocket_mask

TEXT: Final = 0x81
BINARY: Final = 0x82
PONG: Final = 0x8A
_MASKED: Final = 0x80


def frame(payload: bytes, *, binary: bool) -> bytes:
    """One whole message in one frame (RFC 6455, 5.2)."""
    return _head(BINARY if binary else TEXT, len(payload)) + payload


def masked_frame(payload: bytes) -> bytes:
    """One whole binary message in one frame, as a client sends it (RFC 6455, 5.3)."""
    mask, masked = secrets.token_bytes(4), bytearray(payload)
    websocket_mask(mask, masked)
    return _head(BINARY, len(payload), _MASKED) + mask + masked


def pong(payload: bytes) -> bytes:
    """The answer to a ping, whose payload has at most 125 bytes (RFC 6455, 5.5.3)."""
    return bytes((PONG, len(payload))) + payload


def _head(opcode: int, size: int, masked: int = 0) -> bytes:
    if size < 126:
        return bytes((opcode, size | masked))
    if size < 65536:
        return struct.pack("!BBH", opcode, 126 | masked, size)
    return struct.pack("!BBQ", opcode, 127 | masked, size)
