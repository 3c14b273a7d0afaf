"""Calls that ask Ray's head and block until it answers, which it may not do for a minute."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class HeadCalls:
    """Runs such calls in a few threads of their own: one that hangs holds up only its like."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ray-head")

    async def run(self, call: Callable[[], T], *, within_s: float | None = None) -> T:
        """What `call` returns or raises; TimeoutError after `within_s` seconds, if that is given.
        A call that began goes on to its end all the same."""
        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
