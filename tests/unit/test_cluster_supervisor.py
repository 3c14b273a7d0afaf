"""The supervisor over a fleet of our own, on a clock of our own."""

import asyncio

import pytest
from support.polling import until

from streamhub.cluster.roster import Roster
from streamhub.cluster.supervisor import HostGone, Supervisor
from streamhub.domain.cluster import HostEntry, HostReport, View
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.persistence.memory import InMemoryClusterStore


class ScriptedFleet:
    """Hosts that serve as soon as they are started, until a test says otherwise."""

    def __init__(self) -> None:
        self.entries: dict[HostId, HostEntry] = {}
        self.silent: set[HostId] = set()
        self.failing = ""
        self.killed: list[tuple[HostId, HostEntry | None]] = []
        self.stopped: list[HostId] = []
        self.looked: list[HostId] = []

    def nodes(self) -> tuple[str, ...]:
        return ("n",)

    def running(self) -> tuple[HostId, ...]:
        return tuple(self.entries)

    def start(self, host: HostId, node: str) -> None:
        port = 5000 + len(self.entries)
        self.entries[host] = HostEntry(id=host, node=node, address=f"127.0.0.1:{port}", pid=port)

    async def entry(self, host: HostId) -> HostEntry:
        if self.failing:
            raise HostGone(self.failing)
        return self.entries[host]

    async def ping(self, host: HostId) -> HostReport | None:
        if host in self.silent:
            await asyncio.Event().wait()
        if host not in self.entries:
            raise HostGone("its process ended")
        return HostReport(ready=True)

    def look(self, host: HostId) -> None:
        self.looked.append(host)

    async def stop(self, host: HostId, within_s: float) -> None:
        self.stopped.append(host)

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        self.killed.append((host, stuck))
        self.entries.pop(host, None)


class AwayableStore(InMemoryClusterStore):
    """A store that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.rivals = 0

    async def view(self) -> View:
        self._check()
        return await super().view()

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        self._check()
        if self.rivals:
            self.rivals -= 1
            await super().publish((), expected_version=expected_version)
        return await super().publish(hosts, expected_version=expected_version)

    def _check(self) -> None:
        if self.away:
            raise TryAgain("unavailable", "The database is away.")


class House:
    """A supervisor and what it works with."""

    def __init__(self, fleet: ScriptedFleet, store: AwayableStore) -> None:
        self.fleet = fleet
        self.store = store
        self.now = 1000.0
        roster = Roster(2, dead_after_s=5.0)
        self.supervisor = Supervisor(store, fleet, roster, clock=lambda: self.now)

    async def second(self) -> None:
        """A second passes: a look at everything, all calls that can end, a publication."""
        self.now += 1.0
        self.supervisor.tick()
        await settle()
        if not self.store.away:
            await self.supervisor.publish()

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            await self.second()

    async def ids(self) -> list[HostId]:
        return [entry.id for entry in (await self.store.view()).hosts]


async def settle() -> None:
    """Let every call that can end do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def house() -> House:
    house = House(ScriptedFleet(), AwayableStore())
    await house.supervisor.adopt()
    await house.seconds(2)
    return house


async def test_all_hosts_are_in_the_view_and_told_to_read_it(house: House) -> None:
    assert await house.ids() == sorted(house.fleet.entries)
    assert len(house.fleet.entries) == 2
    assert set(house.fleet.looked) == set(house.fleet.entries)
    assert house.supervisor.report().complete


async def test_a_quiet_cluster_publishes_nothing_new(house: House) -> None:
    before = (await house.store.view()).version
    await house.seconds(20)
    assert (await house.store.view()).version == before


async def test_a_dead_host_is_replaced_by_another_one(house: House) -> None:
    dead, alive = await house.ids()
    del house.fleet.entries[dead]
    await house.seconds(2)
    after = await house.ids()
    assert alive in after
    assert dead not in after
    assert len(after) == 2


