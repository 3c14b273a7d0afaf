"""A server of one channel in memory, which disturbs: it cuts at any byte, repeats, leaves out.

It speaks by the server's own codec, so the SDK's plain msgpack has something to prove.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from streamhub.protocol import frames
from streamhub.protocol.accounts import AccountObject, SignedIn
from streamhub.protocol.close_codes import CloseCode, reason
from streamhub.protocol.codec import MSGPACK
from streamhub.protocol.connection import Rules
from streamhub.protocol.errors import ProtocolError
from streamhub.transport.framing import frame

CHANNEL = "ch_" + "0" * 26
ALICE = AccountObject(
    id="us_" + "a" * 26,
    handle="alice",
    name="Alice",
    email_confirmed=False,
    role="user",
    status="active",
    locale="en",
    time_zone="UTC",
    show_presence=True,
    show_reading=True,
    created_at=1,
)
RESET_AFTER = 50
PAGE = 5
SYNC_PAGE = 100


@dataclass
class Faults:
    """What goes wrong. Every new socket takes its `cut_after_bytes` from the front of the list."""

    cut_after_bytes: list[int] = field(default_factory=list)
    repeats: bool = False
    leaves_out_every: int = 0
    silent: bool = False
    swallow_replies: int = 0
    refuse_next: list[frames.Problem] = field(default_factory=list)
    wait_ms: int = 0
    heartbeat_ms: int = 30_000


class FakeServer:
    """`post` adds a message; `sockets` are those that are open."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.messages: list[frames.MessageObject] = []
        self.keys: dict[str, frames.MessageObject] = {}
        self.sockets: set[FakeSocket] = set()
        self.opened = 0
        self.commands: list[frames.Command] = []
        self.auths: list[frames.Auth] = []
        self.tokens: set[str] = set()
        self.url = ""

    @property
    def rev(self) -> int:
        return len(self.messages)

    def post(self, text: str, key: str | None = None) -> frames.MessageObject:
        """Commit a message, and tell those who listen."""
        if key is not None and key in self.keys:
            return self.keys[key]
        seq = len(self.messages) + 1
        message = frames.MessageObject(
            id=f"me_{seq:026d}",
            channel=CHANNEL,
            seq=seq,
            nth=seq,
            rev=seq,
            author=ALICE.id,
            text=text,
            created_at=seq,
        )
        self.messages.append(message)
        if key is not None:
            self.keys[key] = message
        for socket in tuple(self.sockets):
            asyncio.get_running_loop().call_soon(socket.tell, message)
        return message

    def page(self, since: int, size: int) -> frames.SyncPage:
        missed = self.messages[since : since + size]
        return frames.SyncPage(
            channel=CHANNEL,
            from_rev=since,
            to_rev=since + len(missed),
            messages=tuple(missed),
            members=(),
            more=since + len(missed) < self.rev,
        )

    def overview(self) -> frames.ChannelOverview:
        return frames.ChannelOverview(
            id=CHANNEL,
            kind="channel",
            name="general",
            role="member",
            rev=self.rev,
            last_seq=self.rev,
            nth=self.rev,
            read_seq=0,
            read_nth=0,
            unread=self.rev,
            mentions=0,
        )

    def token(self) -> str:
        token = secrets.token_urlsafe()
        self.tokens.add(token)
        return token

    async def sign_in(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("password", "right") != "right":
            refused = frames.problem("unauthenticated", "the login or the password is wrong")
            return web.Response(status=401, body=msgspec.json.encode(refused))
        granted = SignedIn(
            user=ALICE, access_token=self.token(), refresh_token="refresh", expires_in=900
        )
        return web.Response(body=msgspec.json.encode(granted))

    async def log_out(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(protocols=[MSGPACK.subprotocol])
        await response.prepare(request)
        socket = FakeSocket(self, request, response)
        self.opened += 1
        try:
            await socket.read()
        finally:
            self.sockets.discard(socket)
        return response


class FakeSocket:
    """One client."""

    def __init__(
        self, server: FakeServer, request: web.Request, response: web.WebSocketResponse
    ) -> None:
        assert request.transport is not None
        self._server = server
        self._transport = request.transport
        self._response = response
        cuts = server.faults.cut_after_bytes
        self._left = cuts.pop(0) if cuts else None

    async def read(self) -> None:
        faults = self._server.faults
        self.send(
            frames.Hello(
                api=1,
                epoch=1,
                heartbeat_ms=faults.heartbeat_ms,
                auth_timeout_ms=5000,
                max_frame_bytes=1_048_576,
                features=(),
                wait_ms=faults.wait_ms,
            )
        )
        async for message in self._response:
            try:
                received = MSGPACK.decode_client(message.data)
            except ProtocolError:
                await self.close(CloseCode.BAD_FRAME)
                return
            match received:
                case frames.Auth() as auth:
                    await self._admit(auth)
                case frames.Command() as command:
                    self._do(command)
                case frames.Ping():
                    self.send(frames.Pong())

    async def close(self, code: CloseCode, retry_after_ms: int | None = None) -> None:
        await self._response.close(code=code, message=reason(code, retry_after_ms).encode())

    def cut(self) -> None:
        self._transport.abort()

    def send(self, sent: frames.ServerFrame) -> None:
        if self._server.faults.silent or self._transport.is_closing():
            return
        data = frame(MSGPACK.encode(sent), binary=True)
        if self._left is None:
            self._transport.write(data)
            return
        self._transport.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._transport.close()

    def tell(self, message: frames.MessageObject) -> None:
        faults = self._server.faults
        if faults.leaves_out_every and message.seq % faults.leaves_out_every == 0:
            return
        event = frames.Event(
            name="message.created", rev=message.rev, body=frames.MessageEvent(message=message)
        )
        for _ in range(2 if faults.repeats else 1):
            self.send(event)

    async def _admit(self, auth: frames.Auth) -> None:
        self._server.auths.append(auth)
        if auth.token not in self._server.tokens:
            await self.close(CloseCode.TOKEN_INVALID)
            return
        if self in self._server.sockets:
            return
        server = self._server
        self.send(
            frames.Ready(
                session="se_" + "0" * 26,
                user=frames.UserObject(id=ALICE.id, handle=ALICE.handle, name=ALICE.name),
                channels=(server.overview(),),
                notifications=frames.NotificationCounts(unread=0),
                limits=Rules().as_limits,
            )
        )
        held = auth.since.channels.get(CHANNEL, server.rev) if auth.since else server.rev
        if server.rev - held > RESET_AFTER:
            reset = frames.SyncReset(channel=CHANNEL, rev=server.rev)
            self.send(frames.Event(name="sync.reset", body=reset))
            held = server.rev
        while held < server.rev:
            page = server.page(held, PAGE)
            self.send(frames.Event(name="sync.page", body=page))
            held = page.to_rev
        server.sockets.add(self)

    def _do(self, command: frames.Command) -> None:
        faults = self._server.faults
        self._server.commands.append(command)
        if faults.refuse_next:
            self.send(frames.Reply(i=command.i, problem=faults.refuse_next.pop(0)))
            return
        answer = self._answer(command)
        if faults.swallow_replies:
            faults.swallow_replies -= 1
            self.cut()
            return
        self.send(frames.Reply(i=command.i, body=answer))

    def _answer(self, command: frames.Command) -> frames.Outgoing:
        server = self._server
        match command.body:
            case frames.MessageSend(text=text):
                posted = server.post(text, command.key)
                return frames.Receipt(
                    id=posted.id,
                    seq=posted.seq,
                    nth=posted.nth,
                    rev=posted.rev,
                    created_at=posted.created_at,
                )
            case frames.ChannelSync(rev=rev):
                return server.page(rev, SYNC_PAGE)
            case frames.MessageHistory(after=after, limit=limit):
                start = server.rev - limit if after is None else after
                items = server.messages[max(0, start) :][:limit]
                return frames.History(
                    items=tuple(items),
                    has_before=start > 0,
                    has_after=start + len(items) < server.rev,
                    rev=server.rev,
                )
            case _:
                return frames.Done()


@asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    """Listening on a free port of loopback."""
    server = FakeServer()
    app = web.Application()
    app.router.add_post("/v1/auth/login", server.sign_in)
    app.router.add_post("/v1/auth/refresh", server.sign_in)
    app.router.add_post("/v1/auth/logout", server.log_out)
    app.router.add_get("/v1/ws", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        for socket in tuple(server.sockets):
            socket.cut()
        await runner.cleanup()
