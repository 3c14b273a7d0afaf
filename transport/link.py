"""One link: what waits for a peer, and the socket that carries it while there is one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from streamhub.domain.ids import HostId
from streamhub.transport.joined_writes import Flusher
from streamhub.transport.link_batches import BEAT, Outbox
from streamhub.transport.link_ends import DEAD_AFTER_S, End
from streamhub.transport.link_handshake import Socket
from streamhub.transport.link_socket import LinkSocket

log = structlog.get_logger()

IDLE_S: Final = 300.0


@dataclass(slots=True)
class Sent:
    """What a host sent over its links since it started."""

    batches: int = 0
    envelopes: int = 0
    bytes: int = 0


class Link:
    """One peer. It is dialled while it has no socket; `failing` once an attempt failed, and then
    `pausing` between two attempts.

    What is put in within one pass of the event loop leaves at its end, in as few batches as hold
    it; while the transport is full it waits, and the batches grow.
    """

    __slots__ = (
        "_due",
        "_flusher",
        "_sent",
        "_used",
        "dialling",
        "failing",
        "heard",
        "opened",
        "outbox",
        "pausing",
        "peer",
        "socket",
    )

    def __init__(self, peer: HostId, flusher: Flusher, sent: Sent) -> None:
        self.peer = peer
        self.outbox = Outbox()
        self.socket: LinkSocket | None = None
        self.failing = False
        self.dialling: asyncio.Task[None] | None = None
        self.pausing = asyncio.Event()
        self._due = False
        self.opened = self.heard = self._used = 0.0
        self._flusher = flusher
        self._sent = sent

    def put(self, data: bytes) -> None:
        """Send an encoded envelope, after those that wait."""
        self.outbox.put(data)
        if not self._due and self.socket is not None:
            self._due = True
            self._flusher.flush_soon(self)

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""
        self._due = False
        socket = self.socket
        if socket is None or not self.outbox.envelopes:
            return
        self._used = asyncio.get_running_loop().time()
        sent = self._sent
        while not socket.full and (batch := self.outbox.take()):
            data, count = batch
            sent.batches += 1
            sent.envelopes += count
            sent.bytes += len(data)
            socket.write(data)

    def beat(self, now: float) -> End | None:
        """Say that this end lives, or why the link should end: the peer said nothing for four
        seconds, or nobody used it for long."""
        if now - self.heard > DEAD_AFTER_S:
            return "silent"
        if now - self._used > IDLE_S:
            return "idle"
        if self.socket is not None and not self.socket.full:
            self.socket.write(BEAT)
        return None

    def discard(self) -> None:
        """Forget what waits."""
        self.outbox = Outbox()

    def release(self, end: End) -> bool:
        """Stop carrying, or dialling; whether there was a socket."""
        socket, self.socket = self.socket, None
        self.discard()
        if socket is None:
            self.stop_dialling()
            return False
        socket.end(end)
        return True

    def stop_dialling(self) -> None:
        """The peer called, or is gone."""
        if self.dialling is not None and self.dialling is not asyncio.current_task():
            self.dialling.cancel()

    async def carry(
        self,
        socket: Socket,
        take: Callable[[HostId, bytes], None],
        give_up: Callable[["Link", End], None],
    ) -> None:
        """Send and receive until either end is gone; `give_up` is told why, at once. `take` raises
        msgspec.DecodeError for what is no batch."""
        loop = asyncio.get_running_loop()

        def took(batch: bytes) -> None:
            self.heard = loop.time()
            if batch == BEAT:
                return
            self._used = self.heard
            try:
                take(self.peer, batch)
            except msgspec.DecodeError as error:
                log.error("link.not_understood", peer=self.peer, error=str(error))
                open_socket.end("broken")

        self.opened = self.heard = self._used = loop.time()
        self.failing = False
        self.pausing.set()
        self.socket = open_socket = LinkSocket(socket, took, self.flush)
        end: End = "broken"
        try:
            end = await open_socket.carry()
        finally:
            give_up(self, end)
            await open_socket.close(end)
