"""Those who listen: they count what arrives, and how long after it was sent."""

import asyncio
import time
from array import array

from benchmarks.cheap_socket import CheapSocket


class Audience:
    """Sockets that all hear the same messages in the same order.

    The n-th frame of each socket is the n-th message of the round, so nothing is decoded.
    """

    def __init__(self) -> None:
        self.sockets: list[CheapSocket] = []
        self.latencies_s = array("d")
        self.last = b""
        self._sent_at: list[float] = []
        self._missing = 0
        self._complete = asyncio.Event()

    def on_frame(self, socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        """One delivery."""
        self.latencies_s.append(time.perf_counter() - self._sent_at[socket.frames])
        socket.frames += 1
        self._missing -= 1
        if self._missing <= 0:
            self.last = data[begin:end]
            self._complete.set()

    def begin(self) -> None:
        """A new round: nothing was sent yet."""
        self._sent_at.clear()
        self._missing = 0
        self.latencies_s = array("d")
        for socket in self.sockets:
            socket.frames = 0

    def expect(self, messages: int) -> None:
        """So many are about to be sent."""
        self._sent_at += [time.perf_counter()] * messages
        self._missing += messages * len(self.sockets)
        self._complete.clear()

    async def all_here(self, within_s: float) -> None:
        """Raises TimeoutError, naming how many are missing, and AssertionError for too many."""
        try:
            await asyncio.wait_for(self._complete.wait(), within_s)
        except TimeoutError:
            raise TimeoutError(f"{self._missing} deliveries are missing") from None
        assert self._missing == 0, f"{-self._missing} deliveries too many"
        assert len({socket.frames for socket in self.sockets}) == 1, "uneven deliveries"

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
