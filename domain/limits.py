"""Rate limits: how often something may happen, over all hosts."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

SWEEP_EVERY: Final = 1024


class Allowance(NamedTuple):
    """`rate` per second, with `burst` at once."""

    rate: float
    burst: int


class Draw(NamedTuple):
    """What came of asking for some of a key's allowance.

    `granted` of them may happen now. If none: one may after `wait_ms` (exact: neither too early nor
    a millisecond late). `left` are still there; the burst is whole again after `whole_ms`.
    """

    granted: int
    wait_ms: int
    left: int
    whole_ms: int


class Limiter(Protocol):
    """At most `burst + rate * time` are admitted for a key in any stretch of time.

    The generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    """

    async def take(self, key: str, rate: float, burst: int) -> int:
        """Take one of `key`'s, `rate` per second with `burst` at once.

        Returns 0 when admitted, else the milliseconds after which one would be. What is not
        admitted counts for nothing. Raises TryAgain("unavailable") when nobody can say.
        """
        ...


class Meter(Protocol):
    """A Limiter that can be asked for several at once, and tells what is left."""

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        """Take up to `count` of `key`'s: as many as there are. Raises like `Limiter.take`."""
        ...


class Remembering:
    """A Meter that does not ask again for a key before the moment it was told to wait for: a flood
    costs a look into a dictionary. `now_us` is a monotonic clock in microseconds."""

    def __init__(self, meter: Meter, now_us: Callable[[], int]) -> None:
        self._meter = meter
        self._now_us = now_us
        self._refused: dict[str, tuple[int, int]] = {}
        self._until_sweep = SWEEP_EVERY

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._refused)

    def refusal(self, key: str) -> Draw | None:
        """What would be refused without asking anybody."""
        if key not in self._refused:
            return None
        now_us = self._now_us()
        until_us, whole_us = self._refused[key]
        if until_us <= now_us:
            del self._refused[key]
            return None
        return Draw(0, -((now_us - until_us) // 1000), 0, -((now_us - whole_us) // 1000))

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        if known := self.refusal(key):
            return known
        drawn = await self._meter.draw(key, allowance, count)
        if not drawn.granted:
            now_us = self._now_us()
            self._refused[key] = now_us + drawn.wait_ms * 1000, now_us + drawn.whole_ms * 1000
            self._sweep(now_us)
        return drawn

    def _sweep(self, now_us: int) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._refused = {key: at for key, at in self._refused.items() if at[0] > now_us}
        self._until_sweep = max(SWEEP_EVERY, len(self._refused))
