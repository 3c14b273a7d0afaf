"""A whole cluster in one process: hosts that come and go, a network, a database, clients."""

import asyncio
from collections.abc import Callable
from random import Random

from simulation.clients import Client
from simulation.database import Database
from simulation.hosts import SimulatedHost, SimulatedView, StableId
from simulation.loop import NOBODY
from simulation.network import Network
from simulation.parts import Parts

from streamhub.domain.channels import Channel, Visibility
from streamhub.domain.drafts import JoinDraft
from streamhub.domain.ids import ChannelId, HostId, UserId
from streamhub.persistence.memory import commits


class SimulatedCluster:
    """Hosts, and the view they are in; `violations` is what must never happen and did."""

    def __init__(
        self, random: Random, parts: Parts, trace: Callable[[str], None] | None = None
    ) -> None:
        self.random = random
        self.network = Network(random)
        self.database = Database(random)
        self.hosts: dict[HostId, SimulatedHost] = {}
        self.clients: list[Client] = []
        self.channels: list[ChannelId] = []
        self.violations: list[str] = []
        self._repairs = 0
        self._twice = 0
        self._trace = trace
        self._parts = parts
        self._view = SimulatedView(0, ())
        self._excluded: set[HostId] = set()
        self._made = 0

    @property
    def evicts(self) -> bool:
        return self._parts.evicts

    @property
    def compares(self) -> bool:
        return self._parts.compares

    def note(self, what: str) -> None:
        if self._trace is not None:
            self._trace(f"{asyncio.get_running_loop().time():9.3f}  {what}")

    def violate(self, what: str) -> None:
        self.violations.append(f"at {asyncio.get_running_loop().time():.3f}: {what}")
        self.note(f"VIOLATION {what}")

    def some_host(self) -> SimulatedHost | None:
        """A host that takes clients."""
        awake = [host for host in self.hosts.values() if not host.life.frozen]
        doors = [host for host in awake if host.id in self._view.hosts]
        return self.random.choice(doors) if doors else None

    # -- hosts ----------------------------------------------------------------------------------

    def next_id(self) -> HostId:
        """The id of the next host."""
        self._made += 1
        return HostId(StableId(f"ho_{self._made}"))

    def new_host(self, name: HostId | None = None) -> SimulatedHost:
        """Start one; it owns nothing until it is in the view."""
        host = SimulatedHost(
            name or self.next_id(),
            parts=self._parts,
            network=self.network,
            database=self.database,
            latest_view=lambda: self._view,
            on_excluded=self._exits,
            random=self.random,
        )
        self.hosts[host.id] = host
        host.start()
        self.note(f"{host.id} starts")
        return host

    def publish(self, *, told: bool = True) -> None:
        """The next version of the view: the hosts there are. Those not told read it in time."""
        present = tuple(sorted(host for host in self.hosts if host not in self._excluded))
        self._set_view(present)
        self.note(f"view {self._view.version}: {' '.join(self._view.hosts)}")
        if told:
            for host in self.hosts.values():
                host.look()

    def exclude(self, host: SimulatedHost) -> None:
        """A view without a host that lives: it goes on until it reads that."""
        self._excluded.add(host.id)
        hosts = tuple(h for h in self._view.hosts if h != host.id)
        self._set_view(hosts)
        self.note(f"view {self._view.version}: {' '.join(hosts)}, without {host.id}")

    def _set_view(self, hosts: tuple[HostId, ...]) -> None:
        self._adopt(self._view.version + 1, hosts)

    def _adopt(self, version: int, hosts: tuple[HostId, ...]) -> None:
        self._view = SimulatedView(version, hosts)
        self.database.tables.view = version

    def kill(self, host: SimulatedHost) -> None:
        """SIGKILL. The view still has it."""
        self.note(f"{host.id} is killed")
        self._repairs += host.relay.repairs
        self._twice += host.ledger.twice
        del self.hosts[host.id]
        host.die()

    def _exits(self, host: SimulatedHost) -> None:
        """It has read that it is no longer in the view."""
        self.note(f"{host.id} exits")
        asyncio.get_running_loop().call_soon(self._gone, host, context=NOBODY)

    def _gone(self, host: SimulatedHost) -> None:
        if host.id in self.hosts:
            self.kill(host)

    # -- people ---------------------------------------------------------------------------------

    async def new_channel(
        self, visibility: Visibility, users: list[UserId], name: ChannelId | None = None
    ) -> ChannelId:
        name = name or ChannelId(f"ch_{len(self.channels) + 1}")
        self.channels.append(name)
        store = next(iter(self.hosts.values())).store
        await store.create(
            Channel(
                id=name,
                kind="channel",
                visibility=visibility,
                created_by=users[0],
                created_at=0,
                name=name,
            ),
            key=name,
            digest=b"",
        )
        join = JoinDraft(channel=name, term=0, users=tuple(users[1:]), role="member", at=0)
        commits.commit(self.database.tables, join)
        self.database.tables.outbox.clear()
        return name

    def new_client(self, user: UserId, home: SimulatedHost | None = None) -> Client:
        """It connects to `home` as long as that lives, else to any host."""
        client = Client(user, self)
        client.home = home
        self.clients.append(client)
        client.connect()
        return client

    # -- figures --------------------------------------------------------------------------------

    @property
    def all_repairs(self) -> int:
        """What only digests found, on the hosts that are and that were."""
        return self._repairs + sum(host.relay.repairs for host in self.hosts.values())

    @property
    def answered_twice(self) -> int:
        return self._twice + sum(host.ledger.twice for host in self.hosts.values())

    # -- the end --------------------------------------------------------------------------------

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self.note("all is healed")
        self.network.heal()
        self.database.heal()
        for host in list(self.hosts.values()):
            host.deaf = False
            host.life.thaw()
        self._fill_up()
        self.publish()
        for client in self.clients:
            if client.wire is not None:
                client.wire.resume()

    def _fill_up(self) -> None:
        if all(host in self._excluded for host in self.hosts):
            self.new_host()

    def end(self) -> None:
        for host in list(self.hosts.values()):
            self.kill(host)
