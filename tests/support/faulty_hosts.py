"""Chat hosts that can be cut off: from PostgreSQL, from their clients, from each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from support.chat_hosts import ChatCluster, ChatHost, User
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, address_of, fault_proxy, running

from streamhub.config import Settings, load_settings
from streamhub.domain.ids import ChannelId
from streamhub.domain.limits import Limiter
from streamhub.domain.messages import ActorId, channel_actor
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.protocol.close_codes import CloseCode

_CHEAP: Final = {
    "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
    "STREAMHUB_ARGON2_TIME_COST": "1",
    "STREAMHUB_SYSTEM_MESSAGES_MEMBERS": "0",
    "STREAMHUB_LIMIT_REQUESTS": "1000/s burst 10000",
}


class FaultyHost(ChatHost):
    """A host with a pool, and a way to PostgreSQL, of its own."""

    def __init__(self, settings: Settings, pool: Pool, database: FaultProxy) -> None:
        super().__init__(settings, pool)
        self.database = database

    async def start(self) -> None:
        await super().start()
        self.membership._on_left = self._leave

    def _leave(self, why: str) -> None:
        """As `cluster.host` does: it is no longer in the view and must end."""
        if not self.left:
            self._leaving = asyncio.ensure_future(self.chat.sockets.close(CloseCode.RESTARTING))
        self.left.append(why)

    def hang_up(self) -> None:
        """End the sockets of all its clients, without a word."""
        for socket in self.chat.sockets:
            socket._transport.abort()


class FaultyCluster(ChatCluster):
    """Hosts behind `front`, one address for all of them, as SO_REUSEPORT makes it."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings, url)
        self.front = FaultProxy([])
        self._excluded: list[FaultyHost] = []

    async def start(self, count: int) -> None:
        await self._stack.enter_async_context(running(self.front))
        await super().start(count)

    async def add(self, limiter: Limiter | None = None) -> FaultyHost:
        database = await self._stack.enter_async_context(fault_proxy(self._url))
        pool = await open_pool(database.url(self._url), size=8, application_name="chat host")
        self._stack.push_async_callback(pool.close)
        host = FaultyHost(self._settings, pool, database)
        host.limiter = limiter or host.limiter
        await host.start()
        self.hosts.append(host)
        return host

    @property
    def database(self) -> str:
        """The URL of PostgreSQL, past all proxies."""
        return self._url

    @property
    def url(self) -> str:
        """Of the front."""
        return f"http://127.0.0.1:{self.front.port}"

    def owner(self, actor: ActorId) -> FaultyHost:
        """By the view of the first host."""
        owner = self.hosts[0].membership.owner(actor)
        (host,) = [host for host in self.hosts if host.id == owner]
        assert isinstance(host, FaultyHost)
        return host

    def owners(self, channel: str) -> tuple[FaultyHost, FaultyHost]:
        """The owner of a channel, and another host."""
        owner = self.owner(channel_actor(ChannelId(channel)))
        other = next(host for host in self.hosts if host is not owner)
        assert isinstance(other, FaultyHost)
        return owner, other

    async def publish(self) -> None:
        await super().publish()
        self.front.targets = [address_of(host.url) for host in self.hosts]

    async def remove(self, host: ChatHost) -> None:
        """Stop it, its doors first: clients that come back must find another."""
        self.front.targets = [address_of(other.url) for other in self.hosts if other is not host]
        for site in host._sites:
            site.stop_accepting()
        await super().remove(host)

    def exclude(self, host: FaultyHost) -> None:
        """It goes on running, but will not be in the next view."""
        self.hosts.remove(host)
        self._excluded.append(host)
        self.front.targets = [address_of(other.url) for other in self.hosts]

    async def crash(self, host: FaultyHost) -> None:
        """As kill -9 looks from outside: from now on nothing is heard of it, by anyone. It stays
        in the view until the next one is published."""
        self.exclude(host)
        host.database.refuses = True
        host.database.cut()
        host.database.flow()
        host.hang_up()
        await host.membership.stop()
        await host.chat.links.close()

    async def close(self) -> None:
        for host in self._excluded:
            host.database.flow()
            await host.stop()
        await super().close()


@asynccontextmanager
async def faulty_cluster(
    postgres: str, folder: Path, hosts: int = 2
) -> AsyncIterator[FaultyCluster]:
    """Hosts on a database of their own."""
    async with fresh_database(postgres) as database:
        cluster = FaultyCluster(load_settings(_CHEAP, cwd=folder), database)
        try:
            await cluster.start(hosts)
            yield cluster
        finally:
            await cluster.close()


async def room(owner: User, *others: User) -> str:
    """A private channel with these members."""
    body = {"name": "room", "visibility": "private"}
    status, channel = await owner.rest("POST", "/v1/channels", body)
    assert status == 201, channel
    if others:
        users = {"users": [other.id for other in others]}
        path = f"/v1/channels/{channel['id']}/members"
        status, added = await owner.rest("POST", path, users)
        assert status == 200, added
    return str(channel["id"])


async def history(reader: User, channel: str) -> list[tuple[int, str]]:
    """Seqs and texts of at most 200 messages, from the beginning."""
    status, page = await reader.rest("GET", f"/v1/channels/{channel}/messages?after=0&limit=200")
    assert status == 200, page
    return [(message["seq"], message["text"]) for message in page["items"]]
