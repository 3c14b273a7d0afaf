"""Rate limits that say exactly when to try again, in one integer of state.

The generic cell rate algorithm (ITU-T I.371): the state is the moment at which the bucket would
be full again. At most `burst + rate x time` are admitted in any stretch of time.
"""

from typing import Final


class Pace:
    """`rate_per_s` in the long run, `burst` at once. Holds no state: callers keep `full_at_ms`."""

    __slots__ = ("_interval_ms", "_slack_ms", "burst", "rate_per_s")

    def __init__(self, rate_per_s: int, burst: int) -> None:
        if rate_per_s < 1 or 1000 % rate_per_s:
            raise ValueError(f"a rate must divide 1000 ms, and {rate_per_s}/s does not")
        if burst < 1:
            raise ValueError(f"a burst is at least 1, not {burst}")
        self.rate_per_s: Final = rate_per_s
        self.burst: Final = burst
        self._interval_ms = 1000 // rate_per_s
        self._slack_ms = (burst - 1) * self._interval_ms

    def wait_ms(self, full_at_ms: int, now_ms: int) -> int:
        """How long until one more is admitted; 0: now."""
        return max(0, full_at_ms - self._slack_ms - now_ms)

    def after_one_more(self, full_at_ms: int, now_ms: int) -> int:
        """The new `full_at_ms`, once one more was admitted."""
        return max(full_at_ms, now_ms) + self._interval_ms
