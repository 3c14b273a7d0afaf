"""What is written to one socket in one pass of the event loop leaves in one system call.

uvloop hands each `transport.write` to the kernel at once, which is most of what a delivery costs:
with 500 sockets and bursts of 20 that took 9.7 us a delivery, and joined it takes 2.
"""

import asyncio
from typing import Protocol


class Writer(Protocol):
    """What holds back its writes until the end of the pass."""

    def flush(self) -> None: ...


class Flusher:
    """The sockets of a host that have something to write in this pass."""

    def __init__(self) -> None:
        self._writers: list[Writer] = []

    def flush_soon(self, writer: Writer) -> None:
        """At the end of this pass, in the order of the calls."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._flush)
        self._writers.append(writer)

    def _flush(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.flush()


class JoinedWriter:
    """Writes whole frames to a transport, those of a loop pass together and in order.

    What waits here counts as unsent. A transport that is closing takes nothing more.
    """

    __slots__ = ("_flusher", "_over", "_transport", "_waiting")

    def __init__(self, transport: asyncio.WriteTransport, flusher: Flusher) -> None:
        self._transport = transport
        self._flusher = flusher
        self._waiting = b""  # mostly one frame, and then the very bytes that others write too
        self._over = False

    def write(self, framed: bytes) -> None:
        if self._waiting:
            self._waiting += framed
        elif not self._over:
            self._waiting = framed
            self._flusher.flush_soon(self)

    def unsent_bytes(self) -> int:
        """What waits here and what the client has not taken from the transport yet."""
        size: int = self._transport.get_write_buffer_size()
        return size + len(self._waiting)

    def flush(self) -> None:
        """Write now what waits."""
        waiting, self._waiting = self._waiting, b""
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting)

    def finish(self) -> None:
        """Write now what waits, and drop whatever is written later."""
        self.flush()
        self._over = True
