"""The links between the hosts of a simulation: in order, with delays, and cut at any moment.

One connection joins a pair, as `transport.links` keeps one. Cut one way, it carries nothing that
way any more, and the silent end is given up after four seconds, as a frozen one is. When it is cut,
what was under way arrives up to some point, and each end hears of the loss in its own time: what an
end sends until then goes nowhere. A connection made anew is heard of only after the loss of the old
one.
"""

import asyncio
from random import Random
from typing import Protocol

from simulation.loop import NOBODY, Life

from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId

_DELAYS_S = (0.0002, 0.004)
_NOTICED_S = (0.0, 4.0)
_SILENT_S = 4.0
_UNLINKED_S = 10.0


class Peer(Protocol):
    """A host, as the network sees it."""

    id: HostId
    life: Life

    def receive(self, sender: HostId, envelope: Envelope) -> None: ...
    def link_lost(self, peer: HostId) -> None: ...
    def knows(self, peer: HostId) -> bool: ...


class Connection:
    """One connection of two hosts. `severed` once cut: nothing more is put on it that arrives."""

    def __init__(self) -> None:
        self.severed = False
        self.deaf: set[HostId] = set()
        self.last_arrival_s: dict[HostId, float] = {}
        self.travelling = 0
        self.survivors = 0


