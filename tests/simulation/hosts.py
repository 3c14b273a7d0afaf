"""One host of a simulation: the real actors, interests, relay and sessions on simulated ports."""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random
from typing import Any, Final

from simulation.database import (
    Database,
    SimulatedChannelStore,
    SimulatedOutbox,
)
from simulation.loop import NOBODY, Life
from simulation.network import Network
from simulation.parts import Parts
from simulation.sockets import Reader, Wire

from streamhub.actors.cell import Kind
from streamhub.actors.inbox import InboxActor
from streamhub.actors.ring import RingBudget
from streamhub.actors.sweep import OutboxSweep
from streamhub.domain import envelopes
from streamhub.domain.envelopes import Envelope
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import ChannelId, HostId, SessionId, UserId
from streamhub.domain.messages import ActorId, Answer, Message, Post, placed_as
from streamhub.persistence.memory.kept_drafts import InMemoryDraftStore
from streamhub.persistence.memory.notifications import InMemoryNotificationStore
from streamhub.persistence.memory.scheduling import InMemoryJobStore
from streamhub.transport.asking import Asking

PAUSE_BYTES: Final = 1200
LEASE_S: Final = 3.0
_INBOX_IDLE_S: Final = 8.0
_GIVEN_UP_S: Final = (3.0, 10.0)


class StableId(str):
    """A host's id whose hash, and so every set of them, is the same in each interpreter."""

    __slots__ = ("_hash",)

    def __init__(self, text: str) -> None:
        self._hash = zlib.crc32(text.encode())

    def __hash__(self) -> int:
        return self._hash


class SimulatedView:
    """The hosts of one version, as PostgreSQL has it."""

    def __init__(self, version: int, hosts: tuple[HostId, ...]) -> None:
        self.version = version
        self.hosts = hosts


@lru_cache(maxsize=20_000)
def owner_among(hosts: tuple[HostId, ...], actor: ActorId) -> HostId | None:
    """Rendezvous hashing, like `cluster.view.SlotTable`, without a table for each view."""
    return max(
        hosts, key=lambda host: zlib.crc32(f"{host} {placed_as(actor)}".encode()), default=None
    )


