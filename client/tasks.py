"""Tasks that live as long as what started them."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Starts coroutines nobody awaits, and ends them together.

    An error in one is given to the loop's exception handler: nothing here fails silently.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel(self) -> None:
        """Cancel them all and wait for their ends."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
