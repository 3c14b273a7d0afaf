"""The supervisor over several nodes: wishes, draining, evictions, and a second supervisor."""

import asyncio

from support.houses import House, at_work, settle

from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry


async def test_every_node_gets_its_hosts_and_a_new_one_too() -> None:
    house = await at_work("n", "m")
    assert [len(house.fleet.on(node)) for node in ("n", "m")] == [2, 2]
    house.fleet.machines.append(NodeEntry(id="o", address="ip-o"))
    await house.seconds(2)
    assert len(house.fleet.on("o")) == 2
    assert len(await house.ids()) == 6


async def test_a_node_out_of_sight_keeps_its_hosts_while_they_answer() -> None:
    house = await at_work("n", "m")
    before = await house.ids()
    house.fleet.machines.pop()
    await house.seconds(30)
    assert await house.ids() == before
    for host in house.fleet.on("m"):
        house.fleet.silent.add(host)
    await house.seconds(7)
    assert await house.ids() == house.fleet.on("n")
    assert house.fleet.on("m") == []


async def test_a_node_that_was_lost_and_came_back_gets_fresh_hosts() -> None:
    house = await at_work("n", "m")
    lost = house.fleet.on("m")
    machine = house.fleet.machines.pop()
    for host in lost:
        del house.fleet.entries[host]
    await house.seconds(3)
    house.fleet.machines.append(machine)
    await house.seconds(2)
    assert len(house.fleet.on("m")) == 2
    assert not set(lost) & set(house.fleet.on("m"))


async def test_while_no_node_is_known_nothing_is_started_and_nothing_ended() -> None:
    house = await at_work("n")
    before = await house.ids()
    house.fleet.machines.clear()
    await house.seconds(30)
    assert await house.ids() == before
    assert house.fleet.starts == ["n", "n"]


async def test_a_successor_knows_the_nodes_of_hosts_that_were_not_in_the_view_yet() -> None:
    house = await at_work("n", "m")
    view = await house.store.view()
    await house.store.publish(view.hosts[:1], expected_version=view.version)
    successor = House(house.fleet, house.store)
    await successor.supervisor.adopt()
    await successor.seconds(3)
    assert len(house.fleet.starts) == 4
    assert len(await house.ids()) == 4


# -- wishes -----------------------------------------------------------------------------------


async def test_a_host_is_replaced_before_it_drains_and_its_wish_is_forgotten_then() -> None:
    house = await at_work("n", hosts_per_node=1)
    (old,) = await house.ids()
    await house.wishes.wish_gone(old)
    await house.second()
    new = next(host for host in house.fleet.entries if host != old)
    assert await house.states() == {old: "live", new: "live"}
    await house.seconds(2)
    assert await house.states() == {old: "draining", new: "live"}
    assert (await house.wishes.wishes()).leaving == {old}
    del house.fleet.entries[old]  # it handed over, and ended by itself
    await house.seconds(2)
    assert await house.states() == {new: "live"}
    assert (await house.wishes.wishes()).leaving == frozenset()
    assert house.problem() == ""
    assert len(house.fleet.starts) == 2


async def test_a_host_whose_replacement_does_not_start_stays() -> None:
    house = await at_work("n", hosts_per_node=1)
    (old,) = await house.ids()
    house.fleet.failing = "no memory"
    await house.wishes.wish_gone(old)
    await house.seconds(60)
    assert await house.states() == {old: "live"}
    assert "no memory" in house.problem()
    assert f"{old} waits" in house.problem()


async def test_a_host_that_does_not_finish_draining_is_killed() -> None:
    house = await at_work("n", hosts_per_node=1)
    (old,) = await house.ids()
    await house.wishes.wish_gone(old)
    await house.seconds(60)
    assert (await house.states())[old] == "draining"
    entry = house.fleet.entries[old]
    await house.seconds(10)
    assert old not in await house.states()
    assert house.fleet.killed[0][0] == old
    stuck = house.fleet.killed[0][1]
    assert stuck is not None
    assert stuck.pid == entry.pid


async def test_a_drained_node_is_empty_until_that_is_taken_back() -> None:
    house = await at_work("n", "m")
    there = house.fleet.on("m")
    await house.wishes.wish_drained("m", True)
    await house.seconds(2)
    assert {host for host, state in (await house.states()).items() if state == "draining"} == set(
        there
    )
    for host in there:
        del house.fleet.entries[host]
    await house.seconds(3)
    assert await house.ids() == house.fleet.on("n")
    assert house.supervisor.report().complete
    await house.wishes.wish_drained("m", False)
    await house.seconds(3)
    assert len(house.fleet.on("m")) == 2


async def test_the_only_node_is_not_drained_and_the_sign_says_why() -> None:
    house = await at_work("n", hosts_per_node=1)
    await house.wishes.wish_drained("n", True)
    await house.seconds(5)
    assert list((await house.states()).values()) == ["live"]
    last = await house.wishes.last_sign()
    assert last is not None
    assert "waits for a host on another node" in last.sign.problem
    house.fleet.machines.append(NodeEntry(id="m", address="ip-m"))
    await house.seconds(5)
    assert sorted((await house.states()).values()) == ["draining", "live"]


