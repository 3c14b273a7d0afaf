"""Frames to and from the wire with the plain `msgpack` package: it takes no more than that."""

from typing import Any, Final

import msgpack
import msgspec

from streamhub.protocol.errors import BadFrame
from streamhub.protocol.frames import Auth, Command, Ping, ServerFrame
from streamhub.protocol.received import server_frame

SUBPROTOCOL: Final = "streamhub.v1.msgpack"


def encode(frame: Command | Auth | Ping) -> bytes:
    """One binary message."""
    value: dict[str, Any]
    match frame:
        case Command():
            value = msgspec.to_builtins(frame)
        case Auth():
            value = {"x": "auth", "d": msgspec.to_builtins(frame)}
        case Ping():
            value = {"x": "ping"}
    data: bytes = msgpack.packb(value)
    return data


def decode(data: bytes) -> ServerFrame | None:
    """The frame of one binary message; None for what this version does not know.

    Raises BadFrame.
    """
    try:
        value = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException):
        raise BadFrame("not msgpack") from None
    return server_frame(value)
