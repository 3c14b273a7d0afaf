"""Limits that stay open while Redis is away: each host then keeps to them by itself."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from streamhub.domain.errors import TryAgain
from streamhub.domain.limits import Allowance, Draw, Meter

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 0.25
"""What a request may wait for a limit. Redis answers in well under a millisecond."""

AWAY_S: Final = 1.0
"""How long nobody asks again once it did not answer."""


class LocalWhenAway:
    """Implements Meter by `shared`, and by `local` while that is away. Raises nothing."""

    def __init__(
        self, shared: Meter, local: Meter, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._local = local
        self._now_s = now_s
        self._ask_from_s = 0.0
        self._away = False

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        if self._now_s() < self._ask_from_s:
            return await self._local.draw(key, allowance, count)
        try:
            async with asyncio.timeout(PATIENCE_S):
                drawn = await self._shared.draw(key, allowance, count)
        except (TryAgain, TimeoutError):
            self._ask_from_s = self._now_s() + AWAY_S
            if not self._away:
                log.warning("limits_are_local", why="Redis does not answer")
            self._away = True
            return await self._local.draw(key, allowance, count)
        if self._away:
            log.info("limits_are_shared_again")
        self._away = False
        return drawn