async def test_a_node_that_ray_drains_is_drained() -> None:
    house = await at_work("n", "m", hosts_per_node=1)
    house.fleet.machines[1] = NodeEntry(id="m", address="ip-m", carries=False)
    await house.seconds(2)
    assert (await house.states())[house.fleet.on("m")[0]] == "draining"


async def test_hosts_are_added_and_the_newest_taken_away() -> None:
    house = await at_work("n")
    await house.wishes.wish_hosts_per_node(3)
    await house.seconds(3)
    oldest, *newer = await house.ids()
    assert len(newer) == 2
    await house.wishes.wish_hosts_per_node(1)
    await house.seconds(2)
    states = await house.states()
    assert [states[host] for host in sorted(states)] == ["live", "draining", "draining"]
    for host in newer:
        del house.fleet.entries[host]
    await house.seconds(2)
    assert await house.states() == {oldest: "live"}
    assert house.supervisor.report().complete
    await house.wishes.wish_hosts_per_node(None)
    await house.seconds(3)
    assert len(await house.ids()) == 2


async def test_the_supervisor_leaves_a_sign_of_what_it_sees() -> None:
    house = await at_work("n", "m")
    await house.second()
    last = await house.wishes.last_sign()
    assert last is not None
    assert (last.sign.ready, last.sign.wanted, last.sign.problem) == (4, 4, "")
    assert [node.id for node in last.sign.nodes] == ["n", "m"]
    assert last.age_s == 0.0


async def test_a_wish_for_a_host_nobody_knows_is_forgotten() -> None:
    house = await at_work("n")
    await house.wishes.wish_gone(HostId("ho_nobody"))
    await house.seconds(2)
    assert (await house.wishes.wishes()).leaving == frozenset()


async def test_a_cluster_that_is_wished_down_is_not_supervised_any_more() -> None:
    house = await at_work("n")
    await house.wishes.wish_down(True)
    await asyncio.wait_for(house.supervisor.run(), 5)
    assert len(await house.ids()) == 2
    await house.supervisor.shut_down(1.0)
    assert await house.ids() == []


# -- evictions --------------------------------------------------------------------------------


async def test_of_two_hosts_that_cannot_link_the_younger_is_replaced() -> None:
    house = await at_work("n", "m", hosts_per_node=1)
    elder, younger = await house.ids()
    house.fleet.cut = {(elder, younger)}
    await house.seconds(6)
    ids = await house.ids()
    assert elder in ids
    assert younger not in ids
    assert len(ids) == 2
    assert house.fleet.killed[0][0] == younger


async def test_halves_that_cannot_link_lose_one_host_at_a_time() -> None:
    house = await at_work("n", "m")
    here, there = house.fleet.on("n"), house.fleet.on("m")
    house.fleet.cut = {(one, other) for one in here for other in there}
    await house.seconds(6)
    assert len(house.fleet.killed) == 1
    await house.seconds(6)
    assert len(house.fleet.killed) == 2
    assert len(await house.ids()) == 3
    await house.seconds(11)  # a node that loses one after the other gets new ones later
    assert len(await house.ids()) == 4


# -- two supervisors --------------------------------------------------------------------------


async def beside(house: House) -> House:
    """Another supervisor of the same hosts."""
    other = House(house.fleet, house.store, house.wishes)
    await other.supervisor.adopt()
    return other


async def test_two_supervisors_agree_and_keep_as_many_hosts_as_wanted() -> None:
    house = await at_work("n", "m")
    other = await beside(house)
    del house.fleet.entries[house.fleet.on("n")[0]]
    for _ in range(70):
        await asyncio.gather(house.second(), other.second())
        for host, state in (await house.states()).items():
            if state == "draining":
                house.fleet.entries.pop(host, None)
    await settle()
    assert [len(house.fleet.on(node)) for node in ("n", "m")] == [2, 2]
    assert await house.ids() == sorted(house.fleet.entries)


async def test_what_one_supervisor_adds_the_other_takes_over() -> None:
    house = await at_work("n", hosts_per_node=1)
    other = House(house.fleet, house.store, house.wishes, hosts_per_node=1)
    await other.supervisor.adopt()
    other.fleet.machines.append(NodeEntry(id="m", address="ip-m"))
    await other.seconds(3)
    added = house.fleet.on("m")[0]
    await house.wishes.wish_gone((await house.ids())[0])
    await house.seconds(4)
    assert added in await house.ids()
    assert added in {member.id for member in house.supervisor.report().hosts}


async def test_what_one_supervisor_removed_the_other_does_not_bring_back() -> None:
    house = await at_work("n")
    other = await beside(house)
    removed, kept = await house.ids()
    view = await house.store.view()
    entries = tuple(entry for entry in view.hosts if entry.id == kept)
    await house.store.publish(entries, expected_version=view.version)
    await asyncio.gather(house.seconds(5), other.seconds(5))
    assert removed not in await house.ids()
    assert kept in await house.ids()
