"""Operators' commands over a supervisor and hosts of our own; each sleep of a command is a second
in which the supervisor works."""

import pytest
from support.houses import House, at_work

from streamhub.cluster.access import NotDone, Stores
from streamhub.cluster.operate import Operator
from streamhub.domain.wishes import NodeEntry


class Console:
    """An operator's terminal, beside a cluster whose hosts end as soon as they drain."""

    def __init__(self, house: House, *, within_s: float = 30.0) -> None:
        self.house = house
        self.lines: list[str] = []
        self.most = 0
        self.least = 99
        self.supervised = True
        self.away: list[int] = []
        """Seconds, from now, in which PostgreSQL is away."""
        stores = Stores(house.store, house.wishes)
        self.operator = Operator(
            stores,
            self.lines.append,
            within_s=within_s,
            clock=lambda: house.now,
            sleep=self._second,
        )

    async def _second(self, _: float) -> None:
        self.house.store.away = bool(self.away) and self.away.pop() > 0
        if self.supervised:
            await self.house.second()
        else:
            self.house.now += 1
        states = {} if self.house.store.away else await self.house.states()
        live = sum(state == "live" for state in states.values())
        if states:
            self.most, self.least = max(self.most, len(states)), min(self.least, live)
        for host, state in states.items():
            if state == "draining":
                self.house.fleet.entries.pop(host, None)


async def test_a_node_is_drained_and_carries_hosts_again() -> None:
    house = await at_work("n", "m")
    console = Console(house)
    await console.operator.drain("ip-m", wait=True)
    assert house.fleet.on("m") == []
    assert len(await house.ids()) == 2
    assert console.lines[-1] == "node m is drained"
    await console.operator.drain("m", wait=True)  # safe to repeat
    await console.operator.undrain("m")
    await house.seconds(3)
    assert len(house.fleet.on("m")) == 2


async def test_a_host_is_replaced() -> None:
    house = await at_work("n", hosts_per_node=1)
    (old,) = await house.ids()
    console = Console(house)
    await console.operator.drain(old, wait=True)
    assert old not in await house.ids()
    assert console.least == 1
    with pytest.raises(NotDone, match="is no node or host"):
        await console.operator.drain(old, wait=True)


async def test_a_wish_need_not_be_waited_for() -> None:
    house = await at_work("n", "m")
    await Console(house).operator.drain("n", wait=False)
    assert (await house.wishes.wishes()).drained == {"n"}
    assert len(await house.ids()) == 4


async def test_a_host_is_not_undrained() -> None:
    house = await at_work("n")
    with pytest.raises(NotDone, match="is no node"):
        await Console(house).operator.undrain((await house.ids())[0])


async def test_the_only_node_is_not_drained_and_the_operator_learns_why() -> None:
    house = await at_work("n", hosts_per_node=1)
    console = Console(house, within_s=20)
    with pytest.raises(NotDone, match="on another node"):
        await console.operator.drain("n", wait=True)


async def test_hosts_become_more_and_fewer() -> None:
    house = await at_work("n", "m")
    console = Console(house)
    await console.operator.scale(3)
    assert [len(house.fleet.on(node)) for node in ("n", "m")] == [3, 3]
    await console.operator.scale(1)
    assert [len(house.fleet.on(node)) for node in ("n", "m")] == [1, 1]
    await console.operator.scale(1)
    assert len(await house.ids()) == 2


async def test_drained_nodes_do_not_count_for_scaling() -> None:
    house = await at_work("n", "m")
    console = Console(house)
    await console.operator.drain("m", wait=True)
    house.fleet.machines.append(NodeEntry(id="head", address="ip-h", carries=False))
    await console.operator.scale(3)
    assert len(await house.ids()) == 3


@pytest.mark.parametrize("hosts_per_node", [1, 2, 3])
async def test_a_rolling_restart_replaces_every_host_one_after_the_other(
    hosts_per_node: int,
) -> None:
    house = await at_work("n", "m", hosts_per_node=hosts_per_node)
    before = set(await house.ids())
    console = Console(house)
    await console.operator.restart_rolling()
    after = set(await house.ids())
    assert len(after) == len(before)
    assert not after & before
    assert console.least == len(before)  # never fewer than there should be
    assert console.most == len(before) + 1
    await house.second()
    assert (await house.wishes.wishes()).leaving == frozenset()


async def test_a_rolling_restart_outlives_a_database_that_is_away_for_a_while() -> None:
    house = await at_work("n")
    before = set(await house.ids())
    console = Console(house)
    console.away = [0, 0, 1, 1, 1, 0, 0, 1, 0, 0]
    await console.operator.restart_rolling()
    assert not before & set(await house.ids())
    assert any("away" in line for line in console.lines)


async def test_a_host_that_died_meanwhile_counts_as_replaced() -> None:
    house = await at_work("n")
    _, second = await house.ids()
    console = Console(house)
    house.fleet.entries.pop(second)
    await console.operator.restart_rolling()
    assert len(await house.ids()) == 2


async def test_without_a_supervisor_the_operator_is_told() -> None:
    house = await at_work("n", "m")
    console = Console(house, within_s=30)
    console.supervised = False
    with pytest.raises(NotDone, match="no supervisor was heard lately"):
        await console.operator.drain("n", wait=True)


async def test_down_waits_until_no_host_is_left() -> None:
    house = await at_work("n")
    console = Console(house, within_s=5)
    console.supervised = False
    with pytest.raises(NotDone, match="2 hosts are left"):
        await console.operator.down()
    assert (await house.wishes.wishes()).down
    await house.supervisor.shut_down(1.0)
    await console.operator.down()
    assert console.lines[-1] == "StreamHub is down"
