"""A host that is stopped (SIGSTOP) past its replacement and then continued, under load."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import pytest
from support.chat_hosts import MSGPACK, Socket
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, running
from support.load import PASSWORD, Load, Size, assert_whole
from support.lone_host import LoneHost, lone_host
from support.polling import until

from streamhub.domain.ids import HOST, HostId, make_id
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.postgres import open_pool
from streamhub.protocol import frames
from streamhub.protocol.close_codes import CloseCode

SIZE: Final = Size(channels=4, senders=24, listeners=24, per_s=1.0)
GONE_WITHIN_S: Final = 20.0

# Who wrote when, by the name under which each host's connections are known to PostgreSQL.
_WATCH: Final = """
CREATE TABLE writes (host text, at timestamptz, relation text);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO writes
    VALUES (current_setting('application_name'), clock_timestamp(), TG_TABLE_NAME);
    RETURN NULL;
END $$;
DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['messages', 'channels', 'members'] LOOP
        EXECUTE format('CREATE TRIGGER watched AFTER INSERT OR UPDATE OR DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION note_write()', relation);
    END LOOP;
END $$;
"""


@dataclass
class Stage:
    """Hosts in processes of their own behind one address, and a view that the test publishes."""

    url: str
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

    async def writes(self, host: LoneHost, since: datetime | None = None) -> int:
        """Rows that `host` wrote."""
        found: int = await self.database.fetchval(
            "SELECT count(*) FROM writes WHERE host = $1 AND ($2::timestamptz IS NULL OR at >= $2)",
            f"streamhub {host.entry.id}",
            since,
        )
        return found


@pytest.fixture
async def stage(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(servers.postgres))
        front = await stack.enter_async_context(running(FaultProxy([])))
        pool = await open_pool(url, size=2, application_name="the test")
        stack.push_async_callback(pool.close)
        database = await asyncpg.connect(url)
        stack.push_async_callback(database.close)
        await database.execute(_WATCH)
        environment = {
            "STREAMHUB_DATABASE_URL": url,
            "STREAMHUB_REDIS_URL": servers.redis,
            "STREAMHUB_S3_URL": servers.objects,
            "STREAMHUB_AUTH_SECRET": "an auth secret for tests, 32 bytes and more",
            "STREAMHUB_CLUSTER_SECRET": "a cluster secret for tests, 32 bytes and more",
            "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
            "STREAMHUB_ARGON2_TIME_COST": "1",
        }
        store = PostgresClusterStore(pool)
        yield Stage(url, environment, tmp_path, stack, front, store, database)


@asynccontextmanager
async def client_of(host: LoneHost) -> AsyncIterator[Socket]:
    """A signed-in socket on this very host."""
    handle = f"u{secrets.token_hex(6)}"
    body = {"email": f"{handle}@example.org", "handle": handle, "name": handle}
    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{host.url}/v1/auth/register", json={**body, "password": PASSWORD}
        ) as answer:
            granted = await answer.json()
        ws = await http.ws_connect(f"{host.url}/v1/ws", protocols=(MSGPACK.subprotocol,))
        socket = Socket(ws, MSGPACK)
        assert isinstance(await socket.next(), frames.Hello)
        await socket.send(frames.Auth(token=granted["access_token"]))
        assert isinstance(await socket.next(), frames.Ready)
        yield socket


async def closed_with(socket: Socket) -> int | None:
    """The code with which the server ends it."""
    while (await socket.ws.receive(GONE_WITHIN_S)).type is aiohttp.WSMsgType.BINARY:
        pass
    return socket.ws.close_code


async def test_a_host_that_wakes_after_its_replacement_writes_nothing_and_ends(
    stage: Stage,
) -> None:
    victim, other = await stage.start_host(), await stage.start_host()
    await stage.publish(victim, other)
    clients = Load(f"http://127.0.0.1:{stage.front.port}", SIZE)
    stage.stack.push_async_callback(clients.close)
    await clients.start()
    async with client_of(victim) as on_the_victim:
        await clients.more(60)
        assert await stage.writes(victim) > 0

        os.kill(victim.process.pid, signal.SIGSTOP)
        replacement = await stage.start_host()
        await stage.publish(other, replacement)
        await clients.recovered(asyncio.get_running_loop().time())
        assert victim.process.returncode is None
        woken: datetime = await stage.database.fetchval("SELECT clock_timestamp()")
        os.kill(victim.process.pid, signal.SIGCONT)

        assert await closed_with(on_the_victim) == CloseCode.RESTARTING
    async with asyncio.timeout(GONE_WITHIN_S):
        assert await victim.process.wait() == 0
    assert [record["why"] for record in victim.records("host_leaves")]
    await clients.more(60)
    assert await stage.writes(victim, since=woken) == 0
    assert await stage.writes(replacement) > 0
    await clients.finish()
    assert_whole(clients)
