"""Waiting for what somebody else does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_S = 0.01


async def until(probe: Callable[[], Awaitable[T]], *, within_s: float = 20.0) -> T:
    """The first answer of `probe` that is true. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not (answer := await probe()):  # noqa: ASYNC110 - what is awaited sets no event
            await asyncio.sleep(PAUSE_S)
        return answer


async def until_true(true: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until it is so. Raises AssertionError."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not true():
        assert asyncio.get_running_loop().time() < deadline, "it did not come true in time"
        await asyncio.sleep(PAUSE_S)
