"""`streamhub up --ray-address`: StreamHub on a Ray cluster that runs already."""

import asyncio
import os
import time
from contextlib import ExitStack, redirect_stdout
from typing import TYPE_CHECKING

import structlog

from streamhub.cluster import ray_node
from streamhub.cluster.complete import check_complete, hosts_per_node, url_of
from streamhub.cluster.log_socket import RayWords
from streamhub.cluster.plan import Plan
from streamhub.cluster.prepare import prepare_stores
from streamhub.cluster.progress import Progress
from streamhub.cluster.signals import StopSignals
from streamhub.cluster.up import LOOP_S, wait_until_complete
from streamhub.config import Settings
from streamhub.persistence.embedded.folder import make_private

if TYPE_CHECKING:  # Ray reads its environment when it is imported
    from streamhub.cluster.ray_supervisor import SupervisorLink
    from streamhub.cluster.supervisor import Report

log = structlog.get_logger(__name__)


def run_joined(settings: Settings, progress: Progress, *, new_settings: bool = False) -> None:
    """Join the Ray cluster, make or find the supervisor, tell the state until SIGINT or SIGTERM, or
    until the supervisor is ended for good.

    What was started goes on after a signal, and whatever happens to this process: supervisor and
    hosts are detached from it. May run on several nodes at once; the first one's settings hold,
    until one comes with `new_settings`, which ends the others: hosts that start get those.
    Raises KeyboardInterrupt when interrupted before it was ready; SettingsError, NotStarted,
    RayNotStarted, SchemaMismatch, StoreMisconfigured, PermissionError, OSError, TryAgain.
    """
    begun = time.monotonic()
    check_complete(settings)
    signals = StopSignals()
    signals.install()
    with ExitStack() as ends:
        ends.enter_context(redirect_stdout(RayWords()))
        link = _start(settings, progress, signals, ends, new_settings=new_settings)
        server = settings.server
        admin_url = url_of(server.admin_host, server.admin_port)
        url = url_of(server.host, server.port, tls=server.tls_cert is not None)
        progress.ready(url, admin_url, time.monotonic() - begun)
        told = _State()
        while not signals.stop and not link.over:
            told.tell(link.look())
            time.sleep(LOOP_S)
    if link.over:
        log.warning(
            "supervisor_ended", why="streamhub down, or another version or settings in its place"
        )
    else:
        progress.left()


def _start(
    settings: Settings,
    progress: Progress,
    signals: StopSignals,
    ends: ExitStack,
    *,
    new_settings: bool,
) -> "SupervisorLink":
    make_private(settings.server.data)
    os.chdir(settings.server.data)  # Ray puts our folder on its workers' import path
    with progress.step("Joining Ray"):
        ends.callback(ray_node.stop_ray)
        ray_node.join_ray(settings.cluster.ray_address)
    signals.install()
    with progress.step("PostgreSQL, Redis and S3"):
        admin = asyncio.run(prepare_stores(settings))
    from streamhub.cluster.ray_supervisor import SupervisorLink

    with progress.step("Hosts"):
        # The hosts' records go to the files of their own nodes: JSON, whatever is shown here.
        plan = Plan(settings=settings, json_logs=True)
        link = SupervisorLink(plan, hosts_per_node(settings), new_settings=new_settings)
        wait_until_complete(link.look)
    signals.hold()
    if admin is not None:
        progress.admin(admin.login, admin.password_file)
    return link


class _State:
    """What was last told of the cluster."""

    def __init__(self) -> None:
        self._told: object = None

    def tell(self, report: "Report | None") -> None:
        """A record when something changed."""
        if report is None:
            return
        hosts = report.view.hosts
        state = {
            "view": report.view.version,
            "nodes": len({entry.node for entry in hosts}),
            "hosts": len(hosts),
            "ready": len(report.ready & {entry.id for entry in hosts}),
            "wanted": report.wanted,
        }
        if state != self._told:
            log.info("cluster", **state)
            self._told = state
