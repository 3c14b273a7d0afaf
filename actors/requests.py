"""The requests this host waits for: one answer each, or a problem in time."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from streamhub.domain.ids import HostId
from streamhub.domain.messages import Answer, Problem

log = structlog.get_logger()

_SWEEP_S: Final = 0.2

TIMED_OUT: Final = Problem(code="timeout", detail="no answer in time", again=True)
LOST: Final = Problem(
    code="unknown", detail="the connection to the owner broke", retry_after_ms=100, again=True
)


class Requests:
    """Numbers the requests of one host and hands each its answer exactly once.

    A late answer finds nobody and is dropped. Deadlines are kept to within 0.2 s.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Callable[[Answer], None], float, HostId]] = {}
        self._next = 0
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self, to: HostId, within_s: float, done: Callable[[Answer], None]) -> int:
        """A number for a request to `to`; `done` gets its answer."""
        loop = asyncio.get_running_loop()
        self._next += 1
        self._waiting[self._next] = (done, loop.time() + within_s, to)
        if self._sweep is None:
            self._sweep = loop.call_later(_SWEEP_S, self._expire)
        return self._next

    def answer(self, number: int, answer: Answer) -> None:
        if waiting := self._waiting.pop(number, None):
            try:
                waiting[0](answer)
            except Exception:  # whoever asked; the one that answers has more to do
                log.exception("request.listener_failed", number=number)

    def lose(self, host: HostId) -> None:
        """The link to `host` ended: whether it did what it was asked is unknown."""
        lost = [number for number, waiting in self._waiting.items() if waiting[2] == host]
        for number in lost:
            self.answer(number, LOST)

    def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        for number in list(self._waiting):
            self.answer(number, LOST)

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for number in [n for n, waiting in self._waiting.items() if waiting[1] <= now]:
            self.answer(number, TIMED_OUT)
        self._sweep = loop.call_later(_SWEEP_S, self._expire) if self._waiting else None
