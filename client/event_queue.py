"""What happened and was not taken yet, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from streamhub.client.events import ClientEvent

ROOM = 1_000
"""Events that wait for the application before what can be told again is left for later."""


class EventQueue:
    """From one client to the one reader of its events.

    `full` is advice: whoever puts looks at it first. What may not be left out goes in all the
    same; that is little.
    """

    def __init__(self, on_room: Callable[[], None]) -> None:
        """`on_room` is called when the queue, once full, is half empty again."""
        self._events: deque[ClientEvent] = deque()
        self._on_room = on_room
        self._was_full = False
        self._ended = False
        self._error: Exception | None = None
        self._filled = asyncio.Event()

    @property
    def full(self) -> bool:
        self._was_full = self._was_full or len(self._events) >= ROOM
        return self._was_full

    def put(self, happened: Iterable[ClientEvent]) -> None:
        self._events.extend(happened)
        if self._events:
            self._filled.set()

    def end(self, error: Exception | None) -> None:
        """Nothing more will come; the first end counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._filled.set()

    async def get(self) -> ClientEvent | None:
        """The next event; None at the end, or the error of it."""
        while not self._events:
            if self._ended:
                if self._error is not None:
                    raise self._error
                return None
            self._filled.clear()
            await self._filled.wait()
        event = self._events.popleft()
        if self._was_full and len(self._events) <= ROOM // 2:
            self._was_full = False
            self._on_room()
        return event
