"""Which policy counts what, and by whom."""

import pytest

from streamhub.domain.access import RIGHTS, Standing
from streamhub.domain.errors import TryAgain
from streamhub.domain.fair_use import COUNTED, FairUse, Policies
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.limits import Allowance, Draw, Remembering
from streamhub.domain.principals import Principal
from streamhub.persistence.limits import AWAY_S, LocalWhenAway
from streamhub.persistence.memory.limits import InMemoryLimiter

ANN = UserId("us_ann")
POLICIES = Policies(
    requests_by_address=Allowance(1, 3),
    requests=Allowance(1, 5),
    requests_by_token=Allowance(1, 2),
    commands=Allowance(1, 4),
    creations=Allowance(1, 2),
    lookups=Allowance(1, 1),
)


def principal(family: str = "fa_1", *, by_token: bool = False) -> Principal:
    scopes = frozenset(("chat:read",)) if by_token else None
    standing = Standing(user=ANN, scopes=scopes)
    return Principal(user=ANN, family=FamilyId(family), standing=standing, expires_at=0)


class Clock:
    now_us = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fair_use(clock: Clock) -> FairUse:
    return FairUse(POLICIES, InMemoryLimiter(lambda: clock.now_us), lambda: clock.now_us)


def test_what_is_counted_by_itself_is_an_operation_with_a_policy() -> None:
    assert set(COUNTED) <= set(RIGHTS)
    assert set(COUNTED.values()) <= set(Policies._fields)


async def test_an_account_has_one_allowance_for_all_its_log_ins(fair_use: FairUse) -> None:
    for n in range(5):
        (use,) = await fair_use.of_principal(principal(f"fa_{n}"), "account.get")
        use.check()
        assert (use.policy, use.draw.left) == ("requests", 4 - n)
    (use,) = await fair_use.of_principal(principal("fa_9"), "account.get")
    with pytest.raises(TryAgain) as refused:
        use.check()
    assert (refused.value.code, refused.value.retry_after_ms) == ("rate_limited", 1000)


async def test_a_token_that_is_spent_leaves_its_owner_the_rest(fair_use: FairUse) -> None:
    for expected in (1, 1, 0, 0, 0):
        uses = await fair_use.of_principal(principal("tk_1", by_token=True), "message.get")
        assert uses[0].policy == "requests_by_token"
        assert uses[0].draw.granted == expected
    assert (await fair_use.of_principal(principal(), "message.get"))[0].draw.left == 2


async def test_rare_operations_count_besides(fair_use: FairUse) -> None:
    uses = await fair_use.of_principal(principal(), "user.find")
    assert [(use.policy, use.draw.granted) for use in uses] == [("requests", 1), ("lookups", 1)]
    uses = await fair_use.of_principal(principal(), "user.find")
    assert [use.draw.granted for use in uses] == [1, 0]


async def test_a_network_is_one_address(fair_use: FairUse) -> None:
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"):
        (await fair_use.of_address(address)).check()
    assert not (await fair_use.of_address("2001:db8::3")).draw.granted
    assert (await fair_use.of_address("2001:db8:0:1::3")).draw.granted


async def test_an_operation_that_counts_by_itself_does_so_over_sockets_too(
    fair_use: FairUse,
) -> None:
    await fair_use.of_principal(principal(), "channel.create")
    assert not fair_use.admits(ANN, "channel.create")
    await fair_use.check_command(ANN, "channel.create")
    with pytest.raises(TryAgain, match="creations: 2 at once, then 1 a second"):
        await fair_use.check_command(ANN, "channel.create")
    assert fair_use.admits(ANN, "message.send")


async def test_commands_run_out_and_come_back(fair_use: FairUse, clock: Clock) -> None:
    assert [fair_use.admits(ANN, "message.send") for _ in range(5)] == [True] * 4 + [False]
    with pytest.raises(TryAgain, match="over all your sockets") as refused:
        await fair_use.check_command(ANN, "message.send")
    assert refused.value.retry_after_ms == 1000
    clock.now_us += 1_000_000
    assert fair_use.admits(ANN, "message.send")


class Asked:
    """A meter that counts how often it is asked, and can be away."""

    def __init__(self, clock: Clock) -> None:
        self._meter = InMemoryLimiter(lambda: clock.now_us)
        self.calls = 0
        self.away = False

    async def draw(self, key: str, allowance: Allowance, count: int = 1) -> Draw:
        self.calls += 1
        if self.away:
            raise TryAgain("unavailable")
        return await self._meter.draw(key, allowance, count)


async def test_a_refusal_is_remembered_until_its_moment(clock: Clock) -> None:
    asked = Asked(clock)
    meter = Remembering(asked, lambda: clock.now_us)
    assert (await meter.draw("key", Allowance(2, 1))).granted
    waits = [(await meter.draw("key", Allowance(2, 1))).wait_ms for _ in range(100)]
    assert waits == [500] * 100
    assert asked.calls == 2
    clock.now_us += 499_000
    assert await meter.draw("key", Allowance(2, 1)) == Draw(0, 1, 0, 1)
    clock.now_us += 1_000
    assert (await meter.draw("key", Allowance(2, 1))).granted


async def test_refusals_that_are_over_are_forgotten(clock: Clock) -> None:
    meter = Remembering(InMemoryLimiter(lambda: clock.now_us), lambda: clock.now_us)
    for n in range(10_000):
        for _ in range(2):
            await meter.draw(str(n), Allowance(100, 1))
        clock.now_us += 5_000
    assert len(meter) < 2100


async def test_while_nobody_can_say_each_host_counts_by_itself(clock: Clock) -> None:
    shared, local = Asked(clock), InMemoryLimiter(lambda: clock.now_us)
    meter = LocalWhenAway(shared, local, lambda: clock.now_us / 1e6)
    shared.away = True
    granted = [(await meter.draw("key", Allowance(0.01, 3))).granted for _ in range(50)]
    assert sum(granted) == 3
    assert shared.calls == 1, "and nobody waits for what is away"
    shared.away = False
    clock.now_us += int(AWAY_S * 1e6)
    assert (await meter.draw("key", Allowance(0.01, 3))).granted
    assert shared.calls == 2
