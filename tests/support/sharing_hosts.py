"""Whole hosts in one process that share their ports, as those of a node do, and their view."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec.structs import replace
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, address_of, running
from support.polling import until

from streamhub.cluster.host import Host
from streamhub.cluster.plan import Plan
from streamhub.config import Settings, load_settings
from streamhub.domain.cluster import HostEntry, HostState
from streamhub.domain.ids import HOST, HostId, make_id
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.transport.site import listen_socket


class SharingHosts:
    """`database`: the way of all hosts to PostgreSQL."""

    def __init__(self, settings: Settings, pool: Pool, database: FaultProxy) -> None:
        self.database = database
        self.url = f"http://127.0.0.1:{settings.server.port}"
        self.admin_url = f"http://127.0.0.1:{settings.server.admin_port}"
        self.ended: set[HostId] = set()
        """The hosts that ended their process."""
        self.hosts: dict[HostId, Host] = {}
        self._states: dict[HostId, HostState] = {}
        self._plan = Plan(settings=settings, json_logs=True)
        self._store = PostgresClusterStore(pool)

    async def add(self, node: str = "here") -> Host:
        """Another live host; returns when it takes traffic."""
        host_id = HostId(make_id(HOST, 1_700_000_000_000, secrets.token_bytes(10)))
        host = Host(host_id, node, "127.0.0.1", self._plan, lambda: self.ended.add(host_id))
        await host.start()
        self.hosts[host_id] = host
        self._states[host_id] = "live"
        await self.publish()

        async def ready() -> bool:
            return host.report().ready

        await until(ready, within_s=10)
        return host

    async def publish(self) -> None:
        """The view of the present hosts."""
        entries: list[HostEntry] = [
            replace(host.entry, state=self._states[name]) for name, host in self.hosts.items()
        ]
        version = (await self._store.view()).version
        ordered = tuple(sorted(entries, key=lambda entry: entry.id))
        assert await self._store.publish(ordered, expected_version=version)
        for host in self.hosts.values():
            host.look()

    async def begin_drain(self, *hosts: Host) -> None:
        for host in hosts:
            self._states[host.id] = "draining"
        await self.publish()

    async def ends(self, host: Host, within_s: float = 30.0) -> None:
        """Wait for the end of its process. Raises TimeoutError."""

        async def has_ended() -> bool:
            return host.id in self.ended

        await until(has_ended, within_s=within_s)

    async def drain(self, host: Host) -> None:
        """Let it go, and publish the view without it, as the supervisor does."""
        await self.begin_drain(host)
        await self.ends(host)
        del self.hosts[host.id]
        await self.publish()

    async def close(self) -> None:
        await asyncio.gather(*(host.stop() for host in self.hosts.values()))


@asynccontextmanager
async def sharing_hosts(
    servers: EmbeddedUrls, folder: Path, *, count: int = 2, drain_s: float = 2.0
) -> AsyncIterator[SharingHosts]:
    """Hosts that share a public and an admin port, on a database of their own."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(servers.postgres))
        database = await stack.enter_async_context(running(FaultProxy([address_of(url)])))
        environment = {
            "STREAMHUB_DATABASE_URL": database.url(url),
            "STREAMHUB_REDIS_URL": servers.redis,
            "STREAMHUB_S3_URL": servers.objects,
            "STREAMHUB_AUTH_SECRET": secrets.token_hex(32),
            "STREAMHUB_CLUSTER_SECRET": secrets.token_hex(32),
            "STREAMHUB_HOST": "127.0.0.1",
            "STREAMHUB_ADMIN_HOST": "127.0.0.1",
            "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
            "STREAMHUB_ARGON2_TIME_COST": "1",
            "STREAMHUB_LIMIT_REQUESTS_BY_ADDRESS": "1000/s burst 100000",
            "STREAMHUB_DRAIN_S": str(drain_s),
            "STREAMHUB_SHUTDOWN_TIMEOUT_S": "2",
        }
        for name in ("STREAMHUB_PORT", "STREAMHUB_ADMIN_PORT"):
            held = listen_socket("127.0.0.1", 0, True)  # keeps the port while no host has it
            stack.callback(held.close)
            environment[name] = str(held.getsockname()[1])
        pool = await open_pool(url, size=2, application_name="drain test")
        stack.push_async_callback(pool.close)
        hosts = SharingHosts(load_settings(environment, cwd=folder), pool, database)
        stack.push_async_callback(hosts.close)
        for _ in range(count):
            await hosts.add()
        yield hosts