class SimulatedClock:
    """Wall-clock time is that of the loop, and jumps when told to; randomness comes from the
    seed. Time-outs go by the loop's own time, which never jumps."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.ahead_s = 0.0

    def now_ms(self) -> int:
        return int((asyncio.get_running_loop().time() + self.ahead_s) * 1000)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Ledger:
    """Every request of a host that lives must get exactly one answer."""

    def __init__(self) -> None:
        self.open = 0
        self.twice = 0

    def counted(self, done: Callable[[Answer], None]) -> Callable[[Answer], None]:
        self.open += 1
        answered = False

        def once(answer: Answer) -> None:
            nonlocal answered
            if answered:
                self.twice += 1
            else:
                self.open -= 1
            answered = True
            done(answer)

        return once


class SimulatedHost:
    """A host. It reads the view once a second; not read for 3 s, it does not answer as an owner."""

    def __init__(
        self,
        host: HostId,
        *,
        parts: Parts,
        network: Network,
        database: Database,
        latest_view: Callable[[], SimulatedView],
        on_excluded: Callable[["SimulatedHost"], None],
        random: Random,
    ) -> None:
        self.id = host
        self.life = Life(host)
        self.deaf = False
        self.wires: list[Wire] = []
        self.ledger = Ledger()
        self._network = network
        self._latest_view = latest_view
        self._on_excluded = on_excluded
        self._random = random
        self._view = SimulatedView(0, ())
        self._read_at = -LEASE_S
        self._looking: asyncio.TimerHandle | None = None
        network.join(self)
        switch = network.switch_of(self)
        self.store = SimulatedChannelStore(database)
        self.journal = parts.journal(database, self.life)
        self._outbox = SimulatedOutbox(database)
        self._drafts = InMemoryDraftStore(database.tables)
        self._scheduled = InMemoryJobStore(database.tables)
        self._notifications = InMemoryNotificationStore(database.tables)
        self.clock = SimulatedClock(random)
        self.actors = parts.system(
            host,
            self._kinds(parts),
            directory=self,
            switch=switch,
            journal=self.journal,
            clock=self.clock,
        )
        self.relay = parts.relay(self, switch, self.store)
        self._parts = parts
        self.asking = Asking(_Counted(self.actors.ask, self.actors.tell, self.ledger))
        self._sweep = OutboxSweep(host, self._outbox, self.actors, self)
        self._sessions = 0
        self._handlers: Mapping[type, Callable[[HostId, Any], None]] = {
            envelopes.Ask: self.actors.on_ask,
            envelopes.Answered: self.actors.on_answered,
            envelopes.Tell: self.actors.on_tell,
            envelopes.Interest: self.actors.interests.on_interest,
            envelopes.NoInterest: self.actors.interests.on_no_interest,
            envelopes.Digest: self.actors.interests.on_digest,
            envelopes.Listening: self.relay.on_listening,
            envelopes.NotOwner: self.relay.on_not_owner,
            envelopes.Changed: self.relay.on_changed,
            envelopes.Passed: self.relay.on_passed,
            envelopes.Away: self.actors.whereabouts.on_away,
        }

    def start(self) -> None:
        self.life.run(self.relay.start)
        self.life.run(self._read_view)
        self.life.spawn(self._sweep.run())

    def die(self) -> None:
        """kill -9."""
        self.life.end()
        self.journal.crash()
        self._network.die(self.id)
        for wire in list(self.wires):
            wire.snap()

    def freeze(self) -> None:
        """kill -STOP. Peers and clients give it up, unless it goes on soon."""
        self.life.freeze()
        self._network.fall_silent(self.id)
        for wire in self.wires:
            asyncio.get_running_loop().call_later(
                self._random.uniform(*_GIVEN_UP_S), self._given_up, wire, context=NOBODY
            )

    def look(self) -> None:
        """There is a newer view."""
        self.life.run(self._read_view_in, self._random.uniform(0.0, 0.05))

    # -- the actors' directory ----------------------------------------------------------------

    @property
    def version(self) -> int:
        return self._view.version

    @property
    def unlinked(self) -> tuple[HostId, ...]:
        """The hosts of its view that it could not reach for long."""
        return tuple(peer for peer in self._network.unlinked(self.id) if self.knows(peer))

    @property
    def serving(self) -> bool:
        fresh = asyncio.get_running_loop().time() - self._read_at < LEASE_S
        return fresh and self.id in self._view.hosts

    def owner(self, actor: ActorId) -> HostId | None:
        return owner_among(self._view.hosts, actor)

    # -- what the network tells ---------------------------------------------------------------

    def receive(self, sender: HostId, envelope: Envelope) -> None:
        self._handlers[type(envelope)](sender, envelope)

    def link_lost(self, peer: HostId) -> None:
        self.actors.on_link_lost(peer)
        self.relay.on_link_lost(peer)

    def knows(self, peer: HostId) -> bool:
        return peer in self._view.hosts

    # -- clients ------------------------------------------------------------------------------

    def open(self, user: UserId, reader: Reader, since: Mapping[ChannelId, int] | None) -> Wire:
        """A client connects."""
        wire = Wire(user, reader, self.life, PAUSE_BYTES)
        self.wires = [other for other in self.wires if not other.broken] + [wire]
        wire.serving = self.life.task(self._serve(wire, since))
        return wire

    def ask(
        self, wire: Wire, to: ActorId, message: Message, done: Callable[[Answer], None]
    ) -> None:
        """A client's command, as `transport.client_socket` carries it out."""
        if not isinstance(message, Post) or not self._parts.orderly:
            self.asking.ask(to, message, done)
            return
        if wire.pipelines is None:
            wire.pipelines = self.asking.pipelines()
        wire.pipelines.take_turn(to.key).give(to, message, done)

    async def _serve(self, wire: Wire, since: Mapping[ChannelId, int] | None) -> None:
        """Let a client in, as `transport.client_socket` does."""
        self._sessions += 1
        session = self._parts.session(
            SessionId(f"se_{self.id}_{self._sessions}"),
            wire.user,
            socket=wire,
            relay=self.relay,
            store=self.store,
            pause_bytes=PAUSE_BYTES,
        )
        wire.session = session
        while True:
            try:
                await session.listen(3.0)
                overviews = await self.store.overviews(wire.user)
            except (StreamHubError, TimeoutError):
                await asyncio.sleep(1.0)
                continue
            wire.ready(overviews)
            session.start(overviews, since)
            return

    # -- private ------------------------------------------------------------------------------

    def _kinds(self, parts: Parts) -> Mapping[str, Kind]:
        budget = RingBudget(limit_bytes=20_000)

        async def load_inbox(key: str) -> UserId:
            return UserId(key)

        return {
            "channel": Kind(
                lambda key: self.store.take_over(ChannelId(key), self.version),
                lambda loaded: parts.channel(loaded, budget),
                parts.channel_idle_s,
            ),
            "inbox": Kind(
                load_inbox,
                lambda user: InboxActor(
                    user,
                    self.store,
                    self._outbox,
                    self._drafts,
                    self._scheduled,
                    self._notifications,
                    lambda: self.version,
                ),
                _INBOX_IDLE_S,
            ),
        }

    def _given_up(self, wire: Wire) -> None:
        if self.life.frozen:
            wire.snap()

    def _read_view(self) -> None:
        self._read_view_in(self._random.uniform(0.9, 1.1))
        if not self.deaf:
            self._take(self._latest_view())

    def _read_view_in(self, after_s: float) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(after_s, self._read_view)

    def _take(self, view: SimulatedView) -> None:
        self._read_at = asyncio.get_running_loop().time()
        if view.version == self._view.version:
            return
        was_in = self.id in self._view.hosts
        if was_in and self.id not in view.hosts and not self._parts.leaves:
            return
        gone = [peer for peer in self._view.hosts if peer not in view.hosts]
        self._view = view
        if was_in and self.id not in view.hosts:
            self._on_excluded(self)
            return
        for peer in gone:
            self._network.lose(self.id, peer)
        self.actors.on_view()
        self.relay.on_view()


class _Counted:
    """The actors as the edge asks them, with its requests in a ledger."""

    def __init__(
        self,
        ask: Callable[[ActorId, Message, Callable[[Answer], None], float], None],
        tell: Callable[[ActorId, Message], None],
        ledger: Ledger,
    ) -> None:
        self._ask = ask
        self.tell = tell
        self._ledger = ledger

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float
    ) -> None:
        self._ask(to, message, self._ledger.counted(done), within_s)
