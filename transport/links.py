"""Links: one WebSocket between each two hosts, both ways, in order, msgpack batches.

A link is dialled on first use. Both ends prove that they know the cluster's secret, by answering
the other's challenge, and say which host they are and mean. When both dial at once, the one that
the smaller id dialled stays. When a link ends, both ends forget everything of it: whoever used it
is told once.

    idle --send--> dialling --open--> open --lost--> idle
      `----------- accepted ----------^
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import aiohttp
import msgspec
import structlog
from aiohttp import web

from streamhub.config import Secret
from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId
from streamhub.transport.link_handshake import WIRE, Hello, LinkRefused, Socket, answer, call

log = structlog.get_logger()

PATH: Final = "/link"

HEARTBEAT_S: Final = 1.0
DEAD_AFTER_S: Final = 4.0
IDLE_S: Final = 300.0
MAX_QUEUED: Final = 50_000
"""Envelopes that may wait for a slow peer: beyond, the link is given up."""

MAX_BATCH: Final = 512
_CLOSE_S: Final = 0.5
"""A peer that does not answer a close within this is gone anyway."""

MAX_BATCH_BYTES: Final = 32 * 1024 * 1024

_encoder: Final = msgspec.msgpack.Encoder()
_decode_batch: Final = msgspec.msgpack.Decoder(list[Envelope]).decode
_decode_raw: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_one: Final = msgspec.msgpack.Decoder(Envelope).decode

Handler = Callable[[HostId, Any], None]


_NOT_LINKED: Final = (
    aiohttp.ClientError,
    LinkRefused,
    OSError,
    TimeoutError,
    TypeError,
    ValueError,
)


class _Link:
    """One peer: what waits for it, and the socket while there is one."""

    __slots__ = ("heard", "opened", "peer", "queue", "socket", "task", "used", "wake")

    def __init__(self, peer: HostId, now: float) -> None:
        self.peer = peer
        self.queue: deque[Envelope] = deque()
        self.socket: Socket | None = None
        self.wake = asyncio.Event()
        self.opened = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.heard = now
        self.used = now


class Links:
    """The links of one host, and its way to itself: the `Switch` of the actor runtime.

    `send` never waits. What was handed over arrives once and in order, or the link is lost and
    both ends hear of it by `on_lost`.
    """

    def __init__(
        self,
        host: HostId,
        secret: Secret,
        *,
        address: Callable[[HostId], str | None],
        on_lost: Callable[[HostId], None],
    ) -> None:
        self.host = host
        self._key = secret.reveal().encode()
        self._address = address
        self._on_lost = on_lost
        self._handlers: Mapping[type, Handler] = {}
        self._links: dict[HostId, _Link] = {}
        self._local: list[Envelope] = []
        self._http: aiohttp.ClientSession | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._links)

    @property
    def peers(self) -> tuple[HostId, ...]:
        """The hosts there is a link to, or one is being dialled."""
        return tuple(self._links)

    @property
    def queued(self) -> int:
        """Envelopes that wait to be sent."""
        return sum(len(link.queue) for link in self._links.values())

    def start(self, handlers: Mapping[type, Handler]) -> None:
        """Begin to carry; each envelope goes to the handler of its type."""
        self._handlers = handlers
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEAD_AFTER_S))

    def send(self, host: HostId, envelope: Envelope) -> bool:
        if host == self.host:
            if not self._local:
                asyncio.get_running_loop().call_soon(self._deliver_local)
            self._local.append(envelope)
            return True
        if self._closed:
            return False
        link = self._links.get(host) or self._dialled(host)
        if link is None:
            return False
        if len(link.queue) >= MAX_QUEUED:
            log.warning("link.full", peer=host)
            self._lose(link)
            return False
        link.queue.append(envelope)
        link.wake.set()
        return True

    def drop(self, gone: Iterable[HostId]) -> None:
        """These hosts left the view: no link to them is worth keeping."""
        for host in gone:
            if link := self._links.get(host):
                self._lose(link)

    async def close(self) -> None:
        self._closed = True
        tasks = [link.task for link in self._links.values() if link.task]
        for link in list(self._links.values()):
            self._lose(link)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    # -- dialling and accepting -------------------------------------------------------------

    def _dialled(self, peer: HostId) -> _Link | None:
        if self._address(peer) is None:
            return None
        link = self._links[peer] = _Link(peer, asyncio.get_running_loop().time())
        link.task = asyncio.ensure_future(self._dial(link))
        return link

    async def _dial(self, link: _Link) -> None:
        try:
            async with asyncio.timeout(DEAD_AFTER_S):
                socket = await self._connect(link.peer)
        except _NOT_LINKED as error:
            if link.socket is None and not await self._comes_to_us(link, error):
                log.warning("link.refused", peer=link.peer, error=str(error) or repr(error))
                self._lose(link)
            return
        if link.socket is not None:  # the peer's own call came first
            await socket.close()
            return
        await self._carry(link, socket)

    async def _comes_to_us(self, link: _Link, error: Exception) -> bool:
        """The peer refused since it dials us itself: wait a moment for that call."""
        if not isinstance(error, LinkRefused) or str(error) != _MINE:
            return False
        try:
            async with asyncio.timeout(DEAD_AFTER_S):
                await link.opened.wait()
        except TimeoutError:
            return False
        return True

    async def _connect(self, peer: HostId) -> aiohttp.ClientWebSocketResponse:
        address = self._address(peer)
        if address is None or self._http is None:
            raise LinkRefused("its address is not known")
        socket = await self._http.ws_connect(
            f"http://{address}{PATH}",
            max_msg_size=MAX_BATCH_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
        )
        try:
            await call(socket, self._key, self.host, peer)
        except BaseException:
            await socket.close()
            raise
        return socket

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """The private site's handler of `PATH`."""
        socket = web.WebSocketResponse(
            max_msg_size=MAX_BATCH_BYTES, compress=False, timeout=_CLOSE_S
        )
        await socket.prepare(request)
        try:
            async with asyncio.timeout(DEAD_AFTER_S):
                peer = await answer(socket, self._key, self._refusal)
        except _NOT_LINKED as error:
            log.info("link.not_accepted", error=str(error) or repr(error))
            await socket.close()
            return socket
        link = self._links.get(peer)
        if link is not None and link.socket is not None:
            self._lose(link)  # its end of the old one is gone
            link = None
        if link is None:
            link = self._links[peer] = _Link(peer, asyncio.get_running_loop().time())
        await self._carry(link, socket)
        return socket

    def _refusal(self, hello: Hello) -> str:
        if self._closed:
            return "this host is closing"
        if hello.wire != WIRE:
            return f"this host speaks version {WIRE} of the link"
        if hello.target != self.host:
            return "another host lives here now"
        mine = self._links.get(hello.dialler)
        if mine is not None and mine.socket is None and self.host < hello.dialler:
            return _MINE
        return ""

    # -- carrying ---------------------------------------------------------------------------

    async def _carry(self, link: _Link, socket: Socket) -> None:
        """Send and receive until either end is gone."""
        link.socket = socket
        link.opened.set()
        link.heard = link.used = asyncio.get_running_loop().time()
        log.info("link.open", peer=link.peer)
        sender = asyncio.ensure_future(self._send(link, socket))
        beat = asyncio.ensure_future(self._watch(link, socket))
        try:
            await self._receive(link, socket)
        finally:
            sender.cancel()
            beat.cancel()
            self._lose(link)
            await asyncio.gather(sender, beat, return_exceptions=True)
            await socket.close()

    async def _send(self, link: _Link, socket: Socket) -> None:
        """Whatever waits is the next batch: the busier the link, the larger they are."""
        while True:
            await link.wake.wait()
            link.wake.clear()
            while link.queue:
                batch = [link.queue.popleft() for _ in range(min(MAX_BATCH, len(link.queue)))]
                link.used = asyncio.get_running_loop().time()
                await socket.send_bytes(_encoder.encode(batch))

    async def _watch(self, link: _Link, socket: Socket) -> None:
        """Say something every second; give up on a peer that says nothing for four."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            now = loop.time()
            silent, unused = now - link.heard, now - link.used
            if silent > DEAD_AFTER_S or unused > IDLE_S:
                log.info("link.given_up", peer=link.peer, silent_s=round(silent, 1))
                self._lose(link)
                return
            await socket.send_bytes(_BEAT)

    async def _receive(self, link: _Link, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        while link.socket is socket:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            link.heard = loop.time()
            if message.data == _BEAT:
                continue
            link.used = link.heard
            for envelope in _batch(message.data):
                self._handle(link.peer, envelope)

    def _handle(self, sender: HostId, envelope: Envelope) -> None:
        try:
            self._handlers[type(envelope)](sender, envelope)
        except Exception:
            log.exception("link.handler_failed", peer=sender, envelope=type(envelope).__name__)

    def _deliver_local(self) -> None:
        envelopes, self._local = self._local, []
        for envelope in envelopes:
            self._handle(self.host, envelope)

    def _lose(self, link: _Link) -> None:
        """Forget the link, once."""
        if self._links.get(link.peer) is not link:
            return
        del self._links[link.peer]
        socket, link.socket = link.socket, None
        link.queue.clear()
        if socket is not None:
            log.info("link.lost", peer=link.peer)
            closing = asyncio.ensure_future(socket.close())
            closing.add_done_callback(lambda done: done.exception())
        elif link.task is not None and link.task is not asyncio.current_task():
            link.task.cancel()
        self._on_lost(link.peer)


_MINE: Final = "this host is calling you already"
_BEAT: Final = _encoder.encode([])


def _batch(data: bytes) -> list[Envelope]:
    """The envelopes of a message; those of a newer version's kinds are left out."""
    try:
        return _decode_batch(data)
    except msgspec.ValidationError:
        return [envelope for raw in _decode_raw(data) if (envelope := _known(raw)) is not None]


def _known(raw: msgspec.Raw) -> Envelope | None:
    try:
        envelope: Envelope = _decode_one(raw)
    except msgspec.ValidationError as error:
        log.warning("link.unknown_envelope", error=str(error))
        return None
    return envelope
