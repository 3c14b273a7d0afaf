"""Rates in words: `30/min burst 100`."""

import re
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_MOST: Final = 1_000_000
_WORDS: Final = re.compile(r"([0-9]{1,7})/(s|min|h) burst ([0-9]{1,7})")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` a `unit` in the long run, `burst` at once."""

    count: int
    unit: str
    burst: int

    @property
    def per_s(self) -> float:
        return self.count / _SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.count}/{self.unit} burst {self.burst}"


def parse_rate(text: str) -> Rate:
    """Raises ValueError."""
    found = _WORDS.fullmatch(text)
    if found is None:
        raise ValueError
    count, burst = int(found[1]), int(found[3])
    if not (1 <= count <= _MOST and 1 <= burst <= _MOST):
        raise ValueError
    return Rate(count, found[2], burst)