async def test_a_silent_host_is_killed_by_force_after_five_seconds(house: House) -> None:
    stuck, alive = await house.ids()
    entry = house.fleet.entries[stuck]
    house.fleet.silent.add(stuck)
    await house.seconds(4)
    assert house.fleet.killed == []
    await house.seconds(3)
    assert house.fleet.killed == [(stuck, entry)]
    assert stuck not in await house.ids()
    assert alive in await house.ids()


async def test_hosts_outlive_a_database_that_is_away(house: House) -> None:
    before = await house.ids()
    house.store.away = True
    await house.seconds(60)
    house.store.away = False
    await house.second()
    assert await house.ids() == before
    assert house.fleet.killed == []


async def test_a_supervisor_that_was_stopped_blames_nobody(house: House) -> None:
    before = await house.ids()
    house.now += 600.0
    await house.seconds(3)
    assert await house.ids() == before
    assert house.fleet.killed == []


async def test_a_successor_takes_over_the_hosts_as_they_are(house: House) -> None:
    before = await house.store.view()
    successor = House(house.fleet, house.store)
    await successor.supervisor.adopt()
    await successor.seconds(3)
    assert await house.store.view() == before
    assert successor.supervisor.report().complete
    gone = before.hosts[0].id
    del house.fleet.entries[gone]
    await successor.seconds(2)
    assert gone not in await house.ids()
    assert len(await house.ids()) == 2


async def test_a_successor_finds_hosts_that_were_not_in_the_view_yet(house: House) -> None:
    _, second = await house.ids()
    view = await house.store.view()
    await house.store.publish((view.hosts[0],), expected_version=view.version)
    successor = House(house.fleet, house.store)
    await successor.supervisor.adopt()
    await successor.seconds(2)
    assert second in await house.ids()
    assert len(house.fleet.entries) == 2


async def test_hosts_of_an_earlier_run_leave_the_view(house: House) -> None:
    left = await house.ids()
    house.fleet.entries.clear()
    successor = House(ScriptedFleet(), house.store)
    await successor.supervisor.adopt()
    await successor.seconds(2)
    assert not set(left) & set(await house.ids())
    assert len(await house.ids()) == 2


async def test_an_outrun_publication_is_made_on_top_of_the_other(house: House) -> None:
    house.store.rivals = 3
    dead = (await house.ids())[0]
    del house.fleet.entries[dead]
    await house.seconds(2)
    assert await house.ids() == sorted(house.fleet.entries)


async def test_why_a_host_does_not_start_is_told() -> None:
    house = House(ScriptedFleet(), AwayableStore())
    house.fleet.failing = "StoreMisconfigured: no connection left"
    await house.supervisor.adopt()
    await house.second()
    report = house.supervisor.report()
    assert report.problem == "StoreMisconfigured: no connection left"
    assert not report.complete


async def test_shutting_down_stops_hosts_in_order_then_empties_the_view(house: House) -> None:
    hosts = await house.ids()
    await house.supervisor.shut_down(1.0)
    assert sorted(house.fleet.stopped) == hosts
    assert await house.ids() == []
    assert house.fleet.entries == {}


async def test_hosts_drain_in_the_view_before_they_are_stopped(house: House) -> None:
    seen: list[set[str]] = []

    async def stop(host: HostId, within_s: float) -> None:
        seen.append({entry.state for entry in (await house.store.view()).hosts})

    house.fleet.stop = stop  # type: ignore[method-assign]
    await house.supervisor.shut_down(1.0)
    assert seen == [{"draining"}, {"draining"}]


@pytest.mark.parametrize("away_first", [False, True])
async def test_it_runs_by_itself_even_if_the_database_comes_late(away_first: bool) -> None:
    store = AwayableStore()
    store.away = away_first
    house = House(ScriptedFleet(), store)
    running = asyncio.create_task(house.supervisor.run())
    await settle()
    store.away = False

    async def complete() -> bool:
        return len(await house.ids()) == 2

    await until(complete)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
