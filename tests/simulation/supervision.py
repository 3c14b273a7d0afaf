"""Supervisors of a simulation: the real ones, over hosts of simulated processes on some nodes.

Each has a life of its own, so it can be killed, and two can be at work at once. What they ask of
hosts takes a while and may stay without an answer; killing a host may fail when its node is out of
reach: then it lives on, out of the view, until it reads that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from simulation.cluster import SimulatedCluster
from simulation.database import Database
from simulation.hosts import SimulatedHost
from simulation.loop import NOBODY, Life

from streamhub.cluster.fleet import HostGone
from streamhub.cluster.roster import Roster
from streamhub.cluster.supervisor import Supervisor
from streamhub.domain.cluster import HostEntry, HostReport, View
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry, Sign, Wishes
from streamhub.persistence.memory import InMemoryClusterStore, InMemoryWishStore

DEAD_AFTER_S = 5.0
_STARTS_S = (0.5, 2.0)
_ANSWERS_S = (0.001, 0.05)


class ViewStore(InMemoryClusterStore):
    """The one row of the view; a version that is published twice is a violation."""

    def __init__(self, cluster: "SupervisedCluster") -> None:
        super().__init__()
        self._cluster = cluster
        self.published: dict[int, tuple[HostEntry, ...]] = {}

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        published = await super().publish(hosts, expected_version=expected_version)
        if published is None and not self._cluster.compares:
            published = View(version=expected_version + 1, hosts=hosts)
        if published is not None:
            if published.version in self.published:
                self._cluster.violate(f"view {published.version} was published twice")
            self.published[published.version] = hosts
            self._cluster.follow(published)
        return published


class FlakyViews(InMemoryClusterStore):
    """The view as one supervisor reaches it: over the database's connection."""

    def __init__(self, store: ViewStore, database: Database) -> None:
        super().__init__()
        self._store = store
        self._database = database

    async def view(self) -> View:
        return await self._database.ask(self._store.view)

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        return await self._database.ask(
            lambda: self._store.publish(hosts, expected_version=expected_version)
        )


class FlakyWishes(InMemoryWishStore):
    """Wishes as one supervisor reaches them."""

    def __init__(self, database: Database) -> None:
        super().__init__(lambda: 0.0)
        self._database = database

    async def attend(self, sign: Sign) -> Wishes:
        return await self._database.ask(lambda: InMemoryWishStore.attend(self, sign))

    async def wishes(self) -> Wishes:
        return await self._database.ask(lambda: InMemoryWishStore.wishes(self))


class SimulatedFleet:
    """Implements Fleet over the cluster's hosts."""

    def __init__(self, cluster: "SupervisedCluster", random: Random) -> None:
        self._cluster = cluster
        self._random = random

    def nodes(self) -> tuple[NodeEntry, ...]:
        return tuple(NodeEntry(id=node, address=node) for node in self._cluster.nodes)

    async def running(self) -> Mapping[HostId, str]:
        return dict(self._cluster.node_of)

    def start(self, host: HostId, node: str) -> None:
        self._cluster.node_of[host] = node
        asyncio.get_running_loop().call_later(
            self._random.uniform(*_STARTS_S), self._cluster.begin, host, context=NOBODY
        )

    async def entry(self, host: HostId) -> HostEntry:
        while host not in self._cluster.hosts:
            if host not in self._cluster.node_of:
                raise HostGone("it never came to be")
            await asyncio.sleep(0.2)
        node = self._cluster.node_of[host]
        return HostEntry(id=host, node=node, address=f"{host}:1", pid=1)

    async def ping(self, host: HostId) -> HostReport | None:
        await asyncio.sleep(self._random.uniform(*_ANSWERS_S))
        process = self._cluster.hosts.get(host)
        if process is None:
            raise HostGone("its process ended")
        if process.deaf or process.life.frozen:
            await asyncio.Event().wait()
        unlinked = process.unlinked if self._cluster.evicts else ()
        return HostReport(ready=True, view=process.version, unlinked=unlinked)

    def look(self, host: HostId) -> None:
        if process := self._cluster.hosts.get(host):
            process.look()

    async def stop(self, host: HostId, within_s: float) -> None:
        raise AssertionError("nobody wishes this cluster down")

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        process = self._cluster.hosts.get(host)
        silent = process is not None and (process.deaf or process.life.frozen)
        out_of_reach = silent and self._random.random() < 0.7
        self._cluster.note(f"{host} is to be killed{', and is not' if out_of_reach else ''}")
        if out_of_reach:
            return
        self._cluster.node_of.pop(host, None)
        if process is not None:
            asyncio.get_running_loop().call_soon(self._cluster.gone, process, context=NOBODY)


