"""What is measured: hosts of our own over an embedded PostgreSQL, or a StreamHub that runs."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from benchmarks.processes import Child, cpu_s, family
from streamhub.cluster.state import STATE_FILE, State
from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HostId
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.folder import ServerFolder
from streamhub.persistence.embedded.stack import EmbeddedServers
from streamhub.persistence.migrations import migrate
from streamhub.persistence.postgres import open_pool
from streamhub.protocol.connection import Rules

COMMANDS_PER_S: Final = 1_000
"""Per connection, on hosts of our own: the product's 20 would be what is measured."""

_JOIN_S: Final = 15.0
_POOL: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL with our schema. `pid` is its first process."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node that hosts run on: its address, and the command that starts a process there."""

    node: str = "here"
    address: str = "127.0.0.1"
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, whom to watch, and what it takes to be let in.

    `commands_per_s` is what one connection may send.
    """

    urls: tuple[str, ...]
    pids: tuple[int, ...]
    database: Database
    auth_secret: str
    commands_per_s: int
    children: tuple[Child, ...] = ()

    def host_cpu_s(self) -> float:
        return cpu_s(*self.pids)

    def database_cpu_s(self) -> float:
        return cpu_s(*family(self.database.pid))

    def url(self, number: int) -> str:
        """Spreads clients over the hosts."""
        return self.urls[number % len(self.urls)]


@contextmanager
def embedded_database() -> Iterator[Database]:
    """A fresh one in a temporary folder. Main thread only."""
    with tempfile.TemporaryDirectory(prefix="streamhub-bench-") as folder:
        servers = EmbeddedServers(Path(folder), redis=False, objects=False)
        servers.start()
        try:
            asyncio.run(migrate(servers.urls.postgres))
            yield Database(url=servers.urls.postgres, pid=servers.pids()["postgres"])
        finally:
            servers.stop()


async def another_database(database: Database, name: str) -> Database:
    """One of the same PostgreSQL, with our schema: a second cluster needs a view of its own."""
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    url = urlunsplit(urlsplit(database.url)._replace(path=f"/{name}"))
    await migrate(url)
    return Database(url=url, pid=database.pid)


@asynccontextmanager
async def own_hosts(
    database: Database,
    count: int = 1,
    *,
    places: Sequence[Place] = (Place(),),
    url: str | None = None,
    pool_size: int = _POOL,
) -> AsyncIterator[Target]:
    """Fresh hosts, each a process, in a view of their own; they take turns on the `places`.

    `url`: how they call the database, if not as we do.
    """
    auth_secret, cluster_secret = secrets.token_hex(32), secrets.token_hex(32)
    hosts: list[Child] = []
    try:
        for number in range(count):
            place = places[number % len(places)]
            hosts.append(
                await Child.start(
                    "benchmarks.host",
                    inside=place.inside,
                    node=place.node,
                    listen=place.address,
                    pool_size=pool_size,
                    database_url=url or database.url,
                    auth_secret=auth_secret,
                    cluster_secret=cluster_secret,
                    commands_per_s=COMMANDS_PER_S,
                )
            )
        await _publish(database, hosts)
        yield Target(
            urls=tuple(host.said["url"] for host in hosts),
            pids=tuple(host.pid for host in hosts),
            database=database,
            auth_secret=auth_secret,
            commands_per_s=COMMANDS_PER_S,
            children=tuple(hosts),
        )
    finally:
        await asyncio.gather(*(host.stop() for host in hosts))


async def _publish(database: Database, hosts: list[Child]) -> None:
    pool = await open_pool(database.url, size=1, application_name="benchmark view")
    try:
        store = PostgresClusterStore(pool)
        entries = tuple(
            HostEntry(
                id=HostId(host.said["id"]),
                node=host.said["node"],
                address=host.said["address"],
                pid=host.pid,
            )
            for host in sorted(hosts, key=lambda host: str(host.said["id"]))
        )
        view = await store.publish(entries, expected_version=(await store.view()).version)
        assert view is not None
    finally:
        await pool.close()
    async with asyncio.timeout(_JOIN_S):
        for host in hosts:
            while (await host.ask("look"))["version"] < view.version:  # noqa: ASYNC110 - its process
                await asyncio.sleep(0.05)


def running(folder: Path) -> Target:
    """The `streamhub up` whose data are in `folder`, with its own limits.

    Raises FileNotFoundError when none runs there.
    """
    state = msgspec.json.decode((folder / STATE_FILE).read_bytes(), type=State)
    return Target(
        urls=(state.url,),
        pids=tuple(host.pid for host in state.hosts),
        database=Database(url=_url_in(folder / "postgres"), pid=state.servers["postgres"]),
        auth_secret=ServerFolder(folder).secret("auth-secret"),
        commands_per_s=Rules().commands.rate_per_s,
    )


def _url_in(folder: Path) -> str:
    """Of the embedded PostgreSQL that runs there."""
    port = json.loads((folder / "ports.json").read_text())["main"]
    password = ServerFolder(folder).secret("password")
    return f"postgresql://streamhub:{password}@127.0.0.1:{port}/streamhub"
