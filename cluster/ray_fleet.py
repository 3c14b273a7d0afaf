"""The hosts' processes as Ray keeps them."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import ray
import structlog
from ray._private import state  # nothing public tells where an actor runs
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from streamhub.cluster.fleet import HostGone
from streamhub.cluster.head_calls import HeadCalls
from streamhub.cluster.names import NAMESPACE, host_name, host_of
from streamhub.cluster.node_list import NodeList
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry

log = structlog.get_logger(__name__)

PING_TIMEOUT_S: Final = 30.0
"""Of one call; the roster decides long before when a host is silent for too long."""

_THREADS: Final = 4
_HEAD_WITHIN_S: Final = 5.0
_KILL_TRIES: Final = 60
_KILL_AGAIN_S: Final = 1.0
_SETTLE_S: Final = 10.0

Create = Callable[[HostId, dict[str, Any]], Any]
"""Creates a host's actor with these Ray options, and returns its handle."""


class RayFleet:
    """Implements Fleet: each host is a detached, named actor.

    Calls to hosts go to them directly; only starting, finding and ending one needs Ray's head,
    which may be away for a while.
    """

    def __init__(self, create: Create) -> None:
        self._create = create
        self._head = HeadCalls(_THREADS)
        self._nodes = NodeList()
        self._handles: dict[HostId, asyncio.Task[Any]] = {}
        self._kills: set[asyncio.Task[None]] = set()
        self.node: str = ray.get_runtime_context().get_node_id()

    def nodes(self) -> tuple[NodeEntry, ...]:
        return self._nodes.look()

    async def running(self) -> Mapping[HostId, str]:
        try:
            names, nodes = await self._head.run(_named_hosts, within_s=_HEAD_WITHIN_S)
        except (RayError, RuntimeError, TimeoutError) as error:
            raise TryAgain("unavailable", f"Ray's head: {_said(error)}") from error
        for host in names - nodes.keys():  # not placed yet: nobody knows it, nobody misses it
            self.kill(host, None)
        return nodes

    def start(self, host: HostId, node: str) -> None:
        options = {
            "name": host_name(host),
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "max_restarts": 0,
            "num_cpus": 0,
            "label_selector": {"ray.io/node-id": node},
        }
        creating = self._head.run(partial(self._create, host, options))  # ends, however late
        self._handles[host] = asyncio.create_task(creating)

    async def entry(self, host: HostId) -> HostEntry:
        try:
            handle = await self._handle(host)
            entry: HostEntry = await handle.entry.remote()
        except RayTaskError as error:
            raise HostGone(_said(error.cause)) from error
        except (RayError, TimeoutError) as error:
            raise HostGone(_said(error)) from error
        return entry

    async def ping(self, host: HostId) -> HostReport | None:
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                handle = await self._handle(host)
                report: HostReport = await handle.ping.remote()
        except (ActorUnavailableError, TimeoutError):
            return None
        except RayActorError as error:
            raise HostGone("its process ended") from error
        except RayError as error:
            log.warning("host_not_pinged", of=host, error=_said(error))
            return None
        return report

    def look(self, host: HostId) -> None:
        found = self._handles.get(host)
        if found is not None and found.done() and not found.cancelled() and not found.exception():
            with suppress(RayError):
                found.result().look.remote()

    async def stop(self, host: HostId, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                handle = await self._handle(host)
                await handle.stop.remote()
        except (HostGone, RayError, TimeoutError) as error:
            log.warning("host_not_stopped_in_order", of=host, error=type(error).__name__)

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        if stuck is not None and stuck.node == self.node:  # Ray asks; a stopped process is deaf
            with suppress(ProcessLookupError):
                os.kill(stuck.pid, signal.SIGKILL)
        task = asyncio.create_task(self._kill(host, self._handles.pop(host, None)))
        self._kills.add(task)
        task.add_done_callback(self._kills.discard)

    async def settle(self) -> None:
        """Wait until Ray was told of all kills, or for some seconds."""
        if self._kills:
            await asyncio.wait(self._kills, timeout=_SETTLE_S)

    # -- private ----------------------------------------------------------------------------

    async def _handle(self, host: HostId) -> Any:
        """Raises HostGone, RayError, TimeoutError."""
        if host not in self._handles:
            self._handles[host] = asyncio.create_task(self._find(host))
        return await asyncio.shield(self._handles[host])

    async def _find(self, host: HostId) -> Any:
        try:
            return await self._head.run(partial(_actor, host), within_s=_HEAD_WITHIN_S)
        except ValueError as error:
            raise HostGone("it is not known any more") from error
        except (RayError, TimeoutError):
            self._handles.pop(host, None)  # to be tried again
            raise

    async def _kill(self, host: HostId, found: "asyncio.Task[Any] | None") -> None:
        """Until Ray took it. A host that lives on meanwhile is not in the view, and ends itself."""
        for _ in range(_KILL_TRIES):
            try:
                handle = await found if found else await self._find(host)
                await self._head.run(partial(_end, handle), within_s=_HEAD_WITHIN_S)
            except HostGone:
                return
            except (RayError, TimeoutError):
                found = None
                await asyncio.sleep(_KILL_AGAIN_S)
            else:
                return
        log.error("host_not_ended", of=host)


def _actor(host: HostId) -> Any:
    """Raises ValueError if Ray knows of none."""
    return ray.get_actor(host_name(host), namespace=NAMESPACE)


def _end(handle: Any) -> None:
    ray.kill(handle, no_restart=True)


def _named_hosts() -> tuple[frozenset[HostId], dict[HostId, str]]:
    """All hosts that Ray knows, and the nodes of those that are placed."""
    named = ray.util.list_named_actors(all_namespaces=True)
    ours = [actor["name"] for actor in named if actor["namespace"] == NAMESPACE]
    placed = state.state.actor_table(None, actor_state_name="ALIVE").values()
    nodes = {actor["Name"]: actor["Address"]["NodeID"] for actor in placed}
    names = frozenset(host for name in ours if (host := host_of(name)) is not None)
    return names, {host: nodes[host_name(host)] for host in names if host_name(host) in nodes}


def _said(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
