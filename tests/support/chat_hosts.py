"""Chat hosts in one process over real servers: everything but Ray, started in a moment."""

import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from aiohttp import web
from support.frame_schemas import check_frame
from support.polling import until_true as until

from streamhub.cluster.accounts import Accounts, ShortLived
from streamhub.cluster.chat import Chat, features
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.files import Filing
from streamhub.cluster.limits import now_us, policies_of
from streamhub.cluster.membership import Membership
from streamhub.config import Secret, Settings
from streamhub.domain.cluster import HostEntry
from streamhub.domain.fair_use import FairUse
from streamhub.domain.ids import HOST, HostId, make_id
from streamhub.domain.limits import Limiter, Meter
from streamhub.persistence.blobs import S3Blobs
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.protocol import frames
from streamhub.protocol.codec import JSON, MSGPACK, Codec
from streamhub.telemetry import Metrics
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app
from streamhub.transport.site import Site, listen_socket, run_site

AUTH_SECRET = Secret("an auth secret for tests, 32 bytes and more")
CLUSTER_SECRET = Secret("a cluster secret for tests, 32 bytes and more")
NO_S3 = "http://access:secret@127.0.0.1:9/nowhere"
"""For tests that need none."""

PASSWORD = "correct horse battery staple"


class ChatHost:
    """One host: its chat, its public port and its private one."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        meter: Meter | None = None,
    ) -> None:
        self.id = HostId(make_id(HOST, 1_700_000_000_000, secrets.token_bytes(10)))
        self._settings = settings
        self._pool = pool
        url = settings.objects.url
        self.blobs = S3Blobs.connect(url.reveal() if url else NO_S3, settings.objects.public_url)
        self.filing = Filing(settings.files, pool, self.blobs)
        self.limiter: Limiter = InMemoryLimiter(now_us)
        self._meter = InMemoryLimiter(now_us) if meter is None else meter
        self.metrics = Metrics()
        self.left: list[str] = []
        self._sites: list[Site] = []

    async def start(self) -> None:
        store = PostgresClusterStore(self._pool)
        self.membership = Membership(
            self.id, store, self._settings.cluster.lease_s, on_left=self.left.append
        )
        self.chat = Chat(
            self.id,
            self._settings,
            pool=self._pool,
            accounts=Accounts(
                self._settings,
                pool=self._pool,
                limiter=self.limiter,
                short_lived=ShortLived.in_memory(),
                secret=AUTH_SECRET,
                clock=SystemClock(),
            ),
            membership=self.membership,
            metrics=self.metrics,
            cluster_secret=CLUSTER_SECRET,
            epoch=await store.epoch(),
            fair_use=FairUse(policies_of(self._settings.limits), self._meter, now_us),
            filing=self.filing,
        )
        private = web.Application()
        private.add_routes(self.chat.private_routes)
        self.address = f"127.0.0.1:{await self._serve(private)}"
        app = create_app(
            Parts(
                edge=self._settings.edge,
                metrics=self.metrics,
                routes=self.chat.routes,
                features=features(self._settings),
            )
        )
        app[http_auth.PRINCIPALS] = self.chat.principals
        self.url = f"http://127.0.0.1:{await self._serve(app)}"
        await self.chat.start()
        await self.membership.start()

    async def stop(self) -> None:
        await self.membership.stop()
        await self.chat.stop()
        for site in self._sites:
            await site.close()
        await self.blobs.close()

    @property
    def entry(self) -> HostEntry:
        return HostEntry(id=self.id, node="here", address=self.address, pid=0)

    async def _serve(self, app: web.Application) -> int:
        sock = listen_socket("127.0.0.1", 0, False)
        site = await run_site(app, sock, keepalive_timeout_s=10, shutdown_timeout_s=0.2)
        self._sites.append(site)
        return site.port


class ChatCluster:
    """Hosts and the view they are in."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self.hosts: list[ChatHost] = []
        self.meter = InMemoryLimiter(now_us)
        self._stack = AsyncExitStack()

    async def start(self, count: int) -> None:
        self.pool = await open_pool(self._url, size=8, application_name="chat test")
        self._stack.push_async_callback(self.pool.close)
        http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.http = await self._stack.enter_async_context(http)
        for _ in range(count):
            await self.add()
        await self.publish()

    async def add(self) -> ChatHost:
        host = ChatHost(self._settings, self.pool, self.meter)
        await host.start()
        self.hosts.append(host)
        return host

    async def remove(self, host: ChatHost) -> None:
        """Stop it and leave it out of the next view."""
        self.hosts.remove(host)
        await host.stop()

    async def publish(self) -> None:
        """The view of the present hosts; returns when all have it."""
        store = PostgresClusterStore(self.pool)
        version = (await store.view()).version
        entries = tuple(sorted((host.entry for host in self.hosts), key=lambda e: e.id))
        view = await store.publish(entries, expected_version=version)
        assert view is not None
        for host in self.hosts:
            host.membership.look()
        await until(lambda: all(h.membership.version >= view.version for h in self.hosts))

    async def close(self) -> None:
        for host in list(self.hosts):
            await self.remove(host)
        await self._stack.aclose()

    async def user(self, host: ChatHost | None = None) -> "User":
        """A fresh account, registered over HTTP."""
        handle = f"u{secrets.token_hex(6)}"
        url = (host or self.hosts[0]).url
        body = {"email": f"{handle}@example.org", "handle": handle, "name": handle.title()}
        body["password"] = PASSWORD
        async with self.http.post(f"{url}/v1/auth/register", json=body) as answer:
            granted = await answer.json()
            assert answer.status == 201, granted
        return User(self, handle, granted)


