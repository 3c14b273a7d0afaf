"""The hosts' processes as Ray keeps them."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import ray
import structlog
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from streamhub.cluster.names import NAMESPACE, host_name, host_of
from streamhub.cluster.supervisor import HostGone
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId

log = structlog.get_logger(__name__)

PING_TIMEOUT_S: Final = 30.0
"""Of one call; the roster decides long before when a host is silent for too long."""

Create = Callable[[HostId, dict[str, Any]], Any]
"""Creates a host's actor with these Ray options, and returns its handle."""


class RayFleet:
    """Implements Fleet: each host is a detached, named actor."""

    def __init__(self, create: Create) -> None:
        self._create = create
        self._node = ray.get_runtime_context().get_node_id()
        self._handles: dict[HostId, Any] = {}

    def nodes(self) -> tuple[str, ...]:
        return (self._node,)

    def running(self) -> tuple[HostId, ...]:
        names = ray.util.list_named_actors()
        return tuple(host for name in names if (host := host_of(name)) is not None)

    def start(self, host: HostId, node: str) -> None:
        options = {
            "name": host_name(host),
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "max_restarts": 0,
            "num_cpus": 0,
            "label_selector": {"ray.io/node-id": node},
        }
        self._handles[host] = self._create(host, options)

    async def entry(self, host: HostId) -> HostEntry:
        try:
            entry: HostEntry = await self._handle(host).entry.remote()
        except RayTaskError as error:
            raise HostGone(_said(error.cause)) from error
        except RayError as error:
            raise HostGone(_said(error)) from error
        return entry

    async def ping(self, host: HostId) -> HostReport | None:
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                report: HostReport = await self._handle(host).ping.remote()
        except (ActorUnavailableError, TimeoutError):
            return None
        except RayActorError as error:
            raise HostGone("its process ended") from error
        return report

    def look(self, host: HostId) -> None:
        with suppress(HostGone):
            self._handle(host).look.remote()

    async def stop(self, host: HostId, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._handle(host).stop.remote()
        except (HostGone, RayError, TimeoutError) as error:
            log.warning("host_not_stopped_in_order", of=host, error=type(error).__name__)

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        if stuck is not None and stuck.node == self._node:  # Ray asks; a stopped process is deaf
            with suppress(ProcessLookupError):
                os.kill(stuck.pid, signal.SIGKILL)
        with suppress(HostGone, RayError):
            ray.kill(self._handle(host), no_restart=True)
        self._handles.pop(host, None)

    def _handle(self, host: HostId) -> Any:
        if host not in self._handles:
            try:
                self._handles[host] = ray.get_actor(host_name(host), namespace=NAMESPACE)
            except ValueError as error:
                raise HostGone("it is not known any more") from error
        return self._handles[host]


def _said(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