class Network:
    """Carries envelopes between hosts; `slow_s` may raise the delay of a pair for a while."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._peers: dict[HostId, Peer] = {}
        self._ends: dict[tuple[HostId, HostId], Connection] = {}
        self._whole: dict[frozenset[HostId], Connection] = {}
        self._parted: dict[frozenset[HostId], float] = {}
        self._parted_for_good: set[frozenset[HostId]] = set()
        self._refused_since: dict[tuple[HostId, HostId], float] = {}
        self._slow: dict[frozenset[HostId], float] = {}
        self._local: dict[HostId, list[Envelope]] = {}
        self.cuts = 0

    def join(self, peer: Peer) -> None:
        self._peers[peer.id] = peer

    def switch_of(self, peer: Peer) -> "SimulatedSwitch":
        return SimulatedSwitch(self, peer)

    # -- faults -------------------------------------------------------------------------------

    def cut(self, one: HostId, other: HostId, parted_s: float = 0.0) -> None:
        """Break the connection of two hosts; for so long no other can be made."""
        pair = frozenset((one, other))
        self._parted[pair] = max(self._parted.get(pair, 0.0), _now() + parted_s)
        connection = self._whole.pop(pair, None)
        if connection is None:
            return
        self.cuts += 1
        connection.severed = True
        connection.survivors = self._random.randint(0, connection.travelling)
        for end, peer in ((one, other), (other, one)):
            noticed_s = self._random.uniform(*_NOTICED_S)
            asyncio.get_running_loop().call_later(
                noticed_s, self.lose, end, peer, connection, context=NOBODY
            )

    def cut_one_way(self, sender: HostId, to: HostId, parted_s: float = 0.0) -> None:
        """What the one sends reaches the other no more, which notices the silence."""
        pair = frozenset((sender, to))
        self._parted[pair] = max(self._parted.get(pair, 0.0), _now() + parted_s)
        connection = self._whole.get(pair)
        if connection is None:
            return
        self.cuts += 1
        connection.deaf.add(to)
        asyncio.get_running_loop().call_later(
            _SILENT_S, self.lose, to, sender, connection, context=NOBODY
        )

    def fall_silent(self, host: HostId) -> None:
        """Its process is frozen: unless it wakes in time, its peers give it up."""
        for (end, peer), connection in self._ends.items():
            if peer == host:
                asyncio.get_running_loop().call_later(
                    _SILENT_S, self._lose_frozen, end, peer, connection, context=NOBODY
                )

    def part(self, one: HostId, other: HostId) -> None:
        """No link of these two, ever again: somebody has to give one of them up."""
        self._parted_for_good.add(frozenset((one, other)))
        self.cut(one, other)

    def unlinked(self, host: HostId) -> tuple[HostId, ...]:
        """The peers that `host` has failed to reach for so long that it says so."""
        return tuple(
            peer
            for (one, peer), since in self._refused_since.items()
            if one == host and _now() - since >= _UNLINKED_S
        )

    def slow_down(self, one: HostId, other: HostId, delay_s: float) -> None:
        self._slow[frozenset((one, other))] = delay_s

    def die(self, host: HostId) -> None:
        """The process is gone, and its connections with it."""
        del self._peers[host]
        for pair in [pair for pair in self._refused_since if host in pair]:
            del self._refused_since[pair]
        for end, peer in list(self._ends):
            if end == host:
                self.cut(host, peer)
                self._ends.pop((host, peer), None)

    def heal(self) -> None:
        self._parted.clear()
        self._slow.clear()

    # -- carrying -----------------------------------------------------------------------------

    def send(self, sender: Peer, to: HostId, envelope: Envelope) -> bool:
        if to == sender.id:
            self._send_local(sender, envelope)
            return True
        connection = self._ends.get((sender.id, to)) or self._dialled(sender, to)
        if connection is None:
            return False
        if not connection.severed and to not in connection.deaf:
            delay_s = self._random.uniform(*_DELAYS_S)
            delay_s += self._slow.get(frozenset((sender.id, to)), 0.0)
            arrival_s = max(_now() + delay_s, connection.last_arrival_s.get(to, 0.0))
            connection.last_arrival_s[to] = arrival_s
            connection.travelling += 1
            asyncio.get_running_loop().call_at(
                arrival_s, self._arrive, sender.id, to, connection, envelope, context=NOBODY
            )
        return True

    def lose(self, end: HostId, peer: HostId, connection: Connection | None = None) -> None:
        """The end notices that its connection is gone, or gives it up itself."""
        host = self._peers.get(end)
        if host is not None and host.life.frozen:
            host.life.run(self.lose, end, peer, connection)
            return
        held = self._ends.get((end, peer))
        if held is None or (connection is not None and held is not connection):
            return
        del self._ends[end, peer]
        if not held.severed:
            self.cut(end, peer)
        if host is not None:
            host.life.run(host.link_lost, peer)

    def _lose_frozen(self, end: HostId, peer: HostId, connection: Connection) -> None:
        if not self._is_awake(peer):
            self.lose(end, peer, connection)

    def _dialled(self, sender: Peer, to: HostId) -> Connection | None:
        if not sender.knows(to):
            return None
        pair = frozenset((sender.id, to))
        connection = self._whole.get(pair)
        if connection is None:
            connection = Connection()
            if not self._is_awake(to) or self._is_parted(pair):
                connection.severed = True
                self._refused_since.setdefault((sender.id, to), _now())
                refused_s = self._random.choice((0.002, 4.0))
                asyncio.get_running_loop().call_later(
                    refused_s, self.lose, sender.id, to, connection, context=NOBODY
                )
            else:
                self._refused_since.pop((sender.id, to), None)
                self._refused_since.pop((to, sender.id), None)
                self._whole[pair] = connection
        self._ends[sender.id, to] = connection
        return connection

    def _is_awake(self, host: HostId) -> bool:
        return host in self._peers and not self._peers[host].life.frozen

    def _is_parted(self, pair: frozenset[HostId]) -> bool:
        return pair in self._parted_for_good or self._parted.get(pair, 0.0) > _now()

    def _arrive(
        self, sender: HostId, to: HostId, connection: Connection, envelope: Envelope
    ) -> None:
        peer = self._peers.get(to)
        if peer is not None and peer.life.frozen:
            peer.life.run(self._arrive, sender, to, connection, envelope)
            return
        connection.travelling -= 1
        if connection.severed:
            connection.survivors -= 1
            if connection.survivors < 0:
                return
        if peer is None:
            return
        held = self._ends.get((to, sender))
        if held is not connection:
            if connection.severed:
                return  # it was given up here already
            if held is not None:
                self.lose(to, sender, held)
            self._ends[to, sender] = connection
        peer.life.run(peer.receive, sender, envelope)

    def _send_local(self, sender: Peer, envelope: Envelope) -> None:
        waiting = self._local.setdefault(sender.id, [])
        if not waiting:
            asyncio.get_running_loop().call_soon(self._deliver_local, sender)
        waiting.append(envelope)

    def _deliver_local(self, host: Peer) -> None:
        for envelope in self._local.pop(host.id):
            host.receive(host.id, envelope)


class SimulatedSwitch:
    """The `Switch` of one host."""

    def __init__(self, network: Network, peer: Peer) -> None:
        self._network = network
        self._peer = peer

    def send(self, host: HostId, envelope: Envelope) -> bool:
        return self._network.send(self._peer, host, envelope)


def _now() -> float:
    return asyncio.get_running_loop().time()
