"""Does to nodes what must not harm, and measures how long clients notice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import asyncpg
from support.load import Load
from support.nodes import Nodes
from support.polling import until
from support.ray_nodes import HEAD
from support.up import Process

GREEN_WITHIN_S: Final = 90.0
QUIET_S: Final = 5.0
"""Between one fault's end and the next."""

LONG_CUT_S: Final = 95.0

GCS_AWAY_S: Final = 8.0
_ANSWER_HELD_S: Final = 1.0


class Recovery(NamedTuple):
    """How a fault went, in seconds since it began. `waits_p99_s` and `longest_s` are of the
    messages that were under way when it began or were sent until all was green again."""

    fault: str
    waits_p99_s: float
    longest_s: float
    green_s: float

    def __str__(self) -> str:
        return (
            f"{self.fault}: acknowledged after {self.waits_p99_s:.1f} s (p99),"
            f" {self.longest_s:.1f} s (longest); all nodes ready after {self.green_s:.1f} s"
        )


class Operator:
    """Each fault returns when every sender was answered again and every node is ready."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.recoveries: list[Recovery] = []

    async def all_green(self, within_s: float = GREEN_WITHIN_S) -> None:
        """Wait until each node has its host in the view, and says that it is ready."""

        async def green() -> bool:
            nodes = self.nodes
            if sorted(await nodes.hosts()) != sorted(nodes.names):
                return False
            asked = (asyncio.to_thread(nodes.is_green, name) for name in nodes.names)
            return all(await asyncio.gather(*asked))

        await until(green, within_s=within_s)

    # -- faults -------------------------------------------------------------------------------

    async def kill_a_host(self, load: Load) -> None:
        await self._signal_a_host("host killed", signal.SIGKILL, load)

    async def stop_a_host(self, load: Load) -> None:
        await self._signal_a_host("host stopped", signal.SIGSTOP, load)

    async def kill_a_node(self, load: Load) -> None:
        """A power cut: nobody is told, nothing answers. Another machine takes its place."""
        victim = await self._victim()
        async with self._recovery("node killed", load):
            self.nodes.network.isolate(victim)
            await asyncio.to_thread(self.nodes.network.kill, victim)
            await self._evicted({(await self.nodes.hosts())[victim].id})
            self.nodes.remove_node(victim)
            await self.add_a_node(load)
        self.nodes.network.heal()

    async def add_a_node(self, load: Load) -> None:
        """Returns when it carries its share of the channels."""
        name = self.nodes.begin_node()
        await asyncio.to_thread(self.nodes.ray.wait_started, name)
        begun_s = asyncio.get_running_loop().time()

        async def carries() -> int:
            return await self.nodes.carried(name, load.channels)

        count = await until(carries, within_s=GREEN_WITHIN_S)
        took_s = asyncio.get_running_loop().time() - begun_s
        share = f"{count} of {len(load.channels)} channels"
        print(f"    node added: carries {share} {took_s:.1f} s after its Ray began", flush=True)

    async def cut_a_node_off(self, load: Load) -> None:
        await self._cut_off("node cut off", load, both=True)

    async def cut_a_node_off_one_way(self, load: Load) -> None:
        await self._cut_off("node cut off, one way", load, both=False)

    async def cut_between_two_hosts(self, load: Load) -> None:
        """Both still see the supervisor, PostgreSQL and their clients."""
        one, other = self.nodes.names[:2]
        before = await self.nodes.hosts()
        async with self._recovery("cut between two hosts", load):
            self.nodes.network.cut([one], [other])
            await self._evicted({before[one].id, before[other].id})
            self.nodes.network.heal()

    async def cut_a_node_off_for_long(self, load: Load) -> None:
        """From everybody, until Ray has given the node up and what runs on it has not; then it
        is let back, notices that others own what it owned, and ends."""
        victim = await self._victim()
        stale = (await self.nodes.hosts())[victim]
        begun_s = asyncio.get_running_loop().time()
        async with self._recovery(f"node cut off for {LONG_CUT_S:g} s", load):
            self.nodes.network.isolate(victim)
            await self._evicted({stale.id})
            await load.all_answered()
            await asyncio.sleep(begun_s + LONG_CUT_S - asyncio.get_running_loop().time())
            process = Process.of(stale.pid)
            assert process.alive, "the cut ended what it should only have cut off"
            self.nodes.network.heal()

            async def gone() -> bool:
                return not process.alive

            await until(gone, within_s=GREEN_WITHIN_S)
            assert stale.id not in {entry.id for entry in (await self.nodes.view()).hosts}
            self.nodes.remove_node(victim)
            await self.add_a_node(load)

    async def restart_gcs(self, load: Load) -> None:
        """The head's tables' server dies, and comes back with its tables in Redis."""
        async with self._recovery("Ray's GCS killed, away and restarted", load):
            self.nodes.ray.kill_gcs()
            await load.all_answered()
            await asyncio.sleep(GCS_AWAY_S)
            await asyncio.to_thread(self.nodes.ray.restart_gcs)

    async def kill_the_supervisor(self, load: Load) -> None:
        _, pid = self.nodes.supervisor()
        async with self._recovery("supervisor killed", load):
            os.kill(pid, signal.SIGKILL)

            async def another() -> bool:
                try:
                    return self.nodes.supervisor()[1] != pid
                except LookupError:
                    return False

            await until(another, within_s=GREEN_WITHIN_S)

    async def cut_postgresql_in_a_batch(self, load: Load) -> None:
        """Statements arrive and are done, their answers are held back, then their connections
        end: the host cannot know what is stored."""
        victim = await self._victim()
        host = (await self.nodes.hosts())[victim]
        async with self._recovery("PostgreSQL connection cut in a batch", load):
            self.nodes.network.cut(["stores"], [victim], both=False)
            await asyncio.sleep(_ANSWER_HELD_S)
            connection = await asyncpg.connect(self.nodes.stores.urls.postgres)
            ended = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = $1",
                f"streamhub {host.id}",
            )
            await connection.close()
            assert ended
            self.nodes.network.heal()

    # -- private ------------------------------------------------------------------------------

    async def _victim(self) -> str:
        """The node whose host is the oldest: every one has its turn."""
        hosts = await self.nodes.hosts()
        return min(hosts, key=lambda name: hosts[name].id)

    async def _signal_a_host(self, fault: str, number: signal.Signals, load: Load) -> None:
        victim = (await self.nodes.hosts())[await self._victim()]
        async with self._recovery(fault, load):
            os.kill(victim.pid, number)
            await self._evicted({victim.id})

    async def _cut_off(self, fault: str, load: Load, *, both: bool) -> None:
        """From the head and the other nodes; PostgreSQL and clients still reach it."""
        victim = await self._victim()
        host = (await self.nodes.hosts())[victim]
        others = {HEAD, *self.nodes.names} - {victim}
        async with self._recovery(fault, load):
            self.nodes.network.cut([victim], others, both=both)
            await self._evicted({host.id})
            await load.all_answered()
            self.nodes.network.heal()

    async def _evicted(self, hosts: set[str]) -> None:
        """Wait until one of these is no longer in the view."""

        async def is_out() -> bool:
            return not hosts <= {entry.id for entry in (await self.nodes.view()).hosts}

        await until(is_out, within_s=GREEN_WITHIN_S)

    @asynccontextmanager
    async def _recovery(self, fault: str, load: Load) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        yield
        await load.all_answered()
        await self.all_green()
        green_s = loop.time() - begun_s
        waits = load.waits(since_s=begun_s)
        p99_s = waits[int(len(waits) * 0.99)]
        self.recoveries.append(Recovery(fault, p99_s, waits[-1], green_s))
        print(f"    {self.recoveries[-1]}", flush=True)
        await asyncio.sleep(QUIET_S)
