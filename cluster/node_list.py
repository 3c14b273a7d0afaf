"""The nodes of the Ray cluster, and which of them may carry hosts."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import ray
import structlog
from ray._private import state  # nothing public tells which nodes are being drained
from ray.exceptions import RayError

from streamhub.cluster.head_calls import HeadCalls
from streamhub.domain.wishes import NodeEntry

log = structlog.get_logger(__name__)

CARRIES_HOSTS: Final = "streamhub_host"
"""The custom resource that nodes have which shall carry hosts; if none has it, all shall."""

_ASK_EVERY_S: Final = 1.0
_WITHIN_S: Final = 10.0


class NodeList:
    """Asks Ray's head for the nodes about once a second, without anybody waiting for it. While the
    head is away the last answer counts."""

    def __init__(self) -> None:
        self._head = HeadCalls(1)
        self._nodes: tuple[NodeEntry, ...] = ()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def look(self) -> tuple[NodeEntry, ...]:
        """The nodes by the last answer; none before the first."""
        now = time.monotonic()
        if self._asking is None and now - self._asked_at >= _ASK_EVERY_S:
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        return self._nodes

    async def _ask(self) -> None:
        try:
            table, draining = await self._head.run(_ask_head, within_s=_WITHIN_S)
            self._nodes = node_entries(table, draining)
        except (RayError, RuntimeError, TimeoutError) as error:
            log.warning("nodes_are_not_known_now", error=type(error).__name__)
        finally:
            self._asking = None


def node_entries(
    table: Iterable[Mapping[str, Any]], draining: Collection[str]
) -> tuple[NodeEntry, ...]:
    """The nodes that live, as Ray's table has them. Ray drains a node: so do we."""
    alive = [node for node in table if node["Alive"]]
    marked = {node["NodeID"] for node in alive if node["Resources"].get(CARRIES_HOSTS)}
    return tuple(
        NodeEntry(
            id=node["NodeID"],
            address=node["NodeManagerAddress"],
            carries=node["NodeID"] not in draining and (not marked or node["NodeID"] in marked),
        )
        for node in sorted(alive, key=lambda node: str(node["NodeID"]))
    )


def _ask_head() -> tuple[list[dict[str, Any]], frozenset[str]]:
    return ray.nodes(), frozenset(state.state.get_draining_nodes())
