"""The limiter's twin, which is also the local limit while Redis is away."""

import math
from collections.abc import Callable
from typing import Final

SWEEP_EVERY: Final = 1024


class InMemoryLimiter:
    """Implements Limiter within one process. `now_us` is a monotonic clock in microseconds.

    Keys whose burst is whole again are forgotten as others are used.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._whole_at: dict[str, int] = {}
        self._until_sweep = SWEEP_EVERY

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._whole_at)

    async def take(self, key: str, rate: float, burst: int) -> int:
        now, each = self._now_us(), math.ceil(1_000_000 / rate)
        self._sweep(now)
        whole_at = max(now, self._whole_at.get(key, now))
        wait_us = whole_at + each - each * burst - now
        if wait_us > 0:
            return math.ceil(wait_us / 1000)
        self._whole_at[key] = whole_at + each
        return 0

    def _sweep(self, now: int) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._whole_at = {key: at for key, at in self._whole_at.items() if at > now}
        self._until_sweep = max(SWEEP_EVERY, len(self._whole_at))
