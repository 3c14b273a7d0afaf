"""A host that is stopped (SIGSTOP) past its replacement and then continued, under load."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from support.chat_hosts import MSGPACK, Socket
from support.load import PASSWORD, Load, Size, assert_whole
from support.lone_hosts import LoneHost, Stage, lone_hosts

from streamhub.persistence.embedded.stack import EmbeddedUrls
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


async def writes(stage: Stage, host: LoneHost, since: datetime | None = None) -> int:
    """Rows that `host` wrote."""
    found: int = await stage.database.fetchval(
        "SELECT count(*) FROM writes WHERE host = $1 AND ($2::timestamptz IS NULL OR at >= $2)",
        f"streamhub {host.entry.id}",
        since,
    )
    return found


@pytest.fixture
async def stage(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[Stage]:
    async with lone_hosts(servers, tmp_path) as stage:
        await stage.database.execute(_WATCH)
        yield stage


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
        assert await writes(stage, victim) > 0

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
    assert await writes(stage, victim, since=woken) == 0
    others = (other, replacement)  # whichever of them the few channels fell to
    assert sum([await writes(stage, host, since=woken) for host in others]) > 0
    await clients.finish()
    assert_whole(clients)
