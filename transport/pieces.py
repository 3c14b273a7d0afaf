"""Bytes of an upload on their way to S3, and how many of them a host may hold at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import crc32c

_SMALL: Final = 32 << 10


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
    served."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.held_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Wait for room for `size` bytes, or for the whole budget if that is less; what was
        taken."""
        size = min(size, self.budget_bytes)
        if self._waiting or self.held_bytes + size > self.budget_bytes:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.give_back(size)
                else:
                    self._waiting.remove((size, turn))
                    self._serve()
                raise
        else:
            self.held_bytes += size
        return size

    def give_back(self, size: int) -> None:
        self.held_bytes -= size
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if self.held_bytes + size > self.budget_bytes:
                return
            self._waiting.popleft()
            self.held_bytes += size
            turn.set_result(None)
