"""Finds the node or host that an operator means."""

from dataclasses import dataclass
from typing import Literal

from streamhub.cluster.access import NotDone, Picture
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry

_SHOWN_OF_NODE = 12


@dataclass(frozen=True, slots=True)
class Target:
    """A host, or a node."""

    kind: Literal["host", "node"]
    id: str

    @property
    def host(self) -> HostId:
        return HostId(self.id)

    def __str__(self) -> str:
        return f"{self.kind} {self.id if self.kind == 'host' else self.id[:_SHOWN_OF_NODE]}"


def nodes_of(picture: Picture) -> dict[str, NodeEntry]:
    """The nodes that the supervisor sees, and those that it does not but hosts of the view do."""
    seen = picture.last.sign.nodes if picture.last else ()
    nodes = {node.id: node for node in seen}
    for host in picture.view.hosts:
        if host.node not in nodes:
            address = host.address.rpartition(":")[0]
            nodes[host.node] = NodeEntry(id=host.node, address=address)
    return nodes


def find(said: str, picture: Picture) -> Target:
    """The one host or node whose id begins so, or the one node of this address.

    Raises NotDone, with what there is, unless exactly one fits.
    """
    nodes = nodes_of(picture)
    seen = {node.id for node in picture.last.sign.nodes} if picture.last else set()
    at_address = [node.id for node in nodes.values() if node.address == said]
    at_address = [node for node in at_address if node in seen] or at_address  # a node that is gone
    known_nodes = sorted({*nodes, *picture.wishes.drained})
    fitting = [Target("node", node) for node in at_address] or [
        *(Target("node", node) for node in known_nodes if said and node.startswith(said)),
        *(
            Target("host", host.id)
            for host in picture.view.hosts
            if said and _begins(host.id, said)
        ),
    ]
    if len(fitting) == 1:
        return fitting[0]
    what = "fits several" if fitting else "is no node or host"
    there = fitting or [
        *(Target("node", node) for node in known_nodes),
        *(Target("host", host.id) for host in picture.view.hosts),
    ]
    lines = "".join(f"\n  {_described(target, nodes)}" for target in there) or " none"
    raise NotDone(f"{said!r} {what}. {'These fit' if fitting else 'There are'}:{lines}")


def _begins(host: HostId, said: str) -> bool:
    return host.startswith(said) or host.partition("_")[2].startswith(said)


def _described(target: Target, nodes: dict[str, NodeEntry]) -> str:
    if target.kind == "host":
        return f"host {target.id}"
    address = nodes[target.id].address if target.id in nodes else "not there now"
    return f"node {target.id} ({address})"
