"""What every limiter promises."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from streamhub.domain.limits import Allowance, Limiter, Meter
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.memory import InMemoryLimiter
from streamhub.persistence.redis import RedisLimiter, open_redis

Pass = Callable[[int], Awaitable[None]]


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    async def let_pass(self, ms: int) -> None:
        self.now_us += ms * 1000


async def really_let_pass(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


@pytest.fixture
async def redis_limiter(servers: EmbeddedUrls) -> AsyncIterator[RedisLimiter]:
    async with open_redis(servers.redis) as client:
        yield RedisLimiter(client)


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest) -> tuple[Limiter, Pass]:
    if request.param == "memory":
        clock = Clock()
        return InMemoryLimiter(lambda: clock.now_us), clock.let_pass
    return request.getfixturevalue("redis_limiter"), really_let_pass


@pytest.fixture
def meter(limiter: tuple[Limiter, Pass]) -> tuple[Meter, Pass]:
    """The same, as what can be asked for several."""
    limits, let_pass = limiter
    assert isinstance(limits, InMemoryLimiter | RedisLimiter)
    return limits, let_pass


async def test_a_burst_is_admitted_and_then_nothing(limiter: tuple[Limiter, Pass]) -> None:
    limits, _ = limiter
    key = secrets.token_hex(8)
    waits = await asyncio.gather(*(limits.take(key, 0.5, 7) for _ in range(40)))
    assert waits.count(0) == 7
    assert all(1000 < wait <= 2000 for wait in waits if wait)
    assert await limits.take(secrets.token_hex(8), 0.5, 7) == 0, "keys do not share"


async def test_after_the_time_it_said_one_is_admitted(limiter: tuple[Limiter, Pass]) -> None:
    limits, let_pass = limiter
    key = secrets.token_hex(8)
    assert await limits.take(key, 10, 1) == 0
    for _ in range(3):
        wait = await limits.take(key, 10, 1)
        assert 0 < wait <= 100
        await let_pass(wait)
        assert await limits.take(key, 10, 1) == 0


async def test_no_more_than_burst_and_rate_times_time_are_admitted(
    limiter: tuple[Limiter, Pass],
) -> None:
    limits, let_pass = limiter
    key = secrets.token_hex(8)
    passed_ms, admitted = 0, 0
    began = time.monotonic()
    while admitted < 30:
        wait = await limits.take(key, 100, 5)
        admitted += wait == 0
        await let_pass(wait)
        passed_ms += wait
    elapsed_s = max(passed_ms / 1000, time.monotonic() - began)
    assert admitted <= 5 + 100 * elapsed_s


async def test_the_wait_is_exact_to_the_millisecond() -> None:
    clock = Clock()
    limits = InMemoryLimiter(lambda: clock.now_us)
    assert await limits.take("key", 3, 1) == 0
    wait = await limits.take("key", 3, 1)
    await clock.let_pass(wait - 1)
    assert await limits.take("key", 3, 1) == 1
    await clock.let_pass(1)
    assert await limits.take("key", 3, 1) == 0


async def test_whole_keys_are_forgotten() -> None:
    clock = Clock()
    limits = InMemoryLimiter(lambda: clock.now_us)
    for n in range(10_000):
        await limits.take(str(n), 1, 1)
        await clock.let_pass(10)
    assert len(limits) < 3000


async def test_several_are_drawn_at_once_as_many_as_there_are(
    meter: tuple[Meter, Pass],
) -> None:
    draws, let_pass = meter
    key, allowance = secrets.token_hex(8), Allowance(2, 10)
    first = await draws.draw(key, allowance, 4)
    assert (first.granted, first.wait_ms, first.left) == (4, 0, 6)
    assert 1900 < first.whole_ms <= 2000
    second = await draws.draw(key, allowance, 20)
    assert (second.granted, second.left) == (6, 0)
    refused = await draws.draw(key, allowance, 3)
    assert (refused.granted, refused.left) == (0, 0)
    assert 0 < refused.wait_ms <= 500 < refused.whole_ms <= 5000
    await let_pass(refused.wait_ms)
    assert (await draws.draw(key, allowance, 3)).granted == 1
