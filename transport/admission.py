"""How fast clients may come in: a reconnect storm is spread by what a connect costs here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHARE: Final = 0.5
"""The part of a core that connecting may take while others chat."""

_SMOOTHING: Final = 0.05
_FIRST_COST_MS: Final = 1.0
_WORTH_WAITING_MS: Final = 50


class Admission:
    """Gives each newcomer its place in the queue as a time to wait; nobody is turned away.

    The cost of a connect is the CPU time of letting one in, as a moving average; the handshake,
    the token and the queries cost about as much again and are counted so.
    """

    def __init__(self) -> None:
        self._cost_ms = _FIRST_COST_MS
        self._next_ms = 0.0

    @property
    def cost_ms(self) -> float:
        """What letting one client in was measured to cost."""
        return self._cost_ms

    def wait_ms(self, now_ms: int) -> int:
        """How long a client that comes now should wait before it authenticates."""
        self._next_ms = max(self._next_ms, now_ms) + 2 * self._cost_ms / SHARE
        wait_ms = int(self._next_ms - now_ms)
        return wait_ms if wait_ms >= _WORTH_WAITING_MS else 0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around the work of letting one in."""
        begun = time.thread_time()
        try:
            yield
        finally:
            took_ms = (time.thread_time() - begun) * 1000
            self._cost_ms += _SMOOTHING * (took_ms - self._cost_ms)
