"""One allowance per account over many hosts: what holds exactly, and what it costs."""

import random

import pytest

from streamhub.domain.limits import Allowance, Draw
from streamhub.domain.shares import SharedPace
from streamhub.persistence.memory.limits import InMemoryLimiter

ALLOWANCE = Allowance(rate=80, burst=240)


class Clock:
    now_us = 1_000_000

    def pass_ms(self, ms: float) -> None:
        self.now_us += round(ms * 1000)


class Counting:
    """A meter that counts how often it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._meter = InMemoryLimiter(lambda: clock.now_us)
        self.calls = 0

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        self.calls += 1
        return await self._meter.draw(key, allowance, count)


class Hosts:
    """Hosts that share one meter."""

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        self.meter = Counting(self.clock)
        self.paces = [
            SharedPace("commands", ALLOWANCE, self.meter, lambda: self.clock.now_us)
            for _ in range(count)
        ]
        for pace in self.paces:
            pace.spread_over(count)

    async def attempt(self, host: int, account: str = "ann") -> int:
        """0 when admitted, else the wait."""
        pace = self.paces[host]
        return 0 if pace.admits(account) else await pace.draw(account)

    async def greedy(self, host: int) -> int:
        """How many are admitted until one is not."""
        admitted = 0
        while not await self.attempt(host):
            admitted += 1
        return admitted


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 120])
async def test_a_standing_start_gives_one_burst_however_many_hosts(count: int) -> None:
    hosts = Hosts(count)
    admitted = sum([await hosts.greedy(host) for host in range(count)])
    assert ALLOWANCE.burst * 0.75 <= admitted <= ALLOWANCE.burst


@pytest.mark.parametrize("count", [1, 2, 5, 30])
async def test_from_a_standing_start_burst_and_rate_times_time_is_the_most(count: int) -> None:
    hosts, admitted = Hosts(count), 0
    for step in range(1000):
        admitted += sum([await hosts.greedy(host) for host in range(count)])
        assert admitted <= ALLOWANCE.burst + ALLOWANCE.rate * step * 0.01 + 1e-6
        hosts.clock.pass_ms(10)
    assert admitted > 0.9 * ALLOWANCE.rate * 10, "and nearly all of it can be had"


@pytest.mark.parametrize("count", [2, 6])
async def test_any_stretch_of_time_has_at_most_half_a_burst_more(count: int) -> None:
    hosts, choose = Hosts(count), random.Random(7)  # noqa: S311 - a seeded load
    times: list[float] = []
    for _ in range(3000):
        for _ in range(choose.choice((0, 0, 0, 1, 5, 60))):
            if not await hosts.attempt(choose.randrange(count)):
                times.append(hosts.clock.now_us / 1e6)
        hosts.clock.pass_ms(choose.choice((1, 10, 10, 300)))
    ahead = [nth - ALLOWANCE.rate * at for nth, at in enumerate(times)]
    least, most = ahead[0], 0.0
    for value in ahead:  # of all stretches from one admission to another
        least = min(least, value)
        most = max(most, value + 1 - least)
    assert ALLOWANCE.burst * 0.75 < most <= ALLOWANCE.burst * 1.5


async def test_who_chats_as_people_do_costs_no_call() -> None:
    hosts = Hosts(4)
    for _ in range(300):
        assert await hosts.attempt(0) == 0
        hosts.clock.pass_ms(500)
    assert hosts.meter.calls == 0


async def test_who_is_busy_costs_a_call_for_many_commands() -> None:
    hosts = Hosts(4)
    admitted = 0
    for _ in range(1000):
        admitted += await hosts.attempt(0) == 0
        hosts.clock.pass_ms(25)  # 40 a second, on one host
    assert admitted > 990
    assert hosts.meter.calls < admitted / 8


async def test_a_host_that_is_alone_asks_nobody_and_admits_all_of_it() -> None:
    hosts = Hosts(1)
    assert await hosts.greedy(0) == ALLOWANCE.burst
    assert hosts.meter.calls == 0


@pytest.mark.parametrize("count", [1, 3])
async def test_after_the_time_it_said_one_is_admitted(count: int) -> None:
    hosts = Hosts(count)
    await hosts.greedy(0)
    for _ in range(20):
        wait_ms = await hosts.attempt(0)
        assert wait_ms > 0
        hosts.clock.pass_ms(wait_ms - 1)
        assert await hosts.attempt(0) > 0, "not a millisecond late"
        hosts.clock.pass_ms(1)
        assert await hosts.attempt(0) == 0
        await hosts.greedy(0)


async def test_accounts_do_not_share() -> None:
    hosts = Hosts(2)
    await hosts.greedy(0)
    assert await hosts.attempt(0, "bob") == 0


async def test_whole_accounts_are_forgotten() -> None:
    hosts = Hosts(2)
    for n in range(10_000):
        assert await hosts.attempt(0, str(n)) == 0
        hosts.clock.pass_ms(10)
    assert len(hosts.paces[0]) < 3000
