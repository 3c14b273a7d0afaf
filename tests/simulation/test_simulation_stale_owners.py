"""Owners that do not know yet that they are none: step by step, and with the guard taken away."""

import asyncio
from itertools import count
from random import Random

import pytest
from simulation.clients import Client
from simulation.cluster import SimulatedCluster
from simulation.hosts import SimulatedHost, owner_among
from simulation.parts import Parts
from simulation.planted import SkipsVersions
from simulation.scenario import Report, run

from streamhub.domain.channels import Loaded
from streamhub.domain.ids import ChannelId, HostId, UserId
from streamhub.domain.messages import channel_actor
from streamhub.persistence.memory import InMemoryChannelStore

ALICE, BOB = UserId("us_alice"), UserId("us_bob")
LONG_AWAKE_S = 300.0


def channel_that_moves(before: list[str], after: list[str]) -> ChannelId:
    """A channel of the last host among `after` that was another's among `before`."""
    for number in count():
        channel = ChannelId(f"ch_{number}")
        owners = [
            owner_among(tuple(map(HostId, hosts)), channel_actor(channel))
            for hosts in (before, after)
        ]
        if owners == [before[0], after[-1]]:
            return channel
    raise AssertionError("numbers do not end")


async def settled(client: Client, channel: ChannelId) -> None:
    """Post, and be told."""
    await client.post(channel).answered.wait()


async def two_hosts(cluster: SimulatedCluster) -> tuple[SimulatedHost, SimulatedHost]:
    one, two = cluster.new_host(), cluster.new_host()
    cluster.publish()
    await asyncio.sleep(2.0)
    return one, two


async def away_and_back(cluster: SimulatedCluster) -> None:
    """A channel goes to a new host and comes back, in versions of which its owner reads one."""
    one, two = await two_hosts(cluster)
    channel = channel_that_moves(["ho_1", "ho_2"], ["ho_1", "ho_2", "ho_3"])
    await cluster.new_channel("public", [ALICE, BOB], channel)
    cluster.new_client(ALICE, one)
    writer = cluster.new_client(BOB, two)
    await settled(writer, channel)
    one.deaf = True
    three = cluster.new_host()
    cluster.publish()
    await asyncio.sleep(0.3)
    await settled(writer, channel)
    cluster.kill(three)
    cluster.publish()
    await asyncio.sleep(0.3)
    one.deaf = False
    one.look()
    await asyncio.sleep(1.0)


async def taken_back(cluster: SimulatedCluster) -> None:
    """A host that has not read that it is excluded is fenced, loads its channel again, and dies."""
    two, one = await two_hosts(cluster)
    channel = channel_that_moves([two.id, one.id], [one.id])
    await cluster.new_channel("public", [ALICE, BOB], channel)
    writer, other = cluster.new_client(ALICE, one), cluster.new_client(BOB, two)
    await settled(other, channel)
    two.deaf = True
    cluster.exclude(two)
    one.look()
    await asyncio.sleep(0.2)
    await settled(writer, channel)
    other.post(channel)
    await asyncio.sleep(1.5)
    cluster.kill(two)
    await asyncio.sleep(1.0)


def away_and_back_run(parts: Parts) -> Report:
    return run(away_and_back, Random(1), parts=parts)  # noqa: S311


def test_who_skips_a_version_gives_up_what_may_have_been_elsewhere() -> None:
    report = away_and_back_run(Parts(channel_idle_s=LONG_AWAKE_S))
    assert report.wrong == []
    assert report.acknowledged == 2


def test_without_that_its_readers_would_lack_what_was_written_elsewhere() -> None:
    report = away_and_back_run(Parts(channel_idle_s=LONG_AWAKE_S, system=SkipsVersions))
    assert any("us_alice lacks the seqs [2]" in wrong for wrong in report.wrong)


def test_an_excluded_owner_does_not_take_its_channel_back() -> None:
    parts = Parts(channel_idle_s=LONG_AWAKE_S)
    report = run(taken_back, Random(1), parts=parts)  # noqa: S311
    assert report.wrong == []
    assert report.acknowledged == 3


def test_if_it_did_the_rightful_owner_would_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    real = InMemoryChannelStore.take_over

    async def whatever_the_view(
        store: InMemoryChannelStore, channel: ChannelId, view: int
    ) -> Loaded | None:
        return await real(store, channel, 0)

    monkeypatch.setattr(InMemoryChannelStore, "take_over", whatever_the_view)
    parts = Parts(channel_idle_s=LONG_AWAKE_S)
    report = run(taken_back, Random(1), parts=parts)  # noqa: S311
    assert any("us_alice lacks the seqs [3]" in wrong for wrong in report.wrong)
