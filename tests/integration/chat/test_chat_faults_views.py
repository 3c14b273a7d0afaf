"""Hosts come, go and die under load: nothing is lost, doubled or put in another order."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.fault_proxy import Cut, anywhere, fault_proxy
from support.faulty_hosts import FaultyCluster, FaultyHost, faulty_cluster
from support.load import Size, assert_whole, load

from streamhub.persistence.embedded.stack import EmbeddedUrls

SIZE = Size(channels=8, senders=16, listeners=32, per_s=10)
NOTICED_AFTER_S = 1.0
CUT_WITHIN_BYTES = 20_000


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        yield cluster


async def test_channels_that_move_lose_and_double_nothing(cluster: FaultyCluster) -> None:
    async with load(cluster.url, SIZE) as running:
        for _ in range(2):
            await running.more(100)
            await cluster.add()
            await cluster.publish()
            await running.more(100)
            await cluster.remove(cluster.hosts[0])
            await cluster.publish()
        await running.more(100)
        await running.finish()
        print(f"\n4 view changes: {running.summary()}")
        assert_whole(running)


async def test_hosts_that_die_and_sockets_cut_at_any_byte_lose_and_double_nothing(
    cluster: FaultyCluster,
) -> None:
    async with (
        fault_proxy(cluster.url) as rough,
        load(cluster.url, SIZE, rough=f"http://127.0.0.1:{rough.port}") as running,
    ):
        chance = random.Random(7)  # noqa: S311 - where cuts fall
        rough.cuts = anywhere(chance, CUT_WITHIN_BYTES)
        rough.cut()
        for _ in range(3):
            await running.more(100)
            victim = cluster.hosts[0]
            assert isinstance(victim, FaultyHost)
            await cluster.crash(victim)
            await asyncio.sleep(NOTICED_AFTER_S)  # so long nobody knows
            await cluster.add()
            await cluster.publish()
        await running.more(100)
        rough.cuts = Cut
        await running.finish()
        print(f"\n3 deaths, {rough.ended} cuts: {running.summary()}")
        assert rough.ended > 20
        assert_whole(running)
