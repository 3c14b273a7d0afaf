"""Rate limits: how often something may happen, over all hosts."""

from typing import NamedTuple, Protocol


class Allowance(NamedTuple):
    """`rate` per second, with `burst` at once."""

    rate: float
    burst: int


class Limiter(Protocol):
    """At most `burst + rate * time` are admitted for a key in any stretch of time.

    The generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    """

    async def take(self, key: str, rate: float, burst: int) -> int:
        """Take one of `key`'s, `rate` per second with `burst` at once.

        Returns 0 when admitted, else the milliseconds after which one would be (exact: neither
        too early nor a millisecond late). What is not admitted counts for nothing. Raises
        TryAgain("unavailable") when nobody can say.
        """
        ...
