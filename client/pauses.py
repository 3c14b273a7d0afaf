"""How long to wait before the next attempt, and before the next command."""

import random
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 10.0


class Pauses:
    """Growing pauses with full jitter, so that thousands of clients do not come back as one.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self) -> None:
        self._limit_s = FIRST_S

    def next_s(self, retry_after_ms: int | None = None) -> float:
        """The next pause: never shorter than the server asked for."""
        jitter_s = random.uniform(0, self._limit_s)  # noqa: S311 - spreads the load
        self._limit_s = min(LONGEST_S, self._limit_s * 2)
        return (retry_after_ms or 0) / 1000 + jitter_s

    def reset(self) -> None:
        self._limit_s = FIRST_S


class Pace:
    """Keeps below the server's rate limit, which would answer more with a refusal.

    The generic cell rate algorithm; a quarter of the burst stays unused, for the network may
    bring commands closer together than they were sent.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._interval_s = 1 / rate_per_s
        self._slack_s = max(0, burst * 3 // 4 - 1) * self._interval_s
        self._full_at_s = 0.0

    def take_s(self, now_s: float) -> float:
        """Takes the next turn and says how long to wait for it."""
        begins_s = max(now_s, self._full_at_s - self._slack_s)
        self._full_at_s = max(self._full_at_s, begins_s) + self._interval_s
        return begins_s - now_s
