"""What operators wish of a cluster, the supervisor's sign of life, and the port that keeps both.

Nobody tells the supervisor anything: it reads the wishes once a second and makes them so, however
often it is replaced meanwhile. Every wish may be repeated.
"""

from typing import NamedTuple, Protocol

import msgspec

from streamhub.domain.ids import HostId


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """`hosts_per_node`: None means as `streamhub up` was told. `drained`: ids of nodes that carry
    no hosts until that is taken back. `leaving`: hosts that are replaced, then drain and end.
    `down`: all hosts drain and end, then the supervisor ends for good."""

    hosts_per_node: int | None = None
    drained: frozenset[str] = frozenset()
    leaving: frozenset[HostId] = frozenset()
    down: bool = False


class NodeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the cluster. `carries`: whether it may carry hosts, wishes apart."""

    id: str
    address: str
    carries: bool = True


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor's sign of life: who it is, and what it sees.

    `ready`: how many hosts of the view take traffic, of `wanted`. `problem`: what keeps it from
    making all wishes so; empty when nothing does.
    """

    pid: int
    node: str
    version: str
    ready: int
    wanted: int
    problem: str = ""
    nodes: tuple[NodeEntry, ...] = ()


class LastSign(NamedTuple):
    """The newest sign of any supervisor, and its age by the clock of the store."""

    sign: Sign
    age_s: float


class WishStore(Protocol):
    """Wishes and the sign of life. Each call is one statement."""

    async def attend(self, sign: Sign) -> Wishes:
        """Leave a sign of life, read the wishes."""
        ...

    async def wishes(self) -> Wishes: ...

    async def last_sign(self) -> LastSign | None:
        """None before the first."""
        ...

    async def wish_hosts_per_node(self, count: int | None) -> None: ...

    async def wish_drained(self, node: str, drained: bool) -> None: ...

    async def wish_gone(self, host: HostId) -> None:
        """Have `host` leave once it is replaced."""
        ...

    async def forget(self, hosts: frozenset[HostId]) -> None:
        """These have left: nobody need wish it any more."""
        ...

    async def wish_down(self, down: bool) -> None: ...
