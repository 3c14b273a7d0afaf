"""One allowance per account over all hosts, mostly without asking anybody.

Half of it is shared out: each host lets an account have its part of that by itself. The other half
belongs to all hosts together; a host whose part is used up draws from there, some at a time, and
forgets after a while what was not used. So people who chat cost nothing, whoever is busy on one
host a call for every tenth of the shared burst, and many sockets on many hosts have no more than
one allowance:

- from a standing start, at most `burst + rate * time` commands;
- in any later stretch of time, at most half a burst more, as what was drawn counts for a while;
- a host's part is at least one at once, so beyond `burst / 2` hosts add one for each.

While hosts have not yet heard that there are more or fewer of them, parts are of the old size.
While the meter is away and each host counts by itself, the other half is each host's.
"""

import math
from collections.abc import Callable
from typing import Final

from streamhub.domain.limits import SWEEP_EVERY, Allowance, Meter

_BATCHES: Final = 10
"""How often a host must draw to have all of the shared burst."""


class SharedPace:
    """How fast each account may act. Until told of others, this host is alone, and asks nobody.

    `now_us` is a monotonic clock in microseconds.
    """

    def __init__(
        self, name: str, allowance: Allowance, meter: Meter, now_us: Callable[[], int]
    ) -> None:
        self._name = name
        self._allowance = allowance
        self._shared = Allowance(allowance.rate / 2, max(1, allowance.burst // 2))
        self._batch: Final = max(1, self._shared.burst // _BATCHES)
        self._keep_us: Final = math.ceil(self._shared.burst / self._shared.rate * 1_000_000)
        self._meter = meter
        self._now_us = now_us
        self._whole_at: dict[str, int] = {}
        self._drawn: dict[str, tuple[int, int]] = {}
        self._until_sweep = SWEEP_EVERY
        self.spread_over(1)

    def spread_over(self, hosts: int) -> None:
        """So many hosts have a part each."""
        self._alone = hosts <= 1
        parts = 1 if self._alone else 2 * hosts
        self._each_us = math.ceil(1_000_000 * parts / self._allowance.rate)
        self._burst_us = self._each_us * max(1, self._allowance.burst // parts)

    def __len__(self) -> int:
        """How many accounts are remembered."""
        return len(self._whole_at)

    def admits(self, account: str) -> bool:
        """Take one of this host's part, or of what it has drawn; False when neither has any."""
        now = self._now_us()
        whole_at = max(self._whole_at.get(account, now), now) + self._each_us
        if whole_at - now <= self._burst_us:
            self._whole_at[account] = whole_at
            self._sweep(now)
            return True
        left, until = self._drawn.get(account, (0, 0))
        if left <= 0 or until <= now:
            return False
        self._drawn[account] = left - 1, until
        return True

    async def draw(self, account: str) -> int:
        """Take one of what all hosts share, and some more for later.

        Returns 0 when there was one, else the milliseconds after which there is, here or there.
        Raises like the meter.
        """
        now = self._now_us()
        own_us = self._whole_at.get(account, now) + self._each_us - self._burst_us - now
        own_ms = max(1, math.ceil(own_us / 1000))
        if self._alone:
            return own_ms
        drawn = await self._meter.draw(f"{self._name}:{account}", self._shared, self._batch)
        if not drawn.granted:
            return min(own_ms, drawn.wait_ms)
        left, until = self._drawn.get(account, (0, 0))
        if left <= 0 or until <= now:  # of what is drawn while some is left, the older date counts
            left, until = 0, now + self._keep_us
        self._drawn[account] = left + drawn.granted - 1, until
        return 0

    def _sweep(self, now: int) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._whole_at = {account: at for account, at in self._whole_at.items() if at > now}
        self._drawn = {account: kept for account, kept in self._drawn.items() if kept[1] > now}
        self._until_sweep = max(SWEEP_EVERY, len(self._whole_at))
