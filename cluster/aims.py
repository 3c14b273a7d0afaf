"""Which hosts there should be, by what operators wish and which nodes there are; and which hosts
must go for that, and when. Decided without Ray and without a clock.

Replacement comes first: a host that leaves, or is one too many, drains once enough others of its
node take traffic; a node that shall carry none is emptied once another node takes traffic.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from streamhub.domain.cluster import HostReport, HostState
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry, Wishes


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A host that is watched, and what it last said of itself."""

    id: HostId
    node: str
    state: HostState
    report: HostReport

    @property
    def takes_traffic(self) -> bool:
        return self.state == "live" and self.report.ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """`hosts_per_node` hosts on each of `nodes`, none on those `closed`, none of `leaving`. What
    runs on a node that is neither stays: it may only be out of sight."""

    hosts_per_node: int
    nodes: tuple[str, ...]
    closed: frozenset[str] = frozenset()
    leaving: frozenset[HostId] = frozenset()

    @property
    def wanted(self) -> int:
        return self.hosts_per_node * len(self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """`end`: hosts that never served, so nobody misses them. `drain`: those whose turn it is now.
    `waiting`: why others must wait, empty if none does."""

    end: tuple[HostId, ...] = ()
    drain: tuple[HostId, ...] = ()
    waiting: str = ""


def aim_of(wishes: Wishes, nodes: Iterable[NodeEntry], told: int) -> Aim:
    """`told`: the hosts per node that `streamhub up` was told."""
    nodes = tuple(nodes)
    closed = wishes.drained | {node.id for node in nodes if not node.carries}
    return Aim(
        hosts_per_node=wishes.hosts_per_node or told,
        nodes=tuple(node.id for node in nodes if node.id not in closed),
        closed=closed,
        leaving=wishes.leaving,
    )


def departures(aim: Aim, members: Collection[Member]) -> Departures:
    """What must go now."""
    unwanted = [member for member in members if _is_unwanted(member, aim, members)]
    taking = {member.id: member.node for member in members if member.takes_traffic}
    drain: list[HostId] = []
    waiting: dict[str, list[HostId]] = {}
    for member in sorted(unwanted, key=lambda member: member.id):
        if member.state != "live":
            continue
        others = [node for host, node in taking.items() if host != member.id]
        if member.node in aim.nodes:
            enough = others.count(member.node) >= aim.hosts_per_node
            lacking = "another host of its node that takes traffic"
        else:
            enough = any(node not in aim.closed for node in others)
            lacking = "a host on another node that takes traffic"
        if enough:
            drain.append(member.id)
            taking.pop(member.id, None)
        else:
            waiting.setdefault(lacking, []).append(member.id)
    end = tuple(member.id for member in unwanted if member.state == "starting")
    said = (
        f"{hosts[0]} waits for {lacking}"
        if len(hosts) == 1
        else f"{len(hosts)} hosts wait for {lacking}"
        for lacking, hosts in waiting.items()
    )
    return Departures(end=end, drain=tuple(drain), waiting="; ".join(said))


def _is_unwanted(member: Member, aim: Aim, members: Collection[Member]) -> bool:
    if member.id in aim.leaving or member.node in aim.closed:
        return True
    if member.node not in aim.nodes:
        return False
    older = [  # the newest are one too many: they own the least
        other.id
        for other in members
        if other.node == member.node
        and other.state != "draining"
        and other.id not in aim.leaving
        and other.id < member.id
    ]
    return len(older) >= aim.hosts_per_node