class User:
    """An account and its tokens."""

    def __init__(self, cluster: ChatCluster, handle: str, granted: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.handle = handle
        self.id: str = granted["user"]["id"]
        self.token: str = granted["access_token"]
        self.refresh_token: str = granted["refresh_token"]

    async def connect(
        self,
        host: ChatHost | None = None,
        *,
        since: Mapping[str, int] | None = None,
        codec: Codec = MSGPACK,
        path: str = "/v1/ws",
    ) -> "Socket":
        """An authenticated socket, after `ready`."""
        url = (host or self.cluster.hosts[0]).url
        ws = await self.cluster.http.ws_connect(f"{url}{path}", protocols=(codec.subprotocol,))
        socket = Socket(ws, codec)
        hello = await socket.next()
        assert isinstance(hello, frames.Hello)
        held = frames.Since(epoch=hello.epoch, channels=dict(since)) if since is not None else None
        await socket.send(frames.Auth(token=self.token, since=held))
        ready = await socket.next()
        assert isinstance(ready, frames.Ready), ready
        socket.hello, socket.ready = hello, ready
        return socket

    async def rest(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        host: ChatHost | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        url = (host or self.cluster.hosts[0]).url
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self.cluster.http.request(
            method, f"{url}{path}", json=body, headers=given
        ) as answer:
            return answer.status, await answer.json()


class Socket:
    """A client's end, frame by frame: each is checked against its schema. What is not waited for is
    kept in `seen`."""

    hello: frames.Hello
    ready: frames.Ready

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, codec: Codec) -> None:
        self.ws = ws
        self._codec = codec
        self._number = 0
        self._commands: dict[int, str] = {}
        self.seen: list[frames.Event] = []

    async def send(self, frame: frames.ClientFrame) -> None:
        if isinstance(frame, frames.Command):
            self._commands[frame.i] = frame.name
        data = self._codec.encode(frame)
        if self._codec.binary:
            await self.ws.send_bytes(data)
        else:
            await self.ws.send_str(data.decode())

    async def next(self, within_s: float = 10.0) -> frames.ServerFrame:
        message = await self.ws.receive(within_s)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (
            message,
            self.ws.close_code,
        )
        check_frame(message.data, self._commands)
        frame = self._codec.decode_server(message.data)
        assert frame is not None
        return frame

    async def command(
        self, name: str, body: frames.Incoming, key: str | None = None
    ) -> frames.Reply:
        """Send a command and wait for its reply; events that come before it are in `seen`."""
        self._number += 1
        i = self._number
        await self.send(frames.Command(name=name, i=i, body=body, key=key))
        while True:
            frame = await self.next()
            if isinstance(frame, frames.Reply) and frame.i == i:
                return frame
            if isinstance(frame, frames.Event):
                self.seen.append(frame)

    async def event(self, name: str, within_s: float = 10.0) -> frames.Event:
        """The next event of this name; others are dropped."""
        while True:
            if self.seen:
                frame: frames.ServerFrame = self.seen.pop(0)
            else:
                frame = await self.next(within_s)
            if isinstance(frame, frames.Event) and frame.name == name:
                return frame

    async def close(self) -> None:
        await self.ws.close()


__all__ = ["JSON", "MSGPACK", "ChatCluster", "ChatHost", "Socket", "User", "until"]
