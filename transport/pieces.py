"""Bytes of an upload on their way to S3, and how many of them a host may hold at once."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import crc32c

_SMALL: Final = 32 << 10
_FAIR_PIECES: Final = 2


class Piece:
    """Bytes of an upload that follow each other, with their checksum; `start` is where in the
    whole."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.size = 0
        self.crc32c = 0
        self._chunks: list[bytes] = []
        self._small = bytearray()

    @property
    def end(self) -> int:
        return self.start + self.size

    def add(self, chunk: bytes) -> None:
        """Small chunks are joined, as each costs an object of its own."""
        self.size += len(chunk)
        self.crc32c = crc32c.crc32c(chunk, self.crc32c)
        if len(chunk) >= _SMALL and not self._small:
            self._chunks.append(chunk)
            return
        self._small += chunk
        if len(self._small) >= _SMALL:
            self._chunks.append(bytes(self._small))
            self._small = bytearray()

    async def body(self) -> AsyncIterator[bytes]:
        """All of it, as often as it is asked for."""
        for chunk in self._chunks:
            yield chunk
        if self._small:
            yield bytes(self._small)


class Buffers:
    """The bytes that one host holds of all uploads: at most `budget_bytes`, first come first
    served; but while others wait, an upload that holds two pieces gets no third."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.held_bytes = 0
        self._pieces: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def take_now(self, size: int, upload: str) -> int | None:
        """Room for `size` bytes, or for the whole budget if that is less; None if there is none."""
        size = min(size, self.budget_bytes)
        if self._waiting or self.held_bytes + size > self.budget_bytes:
            return None
        self._hold(size, upload)
        return size

    async def take(self, size: int, upload: str) -> int:
        """Wait for room, as much as `take_now` gives."""
        if (taken := self.take_now(size, upload)) is not None:
            return taken
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(min(size, self.budget_bytes), upload, turn)
        self._waiting.append(waiting)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(waiting.size, upload)
            else:
                self._waiting.remove(waiting)
                self._serve()
            raise
        return waiting.size

    def give_back(self, size: int, upload: str) -> None:
        """What `take` gave."""
        self.held_bytes -= size
        self._pieces[upload] -= 1
        if not self._pieces[upload]:
            del self._pieces[upload]
        self._serve()

    def _hold(self, size: int, upload: str) -> None:
        self.held_bytes += size
        self._pieces[upload] += 1

    def _serve(self) -> None:
        while self._waiting:
            modest = (one for one in self._waiting if self._pieces[one.upload] < _FAIR_PIECES)
            following = next(modest, self._waiting[0])
            if self.held_bytes + following.size > self.budget_bytes:
                return
            self._waiting.remove(following)
            self._hold(following.size, following.upload)
            following.turn.set_result(None)


class _Waiting(NamedTuple):
    size: int
    upload: str
    turn: asyncio.Future[None]
