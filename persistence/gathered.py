"""Reads that many ask for at once: one statement for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Gathered(Generic[Key, Value]):
    """Reads a value by its key; who asks while a statement is under way shares the next one.

    Nobody waits for company: alone, a read leaves at once. A statement is sent after all that
    share it have asked, so no answer is older than its question. What it raises, each gets; who
    gives up waiting stops none of the others. A statement has at most `most` keys.
    """

    def __init__(
        self, read: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], *, most: int
    ) -> None:
        self._read = read
        self._most = most
        self._waiting: list[tuple[Key, asyncio.Future[Value | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value | None:
        """The value of `key` now; None if there is none. Raises what the statement raises."""
        answer: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(asked)
        finally:
            self._reading = None

    async def _answer(self, asked: list[tuple[Key, asyncio.Future[Value | None]]]) -> None:
        try:
            found = await self._read(list(dict.fromkeys(key for key, _ in asked)))
        except Exception as error:
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for key, answer in asked:
            if not answer.done():
                answer.set_result(found.get(key))
