"""Redis or Valkey: the client, and rate limits over all hosts.

Losing all of Redis loses no data and lets nobody in.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streamhub.domain.errors import TryAgain
from streamhub.domain.limits import Allowance, Draw

TIMEOUT_S: Final = 2.0
MAX_CONNECTIONS: Final = 16
RETRY_AFTER_MS: Final = 1000

# KEYS[1] holds the microsecond at which the key's burst is whole again (GCRA's TAT).
# ARGV: microseconds per admission, burst, how many are wanted. Gives how many were granted, and in
# milliseconds until one would be; how many are left, and in milliseconds until all are there again.
# Redis's own clock: hosts need not agree on the time.
_TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local each, burst, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- Later than a full burst from now is only possible when the clock was set back.
whole_at = math.max(now, math.min(whole_at, now + each * burst))
local free = math.floor((now + each * burst - whole_at) / each)
local granted = math.min(count, free)
if granted <= 0 then
  local wait = whole_at + each - each * burst - now
  return {0, math.ceil(wait / 1000), 0, math.ceil((whole_at - now) / 1000)}
end
whole_at = whole_at + granted * each
local whole = math.ceil((whole_at - now) / 1000)
redis.call('SET', KEYS[1], string.format('%d', whole_at), 'PX', whole)
return {granted, 0, free - granted, whole}
"""


def open_redis(url: str) -> Redis:
    """A client for `url` (redis://, rediss:// or unix://). It connects on first use.

    Raises ValueError for a URL that is none of these.
    """
    pool = BlockingConnectionPool.from_url(  # who comes when all are in use waits for one
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        health_check_interval=30,
        # One new connection at once when an idle one had gone, then fail fast.
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)


async def ping(client: Redis) -> None:
    """Raises TryAgain("unavailable") when Redis does not answer."""
    async with translated():
        await client.ping()


class RedisLimiter:
    """Implements Limiter and Meter by one script call, which Redis runs alone."""

    def __init__(self, client: Redis, *, prefix: str = "limit:") -> None:
        self._script = client.register_script(_TAKE)
        self._prefix = prefix

    async def take(self, key: str, rate: float, burst: int) -> int:
        return (await self.draw(key, Allowance(rate, burst))).wait_ms

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        each_us = math.ceil(1_000_000 / allowance.rate)
        async with translated():
            answer = await self._script(
                keys=[self._prefix + key], args=[each_us, allowance.burst, count]
            )
        return Draw(*cast(list[int], answer))


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of Redis become TryAgain("unavailable")."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        detail = "Rate limits and one-time codes are away."
        raise TryAgain("unavailable", detail, retry_after_ms=RETRY_AFTER_MS) from error
