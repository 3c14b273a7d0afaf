"""Hosts that leave while clients chat: nobody sees an error, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from support.load import PASSWORD, Load, Size, assert_whole, load
from support.polling import until
from support.raw_websocket import RawSocket
from support.sharing_hosts import sharing_hosts

from streamhub.cluster.host import Host
from streamhub.persistence.embedded.stack import EmbeddedUrls

SIZE: Final = Size(channels=3, senders=9, listeners=12, per_s=3.0)


class Visitors:
    """Requests over REST, one after the other, half of them on connections that are kept.

    Now and then the kernel resets a connection that a closing port had not accepted yet, before
    anything was sent: like every client, a visitor then connects once more.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers = 0
        self.errors: list[str] = []

    async def visit(self, *, keeps: bool) -> None:
        connector = aiohttp.TCPConnector(force_close=not keeps)
        async with aiohttp.ClientSession(connector=connector) as http:
            while True:
                try:
                    try:
                        await self._look(http)
                    except aiohttp.ClientConnectorError:
                        await self._look(http)
                except aiohttp.ClientError as error:
                    self.errors.append(repr(error))
                self.answers += 1
                await asyncio.sleep(0.02)

    async def _look(self, http: aiohttp.ClientSession) -> None:
        async with http.get(f"{self._url}/v1/server") as answer:
            await answer.read()
            if answer.status != 200:
                self.errors.append(f"status {answer.status}")


@asynccontextmanager
async def visitors(url: str) -> AsyncIterator[Visitors]:
    there = Visitors(url)
    tasks = [asyncio.create_task(there.visit(keeps=bool(number % 2))) for number in range(4)]
    try:
        yield there
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _is_draining(host: Host) -> None:
    async def is_() -> bool:
        return not host.report().ready

    await until(is_)


async def settle(running: Load) -> None:
    await running.more(30)
    await running.finish()
    assert_whole(running)


async def test_a_host_drains_under_load(servers: EmbeddedUrls, tmp_path: Path) -> None:
    async with (
        sharing_hosts(servers, tmp_path) as hosts,
        load(hosts.url, SIZE) as running,
        visitors(hosts.url) as rest,
    ):
        await running.more(30)
        await hosts.drain(next(iter(hosts.hosts.values())))
        await settle(running)
    assert rest.answers > 0
    assert not rest.errors


async def test_hosts_are_replaced_one_after_the_other_under_load(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with sharing_hosts(servers, tmp_path) as hosts, load(hosts.url, SIZE) as running:
        for old in list(hosts.hosts.values()):
            await running.more(20)
            await hosts.add()
            await hosts.drain(old)
        await settle(running)


async def test_a_client_that_neither_reads_nor_leaves_does_not_keep_a_host(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with sharing_hosts(servers, tmp_path, count=1, drain_s=0.5) as hosts:
        (old,) = hosts.hosts.values()
        stalled = await RawSocket.open(f"{hosts.url}/v1/ws", subprotocol="streamhub.v1.msgpack")
        await hosts.add()
        assert old.report().sockets == 1
        await hosts.drain(old)
        stalled.abort()


async def test_a_host_ends_its_drain_while_postgresql_is_away(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with sharing_hosts(servers, tmp_path, drain_s=0.5) as hosts:
        old = next(iter(hosts.hosts.values()))
        await hosts.begin_drain(old)
        await _is_draining(old)
        hosts.database.refuses = True
        hosts.database.cut()
        await hosts.ends(old)
        hosts.database.refuses = False


async def test_a_host_alone_on_its_node_says_there_that_it_drains(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with (
        sharing_hosts(servers, tmp_path, count=1) as hosts,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        (old,) = hosts.hosts.values()
        await hosts.add(node="elsewhere")

        async def says_so() -> bool:
            async with http.get(f"{hosts.admin_url}/readyz?verbose=1") as answer:
                view = (await answer.json())["checks"]["view"]
                return answer.status == 503 and view["detail"].endswith("draining")

        assert not await says_so()
        await hosts.begin_drain(old)
        await until(says_so)
        await hosts.ends(old)


async def test_requests_in_progress_are_finished_when_the_whole_cluster_stops(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with (
        sharing_hosts(servers, tmp_path) as hosts,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):

        async def register(number: int) -> int:
            body = {
                "email": f"u{number}@example.org",
                "handle": f"u{number}",
                "name": "U",
                "password": PASSWORD,
            }
            async with http.post(f"{hosts.url}/v1/auth/register", json=body) as answer:
                return answer.status

        asked = [asyncio.create_task(register(number)) for number in range(4)]

        async def under_way() -> bool:
            return any(door.requests for host in hosts.hosts.values() for door in host._doors)

        await until(under_way)
        await hosts.begin_drain(*hosts.hosts.values())
        await asyncio.gather(*(host.stop() for host in hosts.hosts.values()))
        assert await asyncio.gather(*asked) == [201] * 4
