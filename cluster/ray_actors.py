"""The two kinds of Ray actors, each a thin shell over a plain class.

Ray keeps no order among calls to an asynchronous actor, so nothing here depends on one. Neither
kind uses a concurrency group: a group has an event loop and a thread of its own, and a host whose
real loop is stuck would go on answering pings.
"""

import asyncio
import os
import signal
import sys
import threading
from contextlib import redirect_stderr, suppress
from types import FrameType
from typing import Any, Final, Self

import ray
import structlog
from ray.exceptions import RayError

from streamhub.cluster.collector import calm_collector
from streamhub.cluster.log_socket import LogSender
from streamhub.cluster.names import NAMESPACE, SUPERVISOR
from streamhub.cluster.plan import Plan, needed
from streamhub.cluster.ray_fleet import RayFleet
from streamhub.cluster.roster import Roster
from streamhub.cluster.supervisor import Report, Supervisor
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.wishes import PostgresWishStore
from streamhub.telemetry import configure_logging

log = structlog.get_logger(__name__)

_SUPERVISOR_CONNECTIONS: Final = 2
_END_AGAIN_S: Final = 1.0


class HostActor:
    """A host's process. Never restarted: every process is another host. SIGTERM has it replaced,
    and drain."""

    _loop: asyncio.AbstractEventLoop | None = None

    def __new__(cls, *_args: Any) -> Self:
        # In the host's process Ray calls this in the main thread, where alone Python sets handlers
        # of signals, and all the rest in the thread of the event loop; who has Ray make one calls
        # it too, in another thread. Ray's own handler would stop the event loop at once.
        actor = super().__new__(cls)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, actor._told_to_end)
        return actor

    def __init__(self, host: HostId, plan: Plan) -> None:
        # Here, because the supervisor imports this module too, and before that first host waits.
        from streamhub.cluster.host import Host

        _log_to(plan, host)
        node, ip = ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()
        self._host: Host = Host(host, node, ip, plan, lambda: os._exit(0))
        self._started = asyncio.ensure_future(self._start())
        self._loop = asyncio.get_running_loop()

    async def _start(self) -> None:
        await self._host.start()
        calm_collector()

    def _told_to_end(self, _number: int, _frame: FrameType | None) -> None:
        if self._loop is None:  # nobody knows this host yet
            os._exit(1)
        self._loop.call_soon_threadsafe(self._host.leave)

    async def entry(self) -> HostEntry:
        """Waits until the host serves; raises what kept it from that."""
        await asyncio.shield(self._started)
        return self._host.entry

    async def ping(self) -> HostReport:
        return self._host.report()

    async def look(self) -> None:
        self._host.look()

    async def stop(self) -> None:
        await self._host.stop()


class SupervisorActor:
    """The supervisor's process. Ray starts it again whenever it dies, with the same plan."""

    def __init__(self, plan: Plan, hosts_per_node: int) -> None:
        _log_to(plan, "supervisor")
        self._plan = plan
        self._hosts_per_node = hosts_per_node
        self._supervisor: Supervisor | None = None
        self._fleet: RayFleet | None = None
        self._pool: Pool | None = None
        self._running = asyncio.ensure_future(self._run())
        self._running.add_done_callback(_end_if_failed)

    async def report(self) -> Report | None:
        """None while PostgreSQL has not answered yet."""
        return self._supervisor.report() if self._supervisor else None

    async def shut_down(self, within_s: float) -> None:
        """End all hosts, gracefully within that time."""
        self._running.cancel()
        await self._end_hosts(within_s)
        if self._pool is not None:
            await self._pool.close()

    async def _run(self) -> None:
        settings = self._plan.settings
        while self._pool is None:
            try:
                self._pool = await open_pool(
                    needed(settings.database.url).reveal(),
                    size=_SUPERVISOR_CONNECTIONS,
                    application_name="streamhub supervisor",
                )
            except TryAgain as error:
                log.warning("supervisor_waits_for_the_database", error=str(error))
        self._fleet = RayFleet(self._create_host)
        self._supervisor = Supervisor(
            PostgresClusterStore(self._pool),
            PostgresWishStore(self._pool),
            self._fleet,
            Roster(
                dead_after_s=settings.cluster.host_dead_after_s,
                drain_timeout_s=settings.cluster.drain_timeout_s,
            ),
            hosts_per_node=self._hosts_per_node,
            node=self._fleet.node,
        )
        await self._supervisor.run()
        log.info("cluster_goes_down")
        await self._end_hosts(settings.cluster.drain_timeout_s)
        await _end_for_good()

    async def _end_hosts(self, within_s: float) -> None:
        if self._supervisor is not None and self._fleet is not None:
            await self._supervisor.shut_down(within_s)
            await self._fleet.settle()

    def _create_host(self, host: HostId, options: dict[str, Any]) -> Any:
        return ray.remote(HostActor).options(**options).remote(host, self._plan)


def _log_to(plan: Plan, name: str) -> None:
    sender = None
    if plan.log_socket is not None:
        sender = LogSender(plan.log_socket, terminal=plan.on_terminal, otherwise=sys.stderr)
    with redirect_stderr(sender or sys.stderr):
        configure_logging(plan.json_logs, plan.settings.logging.level, name)


async def _end_for_good() -> None:
    """Have Ray end this process and not start it again, however long Ray's head is away."""
    while True:
        with suppress(RayError, ValueError):
            await asyncio.to_thread(_kill_supervisor)
        await asyncio.sleep(_END_AGAIN_S)


def _kill_supervisor() -> None:
    ray.kill(ray.get_actor(SUPERVISOR, namespace=NAMESPACE), no_restart=True)


def _end_if_failed(task: "asyncio.Task[None]") -> None:
    """Ray starts the process again; a supervisor that lives and does nothing would be worse."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("supervisor_failed", exc_info=error)
        os._exit(1)
