"""Hosts in processes of their own, as Ray runs them, but without Ray: they can be stopped and
continued, and the view is whatever the test publishes."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, running
from support.polling import until

from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HOST, HostId, make_id
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.postgres import open_pool
from streamhub.transport.site import listen_socket

_PROGRAM: Final = Path(__file__).with_name("lone_host.py")
_START_S: Final = 60.0


class LoneHost:
    """The process, and what it told of itself once it served."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        entry: HostEntry,
        port: int,
        admin_port: int,
        log: Path,
    ) -> None:
        self.process = process
        self.entry = entry
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self._log = log

    def records(self, event: str) -> list[dict[str, object]]:
        """What it logged under this name."""
        lines = self._log.read_text().splitlines()
        return [record for line in lines if (record := json.loads(line))["event"] == event]


@asynccontextmanager
async def lone_host(
    host: HostId, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[LoneHost]:
    """A process that serves once a view has it; killed at the end."""
    port, admin_port = _free_port(), _free_port()
    ours = {key: value for key, value in os.environ.items() if not key.startswith("STREAMHUB_")}
    given = {"STREAMHUB_PORT": str(port), "STREAMHUB_ADMIN_PORT": str(admin_port)}
    log = folder / f"{host}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_PROGRAM),
            host,
            cwd=folder,
            env={**ours, **environment, **given},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        assert line, log.read_text()
        entry = msgspec.json.decode(line, type=HostEntry)
        yield LoneHost(process, entry, port, admin_port, log)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@dataclass
class Stage:
    """Hosts in processes of their own behind one address, and a view that the test publishes."""

    environment: dict[str, str]
    folder: Path
    stack: AsyncExitStack
    front: FaultProxy
    store: PostgresClusterStore
    database: asyncpg.Connection

    async def start_host(self) -> LoneHost:
        host = HostId(make_id(HOST, 1_700_000_000_000, secrets.token_bytes(10)))
        return await self.stack.enter_async_context(lone_host(host, self.environment, self.folder))

    async def publish(self, *hosts: LoneHost) -> None:
        """These are the view; new clients come to them."""
        version = (await self.store.view()).version
        entries = tuple(sorted((host.entry for host in hosts), key=lambda entry: entry.id))
        assert await self.store.publish(entries, expected_version=version)
        self.front.targets = [host.address for host in hosts]

        async def serve() -> bool:
            return all(host.records("host_takes_traffic") for host in hosts)

        await until(serve, within_s=30)


@asynccontextmanager
async def lone_hosts(servers: EmbeddedUrls, folder: Path, **settings: str) -> AsyncIterator[Stage]:
    """A stage without hosts, on a database of its own."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(servers.postgres))
        front = await stack.enter_async_context(running(FaultProxy([])))
        pool = await open_pool(url, size=2, application_name="the test")
        stack.push_async_callback(pool.close)
        database = await asyncpg.connect(url)
        stack.push_async_callback(database.close)
        environment = {
            "STREAMHUB_DATABASE_URL": url,
            "STREAMHUB_REDIS_URL": servers.redis,
            "STREAMHUB_S3_URL": servers.objects,
            "STREAMHUB_AUTH_SECRET": "an auth secret for tests, 32 bytes and more",
            "STREAMHUB_CLUSTER_SECRET": "a cluster secret for tests, 32 bytes and more",
            "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
            "STREAMHUB_ARGON2_TIME_COST": "1",
            **settings,
        }
        store = PostgresClusterStore(pool)
        yield Stage(environment, folder, stack, front, store, database)


def _free_port() -> int:
    with listen_socket("127.0.0.1", 0, False) as sock:
        port: int = sock.getsockname()[1]
        return port
