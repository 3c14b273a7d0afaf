"""One host: the process that serves clients, as a plain class. Ray starts it (`ray_actors.py`)."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog
from aiohttp import web

from streamhub.cluster.clock import SystemClock
from streamhub.cluster.drain import Drain, finished, shares_port
from streamhub.cluster.keys import with_others
from streamhub.cluster.mailing import mailbox
from streamhub.cluster.plan import Plan, needed
from streamhub.cluster.private_site import Siblings, guard_private_site, report_route
from streamhub.cluster.stores import Stores
from streamhub.cluster.wiring import Wired
from streamhub.domain.cluster import HostEntry, HostReport, View
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId
from streamhub.transport.health import create_admin_app
from streamhub.transport.link_tls import LinkTls
from streamhub.transport.mailbox import routes as mailbox_routes
from streamhub.transport.public_tls import PublicTls
from streamhub.transport.site import Site, listen_socket, run_site

log = structlog.get_logger(__name__)

_LEAVING_S: Final = 5.0
_STOPPING_S: Final = 10.0
_WISH_AGAIN_S: Final = 2.0


class Host:
    """Serves the public and the admin port, shared with the node's other hosts, once it is in the
    view; until then, only its private site."""

    def __init__(
        self,
        host: HostId,
        node: str,
        private_ip: str,
        plan: Plan,
        exit_process: Callable[[], None],
    ) -> None:
        self.id = host
        self._node = node
        self._private_ip = private_ip
        self._plan = plan
        self._exit_process = exit_process
        self._stores: Stores | None = None
        self._wired: Wired | None = None
        self._doors: list[Site] = []
        self._closing = AsyncExitStack()
        self._leaving: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._public_tls: PublicTls | None = None
        self._address = ""

    @property
    def entry(self) -> HostEntry:
        """This host as it belongs in the view. Valid once started."""
        return HostEntry(id=self.id, node=self._node, address=self._address, pid=os.getpid())

    def report(self) -> HostReport:
        """What the supervisor and operators want to know."""
        if self._wired is None:
            return HostReport(ready=False)
        return self._wired.report(takes_traffic=bool(self._doors) and self._draining is None)

    async def start(self) -> None:
        """Connect to the stores, open the private site, begin to read the view.

        Raises like Stores.open, SettingsError for unfit certificates, and OSError.
        """
        settings = self._plan.settings
        tls = LinkTls.of(settings.cluster)
        self._public_tls = PublicTls.of(settings.server)
        stores = await Stores.open(settings, f"streamhub {self.id}")
        self._closing.push_async_callback(stores.close)
        self._stores = stores
        epoch = await stores.cluster.epoch()
        wired = Wired(self.id, settings, stores, epoch=epoch, on_left=self._on_left, tls=tls)
        secret = needed(settings.cluster.secret)
        siblings = Siblings(secret, tls)
        self._closing.push_async_callback(siblings.close)

        async def own_metrics() -> bytes:
            return wired.metrics.render()

        private = create_admin_app(wired.checks, own_metrics)
        private.add_routes([*wired.private_routes, report_route(self.report)])
        guard_private_site(private, self.id, secret)
        site = await self._serve(private, self._private_ip, 0, shared=False, tls=tls)
        self._closing.push_async_callback(site.close)
        self._address = f"{self._private_ip}:{site.port}"

        async def node_metrics() -> bytes:
            entries = [e for e in wired.membership.view.hosts if e.node == self._node]
            return await siblings.metrics(entries, {self.id: wired.metrics.render()})

        async def follow(view: View) -> None:
            entry = view.host(self.id)
            if entry is None:
                return
            if entry.state == "draining":
                self._drain(wired, view)
            elif not self._doors:
                admin = create_admin_app(wired.checks, node_metrics)
                secret = with_others(settings.auth, needed(settings.auth.secret))
                kept = mailbox(settings, stores.pool, secret, SystemClock())
                admin.add_routes(mailbox_routes(kept))
                await self._open_doors(wired, admin)

        await wired.start()
        self._wired = wired
        wired.membership.on_view(follow)  # after those of the actors: no client comes first
        log.info("host_ready_to_join", address=self._address)

    def look(self) -> None:
        """There is a newer view: read it now."""
        if self._wired is not None:
            self._wired.membership.look()

    def leave(self) -> None:
        """Have this host replaced, drain and end: it was told to. May be repeated."""
        if self._replacing is None:
            log.info("host_told_to_end")
            self._replacing = asyncio.create_task(self._be_replaced())

    async def stop(self) -> None:
        """Take no more connections, finish requests in progress, disconnect. May be repeated, also
        while it goes on."""
        if self._stopping is None:
            requests_s = self._plan.settings.server.shutdown_timeout_s
            self._stopping = asyncio.create_task(self._stop(0.0 if self._leaving else requests_s))
        await asyncio.shield(self._stopping)

    # -- private ----------------------------------------------------------------------------

    async def _open_doors(self, wired: Wired, admin: web.Application) -> None:
        server = self._plan.settings.server
        self._doors = [
            await self._serve(
                wired.public, server.host, server.port, shared=True, tls=self._public_tls
            ),
            await self._serve(admin, server.admin_host, server.admin_port, shared=True),
        ]
        log.info("host_takes_traffic", port=server.port, admin_port=server.admin_port)

    async def _serve(
        self,
        app: web.Application,
        host: str,
        port: int,
        *,
        shared: bool,
        tls: LinkTls | PublicTls | None = None,
    ) -> Site:
        return await run_site(
            app,
            listen_socket(host, port, shared),
            keepalive_timeout_s=self._plan.settings.edge.keepalive_timeout_s,
            shutdown_timeout_s=self._plan.settings.server.shutdown_timeout_s,
            tls=tls.server if tls else None,
        )

    async def _stop(self, requests_s: float) -> None:
        """Requests first, as long as there are actors to answer them."""
        for door in self._doors:
            door.stop_accepting()
            door.say_goodbye()
        await finished(self._doors, requests_s)
        doors, self._doors = self._doors, []
        wired, self._wired = self._wired, None
        if wired is not None:
            await wired.stop()
        await asyncio.gather(*(door.close() for door in doors))
        await self._closing.aclose()

    def _drain(self, wired: Wired, view: View) -> None:
        """Go, as the view says."""
        if self._draining is not None:
            return
        if not self._doors or not view.owners:
            # No clients, or nowhere for them to go. The whole cluster ends: who ended it waits for
            # this stop, and ends the process then.
            self._draining = asyncio.create_task(self.stop())
            return
        log.info("host_drains")
        public, admin = self._doors
        settings = self._plan.settings
        drain = Drain(
            public,
            admin,
            wired.sockets,
            spread_s=settings.cluster.drain_s,
            requests_s=settings.server.shutdown_timeout_s,
            shared=lambda: shares_port(self.id, wired.membership.view),
        )
        self._draining = asyncio.create_task(self._drain_and_end(drain))

    async def _drain_and_end(self, drain: Drain) -> None:
        await drain.run()
        log.info("host_drained")
        await self._end(_STOPPING_S)

    async def _be_replaced(self) -> None:
        """The supervisor does it; where none does in time, or nobody can be told, end in order."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.settings.cluster.drain_timeout_s):
                while self._draining is None:
                    if self._stores is not None:
                        with suppress(TryAgain):
                            await self._stores.wishes.wish_gone(self.id)
                    await asyncio.sleep(_WISH_AGAIN_S)
        if self._draining is None:
            log.warning("host_ends_without_a_replacement")
            await self._end(_STOPPING_S)

    def _on_left(self, why: str) -> None:
        """Others may own what this host owned: it must end, whoever else has given it up."""
        if self._leaving is None:
            log.error("host_leaves", why=why)
            self._leaving = asyncio.create_task(self._end(_LEAVING_S))

    async def _end(self, within_s: float) -> None:
        with suppress(Exception):  # whatever fails now, the process ends
            async with asyncio.timeout(within_s):
                await self.stop()
        self._exit_process()
