"""The two encodings of the wire: `MSGPACK` (binary messages) and `JSON` (text messages).

Decoding is two typed steps in C: an envelope that leaves the body raw, then the body by the
command's name. What they refuse gets a second, careful look (`careful.py`), so only wrong frames
and nulls pay for exactness. No input raises anything but ProtocolError.

msgspec lets a JSON key come twice. Every string of an accepted frame, keys included, comes back
when it is encoded again, so a key that came twice leaves the original with more quote marks than
the copy. Counting both costs 1.3 us for an ordinary message.send, beside 3.4 us of decoding; only
frames whose counts differ (defaults) or that write characters as \\u escapes (which could hide a
quote mark) are read again by a parser that sees the pairs (8 us).
"""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from streamhub.protocol import careful
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.errors import BadFrame, ProtocolError
from streamhub.protocol.frames import (
    Auth,
    ClientFrame,
    Command,
    Event,
    Incoming,
    Outgoing,
    Ping,
    Reply,
    ServerFrame,
)
from streamhub.protocol.plain import plain_json, plain_msgpack
from streamhub.protocol.received import server_frame
from streamhub.protocol.scalars import CommandNumber, Key
from streamhub.protocol.tables import CLIENT_CONTROLS, COMMANDS, SERVER_CONTROLS

MAX_FRAME_BYTES: Final = 1024 * 1024

_PING: Final = Ping()
_CONTROL_NAMES: Final[Mapping[type, str]] = {
    kind: name for name, kind in (*CLIENT_CONTROLS.items(), *SERVER_CONTROLS.items())
}


class _Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    c: str | None = None
    i: CommandNumber | None = None
    d: Raw = Raw(b"")
    k: Key | None = None
    x: str | None = None


class _Control(Struct, frozen=True, omit_defaults=True):
    x: str
    d: Incoming | Outgoing | None = None


class Codec:
    """One encoding. Stateless: `MSGPACK` and `JSON` serve all connections."""

    def __init__(
        self,
        *,
        subprotocol: str,
        message: type[bytes] | type[str],
        decoder: Callable[[type], Callable[[Any], Any]],
        to_bytes: Callable[[object], bytes],
        plain: Callable[[Any], object],
        may_repeat_keys: Callable[[Any, ClientFrame], bool] | None = None,
    ) -> None:
        self.subprotocol: Final = subprotocol
        self.binary: Final = message is bytes
        self._message = message
        self._to_bytes = to_bytes
        self._plain = plain
        self._may_repeat_keys = may_repeat_keys
        self._decode_envelope: Callable[[bytes | str], _Envelope] = decoder(_Envelope)
        self._decode_auth: Callable[[Raw], Auth] = decoder(Auth)
        self._decode_body: dict[str, Callable[[Raw], Incoming]] = {
            name: decoder(spec.body) for name, spec in COMMANDS.items()
        }
        self._decode_any: Callable[[bytes | str], object] = decoder(object)

    def decode_client(
        self, data: bytes | str, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> ClientFrame:
        """The frame of one message: bytes of a binary one, str of a text one.

        Raises BadFrame (close the socket) and CommandRefused (answer it, and go on).
        """
        if not isinstance(data, self._message):
            raise BadFrame(f"not a message of {self.subprotocol}")
        if (size := _size_bytes(data, max_frame_bytes)) > max_frame_bytes:
            raise BadFrame(f"{size} bytes in a frame", CloseCode.FRAME_TOO_BIG)
        try:
            frame = self._typed(data)
        except (ValueError, RecursionError):
            frame = None
        if frame is None:
            return careful.client_frame(self._plain(data))
        if self._may_repeat_keys is not None and self._may_repeat_keys(data, frame):
            self._plain(data)  # raises BadFrame if they do
        return frame

    def read_client(
        self, data: bytes | str, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> ClientFrame | ProtocolError:
        """`decode_client` with the error as a value, made for `Connection.receive`.

        The error has no traceback: its frames would keep up to a mebibyte of input alive until
        the garbage collector comes by.
        """
        try:
            return self.decode_client(data, max_frame_bytes)
        except ProtocolError as error:
            error.__context__ = None
            return error.with_traceback(None)

    def decode_server(self, data: bytes | str) -> ServerFrame | None:
        """What a client got; None for what this version does not know. Raises BadFrame."""
        try:
            value = self._decode_any(data)
        except (ValueError, RecursionError):
            raise BadFrame(f"not a message of {self.subprotocol}") from None
        return server_frame(value)

    def encode(self, frame: ClientFrame | ServerFrame) -> bytes:
        """One message, in UTF-8 where it is text."""
        if isinstance(frame, Command | Reply | Event):
            return self._to_bytes(frame)
        body = frame if frame.__struct_fields__ else None
        return self._to_bytes(_Control(x=_CONTROL_NAMES[type(frame)], d=body))

    def encode_event(
        self, name: str, body: Outgoing, *, rev: int | None = None, key: str | None = None
    ) -> bytes:
        """An event for any number of sockets: encode once, write the same bytes to each."""
        return self._to_bytes(Event(name=name, rev=rev, body=body, key=key))

    def _typed(self, data: bytes | str) -> ClientFrame | None:
        """The frame if all of it is as it should be; else None, ValueError or RecursionError."""
        envelope = self._decode_envelope(data)
        if envelope.x is None:
            if envelope.c is None or envelope.i is None:
                return None
            decode_body = self._decode_body.get(envelope.c)
            if decode_body is None:
                return None
            body = decode_body(envelope.d)
            return Command(name=envelope.c, i=envelope.i, body=body, key=envelope.k)
        if (envelope.c, envelope.i, envelope.k) != (None, None, None):
            return None
        if envelope.x == "ping":
            return None if bytes(envelope.d) else _PING
        return self._decode_auth(envelope.d) if envelope.x == "auth" else None


def body_digest(body: Incoming) -> bytes:
    """SHA-256 of a validated command body, whatever encoding or route it came by.

    It is stored with the key for as long as the message lives, so it must never change: fields
    are sorted and those at their default left out, which lets bodies get new optional fields.
    """
    return hashlib.sha256(msgspec.msgpack.encode(body, order="sorted")).digest()


def _size_bytes(data: bytes | str, limit: int) -> int:
    if isinstance(data, bytes) or data.isascii() or len(data) * 4 <= limit:
        return len(data)
    return len(data.encode("utf-8", "surrogatepass"))


def _may_repeat_keys(data: str, frame: ClientFrame) -> bool:
    """Whether it is possible at all; only then is the text worth reading again."""
    return "\\u" in data or data.count('"') != JSON.encode(frame).count(b'"')


MSGPACK: Final = Codec(
    subprotocol="streamhub.v1.msgpack",
    message=bytes,
    decoder=lambda kind: msgspec.msgpack.Decoder(kind).decode,
    to_bytes=msgspec.msgpack.Encoder().encode,
    plain=plain_msgpack,
)

JSON: Final = Codec(
    subprotocol="streamhub.v1.json",
    message=str,
    decoder=lambda kind: msgspec.json.Decoder(kind).decode,
    to_bytes=msgspec.json.Encoder().encode,
    plain=plain_json,
    may_repeat_keys=_may_repeat_keys,
)

CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {codec.subprotocol: codec for codec in (MSGPACK, JSON)}
)
"""By subprotocol, the server's favourite first."""
