"""Rate limits over several hosts, and without Redis."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from support.fault_proxy import FaultProxy, fault_proxy
from support.polling import until

from streamhub.domain.errors import TryAgain
from streamhub.domain.limits import Allowance
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.limits import LocalWhenAway
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.redis import RedisLimiter, open_redis, ping


@pytest.fixture
async def client(servers: EmbeddedUrls) -> AsyncIterator[Redis]:
    async with open_redis(servers.redis) as client:
        yield client


@pytest.fixture
async def proxy(servers: EmbeddedUrls) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(servers.redis) as proxy:
        yield proxy


async def test_hosts_share_one_limit(servers: EmbeddedUrls) -> None:
    key = secrets.token_hex(8)
    admitted = 0

    async def one_host(until: float) -> None:
        nonlocal admitted
        async with open_redis(servers.redis) as client:
            limits = RedisLimiter(client)
            while time.monotonic() < until:
                if await limits.take(key, 50, 10) == 0:
                    admitted += 1

    began = time.monotonic()
    await asyncio.gather(*(one_host(began + 1) for _ in range(4)))
    elapsed_s = time.monotonic() - began
    assert 10 + 20 < admitted <= 10 + 50 * elapsed_s


async def test_a_key_is_forgotten_once_its_burst_is_whole(client: Redis) -> None:
    key = secrets.token_hex(8)
    assert await RedisLimiter(client, prefix="p:").take(key, 10, 5) == 0
    assert 0 < await client.pttl(f"p:{key}") <= 100


async def test_a_clock_set_back_by_an_hour_costs_at_most_a_burst(client: Redis) -> None:
    key, limits = secrets.token_hex(8), RedisLimiter(client, prefix="p:")
    seconds, _ = await client.time()
    await client.set(f"p:{key}", (int(seconds) + 3600) * 1_000_000)
    assert await limits.take(key, 10, 5) <= 100


async def test_a_script_that_redis_forgot_is_sent_again(client: Redis) -> None:
    limits = RedisLimiter(client)
    assert await limits.take(secrets.token_hex(8), 1, 1) == 0
    await client.script_flush()
    assert await limits.take(secrets.token_hex(8), 1, 1) == 0


async def test_while_redis_is_away_nobody_can_say(servers: EmbeddedUrls, proxy: FaultProxy) -> None:
    async with open_redis(proxy.url(servers.redis)) as client:
        limits = RedisLimiter(client)
        await ping(client)
        proxy.refuses = True
        proxy.cut()
        for asking in (lambda: limits.take("key", 1, 1), lambda: ping(client)):
            with pytest.raises(TryAgain) as caught:
                await asking()
            assert (caught.value.code, caught.value.retry_after_ms) == ("unavailable", 1000)
        proxy.refuses = False
        await ping(client)
        assert await limits.take(secrets.token_hex(8), 1, 1) == 0


@pytest.mark.parametrize("how", ["gone", "silent"])
async def test_limits_that_stay_open_are_local_while_redis_is_away(
    servers: EmbeddedUrls, proxy: FaultProxy, how: str
) -> None:
    def now_us() -> int:
        return time.monotonic_ns() // 1000

    async with open_redis(proxy.url(servers.redis)) as client:
        meter = LocalWhenAway(RedisLimiter(client), InMemoryLimiter(now_us))
        key, allowance = secrets.token_hex(8), Allowance(0.001, 3)
        assert (await meter.draw(key, allowance)).left == 2
        if how == "gone":
            proxy.refuses = True
            proxy.cut()
        else:
            proxy.answers_flow.clear()
        granted = [(await meter.draw(key, allowance)).granted for _ in range(10)]
        assert sum(granted) == 3, "this host by itself"
        proxy.refuses = False
        proxy.flow()

        async def shared_again() -> bool:
            return (await meter.draw(key, allowance)).granted == 1

        await until(shared_again)
