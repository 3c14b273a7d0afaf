"""A supervisor over hosts that do as a test says, on a clock of the test."""

import asyncio
from collections.abc import Mapping

from streamhub.cluster.fleet import HostGone
from streamhub.cluster.roster import Roster
from streamhub.cluster.supervisor import Supervisor
from streamhub.domain.cluster import HostEntry, HostReport, View
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry
from streamhub.persistence.memory import InMemoryClusterStore, InMemoryWishStore


class ScriptedFleet:
    """Hosts that serve as soon as they are started and read every view, until a test says
    otherwise. A host that drains is there until the test removes it from `entries`."""

    def __init__(self, store: InMemoryClusterStore, *nodes: str) -> None:
        self.machines = [NodeEntry(id=node, address=f"ip-{node}") for node in nodes or ("n",)]
        self.entries: dict[HostId, HostEntry] = {}
        self.silent: set[HostId] = set()
        self.unready: set[HostId] = set()
        self.cut: set[tuple[HostId, HostId]] = set()
        """Who cannot reach whom."""
        self.failing = ""
        self.starts: list[str] = []
        self.killed: list[tuple[HostId, HostEntry | None]] = []
        self.stopped: list[HostId] = []
        self.looked: list[HostId] = []
        self._store = store

    def nodes(self) -> tuple[NodeEntry, ...]:
        return tuple(self.machines)

    async def running(self) -> Mapping[HostId, str]:
        return {host: entry.node for host, entry in self.entries.items()}

    def start(self, host: HostId, node: str) -> None:
        self.starts.append(node)
        port = 5000 + len(self.starts)
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
        return HostReport(
            ready=host not in self.unready,
            view=(await InMemoryClusterStore.view(self._store)).version,  # even if away
            unlinked=tuple(peer for one, peer in sorted(self.cut) if one == host),
        )

    def look(self, host: HostId) -> None:
        self.looked.append(host)

    async def stop(self, host: HostId, within_s: float) -> None:
        self.stopped.append(host)

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        self.killed.append((host, stuck))
        self.entries.pop(host, None)

    def on(self, node: str) -> list[HostId]:
        """The hosts of a node, oldest first."""
        return sorted(host for host, entry in self.entries.items() if entry.node == node)


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

    def __init__(
        self,
        fleet: ScriptedFleet,
        store: AwayableStore,
        wishes: InMemoryWishStore | None = None,
        *,
        hosts_per_node: int = 2,
    ) -> None:
        self.fleet = fleet
        self.store = store
        self.now = 1000.0
        self.wishes = wishes or InMemoryWishStore(lambda: self.now)
        self.supervisor = Supervisor(
            store,
            self.wishes,
            fleet,
            Roster(dead_after_s=5.0, drain_timeout_s=60.0),
            hosts_per_node=hosts_per_node,
            node="n",
            clock=lambda: self.now,
        )

    async def second(self) -> None:
        """A second passes: wishes are read, a look at everything, all calls that can end, a
        publication."""
        self.now += 1.0
        if not self.store.away:
            await self.supervisor.attend()
        self.supervisor.tick()
        await settle()
        if not self.store.away:
            await self.supervisor.publish()

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            await self.second()

    async def ids(self) -> list[HostId]:
        return [entry.id for entry in (await self.store.view()).hosts]

    async def states(self) -> dict[HostId, str]:
        return {entry.id: entry.state for entry in (await self.store.view()).hosts}

    def problem(self) -> str:
        return self.supervisor.report().problem


async def settle() -> None:
    """Let every call that can end do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def at_work(*nodes: str, hosts_per_node: int = 2) -> House:
    """A supervisor whose hosts all serve, on these nodes, or one."""
    store = AwayableStore()
    house = House(ScriptedFleet(store, *nodes), store, hosts_per_node=hosts_per_node)
    await house.supervisor.adopt()
    await house.seconds(2)
    assert house.supervisor.report().complete
    return house
