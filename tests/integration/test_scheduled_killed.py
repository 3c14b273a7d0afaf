"""A scheduled message whose host is killed (SIGKILL) while it sends: the next host sends it, once.

before the statement | in the commit    | after the commit, before it is marked as sent
it never ran         it runs to its end   the mark never ran
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from support.load import PASSWORD
from support.lone_hosts import LoneHost, Stage, lone_hosts
from support.polling import until

from streamhub.client import AccountTokens, HttpApi, StreamHubClient
from streamhub.persistence.embedded.stack import EmbeddedUrls

_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Held:
    """A lock on one row, until it is let go."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    async def row(cls, stage: Stage, table: str, id: str) -> "Held":
        connection = await asyncpg.connect(stage.environment["STREAMHUB_DATABASE_URL"])
        stage.stack.push_async_callback(connection.close)
        await connection.execute("BEGIN")
        await connection.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", id)
        return cls(connection)

    async def let_go(self) -> None:
        await self._connection.execute("COMMIT")


@dataclass
class Sending:
    """Ann's message is due, and `here` has taken it to send it: it waits for the channel's row."""

    stage: Stage
    here: LoneHost
    there: LoneHost
    job: str
    channel: str
    channel_row: Held

    async def stored(self) -> bool:
        found = "SELECT true FROM messages WHERE channel_id = $1 AND body = 'once'"
        return bool(await self.stage.database.fetchval(found, self.channel))

    async def stuck(self) -> bool:
        return bool(await self.stage.database.fetch(_WAITING))

    async def kill(self, *, what_waits: bool) -> None:
        """`what_waits`: and with it the statements of its that wait, as if it had died before."""
        self.here.process.kill()
        await self.here.process.wait()
        if what_waits:
            for waiting in await self.stage.database.fetch(_WAITING):
                end = "SELECT pg_terminate_backend($1)"
                await self.stage.database.execute(end, waiting["pid"])


@pytest.fixture
async def sending(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[Sending]:
    async with lone_hosts(servers, tmp_path) as stage, AsyncExitStack() as stack:
        here, there = await stage.start_host(), await stage.start_host()
        await stage.publish(here)
        ann = await _client_of(here, stack)
        channel = (await ann.create_channel("a")).id
        await ann.send(channel, "zero")  # so that the channel has an owner, who waits to commit
        job = await ann.schedule(channel, "once", int(time.time() * 1000) + 3_600_000)
        row = await Held.row(stage, "channels", channel)
        due = "UPDATE scheduled SET send_at = $2, due_at = $2 WHERE id = $1"
        await stage.database.execute(due, job.id, int(time.time() * 1000))
        sending = Sending(stage, here, there, job.id, channel, row)
        await until(sending.stuck)
        yield sending


async def _client_of(host: LoneHost, stack: AsyncExitStack) -> StreamHubClient:
    handle = f"u{secrets.token_hex(6)}"
    api = await stack.enter_async_context(HttpApi(host.url))
    signed_in = await api.register(
        email=f"{handle}@example.org", handle=handle, name=handle, password=PASSWORD
    )
    tokens = AccountTokens(api, signed_in=signed_in)
    return await stack.enter_async_context(StreamHubClient(host.url, tokens=tokens))


async def _before_the_statement(sending: Sending) -> None:
    await sending.kill(what_waits=True)
    await sending.channel_row.let_go()
    assert not await sending.stored()


async def _in_the_commit(sending: Sending) -> None:
    await sending.kill(what_waits=False)
    await sending.channel_row.let_go()
    await until(sending.stored)


async def _before_it_is_marked(sending: Sending) -> None:
    row = await Held.row(sending.stage, "scheduled", sending.job)
    await sending.channel_row.let_go()
    await until(sending.stored)
    await until(sending.stuck)
    await sending.kill(what_waits=True)
    await row.let_go()


@pytest.mark.parametrize(
    "die", [_before_the_statement, _in_the_commit, _before_it_is_marked], ids=lambda f: f.__name__
)
async def test_a_host_that_is_killed_while_it_sends_leaves_one_message(
    sending: Sending, die: object
) -> None:
    assert callable(die)
    await die(sending)
    database = sending.stage.database
    state = "SELECT state FROM scheduled WHERE id = $1"
    assert await database.fetchval(state, sending.job) == "sending"
    await database.execute("UPDATE scheduled SET due_at = 0 WHERE id = $1", sending.job)
    await sending.stage.publish(sending.there)

    async def sent() -> bool:
        return bool(await database.fetchval(state, sending.job) == "sent")

    await until(sent, within_s=30)
    found = "SELECT id FROM messages WHERE channel_id = $1 AND body = 'once'"
    (message,) = await database.fetch(found, sending.channel)
    told = "SELECT message_id FROM scheduled WHERE id = $1"
    assert await database.fetchval(told, sending.job) == message["id"]
