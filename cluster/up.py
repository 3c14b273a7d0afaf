"""`streamhub up`: one process that starts everything, watches it, and ends it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from typing import TYPE_CHECKING, Final

import structlog

from streamhub.cluster import ray_node
from streamhub.cluster.complete import completed, hosts_per_node, url_of
from streamhub.cluster.log_socket import LogReceiver, RayWords
from streamhub.cluster.plan import Plan
from streamhub.cluster.ports import claim_ports
from streamhub.cluster.prepare import prepare_stores
from streamhub.cluster.progress import Progress
from streamhub.cluster.reaper import Reaper
from streamhub.cluster.signals import StopSignals
from streamhub.cluster.state import AdminState, HostState, State, StateFile
from streamhub.config import Settings
from streamhub.persistence.embedded.folder import ServerFolder
from streamhub.persistence.embedded.stack import EmbeddedServers

if TYPE_CHECKING:  # Ray reads its environment when it is imported: not before start_ray
    from streamhub.cluster.supervisor import Report

log = structlog.get_logger(__name__)

LOOP_S: Final = 0.2
HOSTS_TIMEOUT_S: Final = 120.0
_LOG_SOCKET: Final = "log"


class NotStarted(Exception):
    """StreamHub could not be started; the text says why."""


class RayLost(Exception):
    """Ray ended under us, and nothing can be kept alive any more."""


def run_up(settings: Settings, progress: Progress, *, json_logs: bool) -> None:
    """Start everything, keep it running until SIGINT or SIGTERM, end it in order.

    Main thread only: what it starts ends with it, even by kill -9. Raises KeyboardInterrupt when
    interrupted before it was ready; NotStarted, RayLost, RayNotStarted, PortTaken,
    EmbeddedServerError (FolderInUse), SchemaMismatch, StoreMisconfigured, PermissionError,
    TryAgain. Nothing is left running.
    """
    begun = time.monotonic()
    signals = StopSignals()
    signals.install()
    with ExitStack() as ends:
        service = _start(settings, progress, signals, ends, json_logs=json_logs)
        progress.ready(service.url, service.admin_url, time.monotonic() - begun)
        if service.admin is not None:
            progress.admin(service.admin.login, service.admin.password_file)
        try:
            while not signals.stop:
                service.watch()
                time.sleep(LOOP_S)
        finally:
            progress.stopping()
    progress.stopped()


def _start(
    settings: Settings,
    progress: Progress,
    signals: StopSignals,
    ends: ExitStack,
    *,
    json_logs: bool,
) -> "_Service":
    """Start all in the order in which they can overlap; `ends` ends them in the opposite one."""
    hosts = hosts_per_node(settings)
    folder = ServerFolder(settings.server.data)
    folder.lock()
    ends.callback(folder.unlock)
    os.chdir(folder.path)  # Ray puts our folder on its workers' import path
    ports = claim_ports(settings.server)
    ends.callback(ports.close)
    servers = EmbeddedServers(
        folder.path,
        postgres=settings.database.url is None,
        redis=settings.redis.url is None,
        objects=settings.objects.url is None,
    )
    ends.callback(servers.stop)
    servers.spawn()
    reaper = Reaper()
    ends.callback(reaper.close)
    ends.enter_context(redirect_stdout(RayWords()))
    with progress.step("Ray"):
        ends.callback(ray_node.stop_ray)
        ray_folder = ray_node.start_ray(folder.path, hosts + 1)
        reaper.watch(ray_node.pids())
    signals.install()
    with progress.step("PostgreSQL, Valkey and S3"):
        servers.wait_ready()
        settings = completed(settings, folder, servers.urls, ports)
        admin = asyncio.run(prepare_stores(settings))
    receiver = LogReceiver(ray_folder / _LOG_SOCKET)
    ends.callback(receiver.close)
    plan = Plan(
        settings=settings,
        json_logs=json_logs,
        log_socket=ray_folder / _LOG_SOCKET,
        on_terminal=sys.stderr.isatty(),
    )
    with progress.step(f"{hosts} hosts" if hosts > 1 else "1 host"):
        service = _Service(settings, plan, hosts, folder, servers, admin)
        ends.callback(service.stop, signals)
        wait_until_complete(service.watch)
    signals.hold()
    return service


def wait_until_complete(look: "Callable[[], Report | None]") -> None:
    """Raises NotStarted when the hosts do not take traffic in time, as `look` sees them."""
    deadline = time.monotonic() + HOSTS_TIMEOUT_S
    problem = ""
    while True:
        report = look()
        if report is not None and report.complete:
            return
        problem = report.problem if report is not None else problem
        if time.monotonic() > deadline:
            reason = problem or "the supervisor's and Ray's logs may say why"
            raise NotStarted(f"The hosts do not take traffic after {HOSTS_TIMEOUT_S:g} s: {reason}")
        time.sleep(LOOP_S)


class _Service:
    """What runs: the embedded servers, and the hosts, which the supervisor looks after."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        hosts: int,
        folder: ServerFolder,
        servers: EmbeddedServers,
        admin: AdminState | None,
    ) -> None:
        from streamhub.cluster.ray_supervisor import SupervisorLink

        server = settings.server
        self.url = url_of(server.host, server.port, tls=server.tls_cert is not None)
        self.admin_url = url_of(server.admin_host, server.admin_port)
        self.admin = admin
        self._shutdown_timeout_s = server.shutdown_timeout_s
        self._servers = servers
        self._state = StateFile(folder)
        self._supervisor: SupervisorLink = SupervisorLink(plan, hosts)

    def watch(self) -> "Report | None":
        """One look: start dead servers again, write the state if it changed. Raises RayLost."""
        self._servers.revive()
        if dead := ray_node.dead_parts():
            raise RayLost(f"{' and '.join(dead)} of Ray ended. Start StreamHub again")
        report = self._supervisor.look()
        if report is not None and report.view.hosts:
            self._state.write(self._present(report))
        return report

    def stop(self, signals: StopSignals) -> None:
        """End the hosts in order, or quickly if asked twice; Ray and the servers follow."""
        signals.hold()
        self._supervisor.shut_down(self._shutdown_timeout_s, hurry=lambda: signals.hurry)
        self._state.remove()

    def _present(self, report: "Report") -> State:
        return State(
            url=self.url,
            admin_url=self.admin_url,
            hosts=tuple(HostState(entry.id, entry.pid) for entry in report.view.hosts),
            supervisor_pid=report.pid,
            servers=self._servers.pids(),
            admin=self.admin,
        )
