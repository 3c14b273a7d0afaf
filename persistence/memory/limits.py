"""The limiter's twin, which is also the local limit while Redis is away."""

import math
from collections.abc import Callable
from typing import Final

from streamhub.domain.limits import Allowance, Draw

SWEEP_EVERY: Final = 1024


class InMemoryLimiter:
    """Implements Limiter and Meter within one process. `now_us` is a monotonic clock in
    microseconds.

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
        return (await self.draw(key, Allowance(rate, burst))).wait_ms

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        now, each = self._now_us(), math.ceil(1_000_000 / allowance.rate)
        self._sweep(now)
        whole_at = max(now, self._whole_at.get(key, now))
        free = (now + each * allowance.burst - whole_at) // each
        granted = min(count, free)
        if granted <= 0:
            wait_us = whole_at + each - each * allowance.burst - now
            return Draw(0, math.ceil(wait_us / 1000), 0, math.ceil((whole_at - now) / 1000))
        whole_at += granted * each
        self._whole_at[key] = whole_at
        return Draw(granted, 0, free - granted, math.ceil((whole_at - now) / 1000))

    def _sweep(self, now: int) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._whole_at = {key: at for key, at in self._whole_at.items() if at > now}
        self._until_sweep = max(SWEEP_EVERY, len(self._whole_at))
