"""What a simulated host is made of. A test plants a bug by putting another class in one place."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from simulation.database import Database, SimulatedJournal
from simulation.loop import Life

from streamhub.actors.channel import ChannelActor
from streamhub.actors.ring import RingBudget
from streamhub.actors.session import SessionActor
from streamhub.actors.system import ActorSystem
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Loaded
from streamhub.transport.relay import Directory, Relay, Switch


class StableSession(SessionActor):
    """A session whose place in a set does not depend on where in memory it lies."""

    __slots__ = ()

    def __hash__(self) -> int:
        return zlib.crc32(self.id.encode())


def make_channel(loaded: Loaded, budget: RingBudget) -> ChannelActor:
    return ChannelActor(loaded, budget, noted_members=2)


def make_relay(directory: Directory, switch: Switch, store: ChannelStore) -> Relay:
    return Relay(directory, switch, store.heads)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of a host, and what hosts and supervisors do; without arguments, the real ones.

    `orderly`: what a client sends in one go is asked in that order. `evicts`: who cannot be reached
    by others has to go. `leaves`: a host ends once it has read that it is out of the view, else it
    goes on under the last one it was in. `compares`: the store takes a view only after the one it
    was made from.
    """

    system: type[ActorSystem] = ActorSystem
    channel: Callable[[Loaded, RingBudget], ChannelActor] = make_channel
    session: type[SessionActor] = StableSession
    relay: Callable[[Directory, Switch, ChannelStore], Relay] = make_relay
    channel_idle_s: float = 12.0
    journal: Callable[[Database, Life], SimulatedJournal] = SimulatedJournal
    orderly: bool = True
    evicts: bool = True
    leaves: bool = True
    compares: bool = True
