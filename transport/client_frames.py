"""The heads of clients' frames, looked at before aiohttp's reader, which takes too much."""

from collections.abc import Callable
from typing import Final, Protocol

_CLOSE: Final = 0x8
_FIN: Final = 0x80
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_RESERVED: Final = b"\x70\x80"
"""A head no reader takes: put in the place of one that must not be taken."""


class Reader(Protocol):
    """aiohttp's reader of frames."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]: ...
    def feed_eof(self) -> None: ...


class ClientFrames:
    """Stands before a reader of frames, and makes it fail with a protocol error (1002) at a frame
    that is not masked (RFC 6455, 5.1), or begins a message inside of another one (5.4).

    The reader gets heads whole, up to their mask; payloads pass as they come. Once the reader has
    failed nothing is passed any more, and a close frame calls `left`: nothing else will come.
    """

    __slots__ = ("_failed", "_held", "_in_message", "_left", "_reader", "_skip")

    def __init__(self, reader: Reader, left: Callable[[], None]) -> None:
        self._reader = reader
        self._left = left
        self._held = b""
        self._skip = 0
        self._in_message = False
        self._failed = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """As the reader's, but reading is never over: the client may still say good-bye."""
        if self._held:
            data, self._held = self._held + data, b""
        at, size, good, closes = self._skip, len(data), -1, False
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            head, length = 2, second & 0x7F
            if length > 125:
                head = 4 if length == 126 else 10
                if size - at < head:
                    break
                length = int.from_bytes(data[at + 2 : at + head], "big")
            if good < 0 and not self._allows(first, second):
                good = at
            closes = closes or first & 0xF == _CLOSE
            at += head + length + (_MASK_BYTES if second & _MASKED else 0)
        self._skip = max(0, at - size)
        if at < size:
            data, self._held = data[:at], data[at:]
        if good >= 0:
            data = data[:good] + _RESERVED
        if data and not self._failed:
            self._failed, _ = self._reader.feed_data(data)
        if self._failed and closes:
            self._left()
        return False, b""

    def feed_eof(self) -> None:
        self._reader.feed_eof()

    def _allows(self, first: int, second: int) -> bool:
        opcode = first & 0xF
        inside = self._in_message
        if opcode < _CLOSE:
            self._in_message = not first & _FIN
        return bool(second & _MASKED) and not (inside and 0 < opcode < _CLOSE)
