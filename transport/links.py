"""Links: one WebSocket between each two hosts, both ways, in order, msgpack batches.

A link is dialled on first use. Both ends prove that they know the cluster's secret, by answering
the other's challenge, and say which host they are and mean. When both dial at once, the one that
the smaller id dialled stays. When a link ends, both ends forget everything of it: whoever used it
is told once.

    idle     --send-----------> dialling
    dialling --open-----------> open
    dialling --no link--------> failing    (tried again, every second, until the peer is gone)
    failing  --open-----------> open
    open     --ended in order-> idle
    open     --broken---------> dialling
    any      --accepted-------> open

What is sent while a link is dialled waits for it; while it fails, `send` says so at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog
from aiohttp import web

from streamhub.config import Secret
from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId
from streamhub.transport.joined_writes import Flusher
from streamhub.transport.link import Link, Sent
from streamhub.transport.link_batches import MAX_BATCH_BYTES, Encoder
from streamhub.transport.link_calls import NOT_LINKED, Called, Calls, Tls, socket_of
from streamhub.transport.link_ends import DEAD_AFTER_S, IN_ORDER, MENDED, End
from streamhub.transport.link_handshake import SPOKEN, Hello, NoCommonVersion, Versions
from streamhub.transport.link_intake import Handler, Intake
from streamhub.transport.link_troubles import Troubles

log = structlog.get_logger()

MAX_QUEUED: Final = 50_000
"""Envelopes that may wait for a slow peer: beyond, the link is given up."""

MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
"""Of these envelopes; the last may go beyond."""

PAUSE_S: Final = 1.0
"""Between two attempts to link."""

HEARTBEAT_S: Final = 1.0

_LOOK_S: Final = (0.05, 0.2, 0.75, 1.0)
"""How long a caller that is not in the view waits for it to be read again."""

_MINE: Final = "this host is calling you already"


class Links:
    """The links of one host, and its way to itself: the `Switch` of the actor runtime.

    `send` never waits. What was handed over arrives once and in order, or the link is lost and
    both ends hear of it by `on_lost`. With `tls` all links are encrypted, in both directions.
    """

    def __init__(
        self,
        host: HostId,
        secret: Secret,
        *,
        address: Callable[[HostId], str | None],
        on_lost: Callable[[HostId], None],
        on_stranger: Callable[[], None],
        tls: Tls | None = None,
        spoken: Versions = SPOKEN,
    ) -> None:
        self.host = host
        self.sent = Sent()
        self._calls = Calls(host, secret, address=address, tls=tls, spoken=spoken)
        self._on_lost = on_lost
        self._on_stranger = on_stranger
        self._intake = Intake(host)
        self._links: dict[HostId, Link] = {}
        self._troubles = Troubles()
        self._encoder = Encoder()
        self._flusher = Flusher()
        self._next_beat: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many are open."""
        return sum(link.socket is not None for link in self._links.values())

    @property
    def peers(self) -> tuple[HostId, ...]:
        """The hosts there is a link to, or should be."""
        return tuple(self._links)

    @property
    def queued(self) -> int:
        """Envelopes that wait to be sent."""
        return sum(link.outbox.envelopes for link in self._links.values())

    def unlinked(self) -> tuple[HostId, ...]:
        """The hosts to which no link could be made, or kept, for 10 s. That a peer speaks no
        version we speak is not among the reasons: another host in its place would not either."""
        now = asyncio.get_running_loop().time()
        return tuple(
            peer
            for peer, link in self._links.items()
            if self._troubles.cannot_link(peer, now, link.opened if link.socket else None)
        )

    def start(self, handlers: Mapping[type, Handler]) -> None:
        """Begin to carry; each envelope goes to the handler of its type."""
        self._intake.handlers = handlers
        self._calls.start()
        self._beat_later()

    def send(self, host: HostId, envelope: Envelope) -> bool:
        if host == self.host:
            self._intake.take_own(envelope)
            return True
        link = self._links.get(host) or self._dialled(host)
        if link is None or link.failing:
            return False
        if link.outbox.envelopes >= MAX_QUEUED or link.outbox.bytes >= MAX_QUEUED_BYTES:
            self._end(link, "full")
            return False
        data = self._encoder.encode(envelope)
        if len(data) > MAX_BATCH_BYTES - 16:
            log.error("link.envelope_too_large", peer=host, kind=type(envelope).__name__)
            return False
        link.put(data)
        return True

    def drop(self, gone: Iterable[HostId]) -> None:
        """These hosts left the view: no link to them is worth keeping."""
        for host in gone:
            if link := self._links.get(host):
                self._end(link, "dropped")

    async def close(self) -> None:
        self._closed = True
        if self._next_beat is not None:
            self._next_beat.cancel()
        tasks = [link.dialling for link in self._links.values() if link.dialling]
        for link in list(self._links.values()):
            self._end(link, "dropped")
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._calls.close()

    # -- dialling ---------------------------------------------------------------------------

    def _dialled(self, peer: HostId) -> Link | None:
        if self._closed or not self._calls.knows(peer):
            return None
        link = self._links[peer] = Link(peer, self._flusher, self.sent)
        link.dialling = asyncio.ensure_future(self._dial(link))
        return link

    async def _dial(self, link: Link) -> None:
        """Try until there is a link; `accept` ends it when the peer's own call comes first."""
        called: Called | None = None
        while called is None:
            began = asyncio.get_running_loop().time()
            link.pausing.clear()
            try:
                called = await self._calls.call(link.peer)
            except NOT_LINKED as error:
                if str(error) == _MINE:
                    await asyncio.sleep(DEAD_AFTER_S)  # until that call comes, and ends this
                self._not_linked(link, error, began)
                link.pausing.set()
                await asyncio.sleep(PAUSE_S)
        await self._carry(link, called)

    def _not_linked(self, link: Link, error: Exception, began: float) -> None:
        """Whoever waits for the link hears that there is none; later attempts are quiet."""
        if isinstance(error, NoCommonVersion):
            self._troubles.forget(link.peer)
        else:
            self._troubles.failed(link.peer, began)
        if link.failing:
            return
        link.failing = True
        link.discard()
        log.warning("link.refused", peer=link.peer, error=self._calls.explain(error))
        self._on_lost(link.peer)

    # -- accepting --------------------------------------------------------------------------

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """The private site's handler of `link_calls.PATH`."""
        socket = await socket_of(request)
        called = await self._calls.answer(socket, self._refusal)
        if called is None:
            return socket
        link = self._links.get(called.peer)
        if link is not None and link.socket is not None:
            self._end(link, "replaced")  # its end of the old one is gone
            link = None
        if link is None:
            link = self._links[called.peer] = Link(called.peer, self._flusher, self.sent)
        link.stop_dialling()
        await self._carry(link, called)
        return socket

    async def _refusal(self, hello: Hello) -> str:
        if self._closed:
            return "this host is closing"
        if hello.target != self.host:
            return "another host lives here now"
        if not await self._gets_to_know(hello.dialler):
            return "you are not in the view"
        mine = self._links.get(hello.dialler)
        if mine is None or mine.socket is not None or self.host > hello.dialler:
            return ""
        if mine.failing:  # it may be that the peer gets through, and we do not
            await mine.pausing.wait()
        return "" if mine.failing else _MINE

    async def _gets_to_know(self, peer: HostId) -> bool:
        """Whether `peer` is in the view. It may have read a newer one: that is looked for."""
        waits = iter(_LOOK_S)
        while not self._calls.knows(peer):
            wait_s = next(waits, None)
            if wait_s is None:
                return False
            self._on_stranger()
            await asyncio.sleep(wait_s)
        return True

    # -- carrying ---------------------------------------------------------------------------

    async def _carry(self, link: Link, called: Called) -> None:
        log.info("link.open", peer=link.peer, version=called.version)
        await link.carry(called.socket, self._intake.take, self._end)

    def _beat_later(self) -> None:
        self._next_beat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _beat(self) -> None:
        """Say something on every link that is open, and end those that are silent or idle."""
        now = asyncio.get_running_loop().time()
        self._beat_later()
        for link in tuple(self._links.values()):
            if link.socket is not None and (end := link.beat(now)):
                self._end(link, end)

    def _end(self, link: Link, end: End) -> None:
        """Forget the link, once; one that broke is dialled again, for whoever comes to need it."""
        if self._links.get(link.peer) is not link:
            return
        del self._links[link.peer]
        was_open = link.release(end)
        if end in IN_ORDER:
            self._troubles.forget(link.peer)
        elif was_open:
            self._troubles.broke(link.peer, link.opened, link.heard)
        if was_open:
            log.info("link.lost", peer=link.peer, why=end)
        if not link.failing:
            self._on_lost(link.peer)
        if end in MENDED and link.peer not in self._links:
            self._dialled(link.peer)