class SupervisedCluster(SimulatedCluster):
    """A cluster whose view the real supervisors publish, over hosts on three nodes or more."""

    nodes: tuple[str, ...] = ()

    def supervise(self, nodes: int) -> None:
        """Begin on so many nodes, one host each, with one supervisor."""
        self.nodes = tuple(f"n{number}" for number in range(nodes))
        self.node_of: dict[HostId, str] = {}
        self._views = ViewStore(self)
        self._wishes = FlakyWishes(self.database)
        self._supervisors: list[Life] = []
        self.new_supervisor()

    @property
    def views(self) -> int:
        """How many versions there were."""
        return len(self._views.published)

    def new_supervisor(self) -> None:
        """One more: Ray has lost sight of the one there is, or has started it again."""
        life = Life(f"supervisor {len(self._supervisors)}")
        self._supervisors.append(life)
        self.note(f"{life.name} starts")
        life.run(self._run_supervisor, life)

    def _run_supervisor(self, life: Life) -> None:
        loop = asyncio.get_running_loop()
        supervisor = Supervisor(
            FlakyViews(self._views, self.database),
            self._wishes,
            SimulatedFleet(self, self.random),
            Roster(dead_after_s=DEAD_AFTER_S, drain_timeout_s=20.0),
            hosts_per_node=1,
            node="n0",
            clock=loop.time,
        )
        life.spawn(_supervise(supervisor, life))

    def kill_supervisor(self) -> None:
        """The oldest that lives, unless it is the only one."""
        living = [life for life in self._supervisors if life.alive]
        if len(living) > 1:
            self.note(f"{living[0].name} is killed")
            living[0].end()

    def freeze_supervisor(self) -> None:
        """One of those that live."""
        living = [life for life in self._supervisors if life.alive]
        life = self.random.choice(living)
        self.note(f"{life.name} freezes")
        life.freeze()

    def thaw_supervisors(self) -> None:
        """They go on where they were."""
        for life in self._supervisors:
            if life.frozen:
                self.note(f"{life.name} wakes")
                life.thaw()

    def begin(self, host: HostId) -> None:
        """The process of a host that was asked for comes to be."""
        if host in self.node_of:
            self.new_host(host)

    def gone(self, process: SimulatedHost) -> None:
        """A process ended."""
        self.node_of.pop(process.id, None)
        self._gone(process)

    def follow(self, view: View) -> None:
        """A view was published: hosts read it, or are told."""
        hosts = tuple(entry.id for entry in view.hosts if entry.state == "live")
        self.note(f"view {view.version}: {' '.join(hosts)}")
        self._adopt(view.version, hosts)

    def kill(self, host: SimulatedHost) -> None:
        self.node_of.pop(host.id, None)
        super().kill(host)

    def publish(self, *, told: bool = True) -> None:
        """Nobody but a supervisor does."""

    def _fill_up(self) -> None:
        """Nor does anybody else start hosts."""

    def heal(self) -> None:
        super().heal()
        self.thaw_supervisors()
        living = [life for life in self._supervisors if life.alive]
        for extra in living[1:]:
            extra.end()
        if not living:
            self.new_supervisor()

    def end(self) -> None:
        for life in self._supervisors:
            life.end()
        super().end()


async def _supervise(supervisor: Supervisor, life: Life) -> None:
    """What `Supervisor.run` does, in tasks that can be ended at any point like a process."""
    while not await _survives(supervisor.adopt):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(1.0)
    life.spawn(_every_second(supervisor.publish))
    life.spawn(_every_second(supervisor.attend))
    while True:
        supervisor.tick()
        await asyncio.sleep(1.0)


async def _every_second(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await _survives(work)
        await asyncio.sleep(1.0)


async def _survives(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except TryAgain:
        return False
    return True
