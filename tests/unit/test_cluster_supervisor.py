"""The supervisor over a fleet of our own, on a clock of our own."""

import asyncio

import pytest
from support.houses import AwayableStore, House, ScriptedFleet, at_work, settle
from support.polling import until

from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HostId


@pytest.fixture
async def house() -> House:
    return await at_work()


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
    successor = House(ScriptedFleet(house.store), house.store)
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
    store = AwayableStore()
    house = House(ScriptedFleet(store), store)
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
    house = House(ScriptedFleet(store), store)
    running = asyncio.create_task(house.supervisor.run())
    await settle()
    store.away = False

    async def complete() -> bool:
        return len(await house.ids()) == 2

    await until(complete)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_a_supervisor_published_that_is_gone_is_watched_too(house: House) -> None:
    before = await house.store.view()
    dead = HostEntry(id=HostId("ho_dead"), node=before.hosts[0].node, address="127.0.0.1:1", pid=1)
    published = await house.store.publish((*before.hosts, dead), expected_version=before.version)
    assert published is not None
    await house.seconds(3)
    assert await house.ids() == [entry.id for entry in before.hosts]
