"""One link: what waits for a peer, and the socket that carries it while there is one."""

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import aiohttp
import msgspec
import structlog

from streamhub.domain.ids import HostId
from streamhub.transport.link_batches import BEAT, Outbox
from streamhub.transport.link_handshake import Socket

log = structlog.get_logger()

HEARTBEAT_S: Final = 1.0
DEAD_AFTER_S: Final = 4.0
IDLE_S: Final = 300.0

End = Literal["idle", "dropped", "closed", "replaced", "silent", "full", "broken"]
"""Why a link ended. `closed`: by the peer, in order. `replaced`: the peer made another one."""

IN_ORDER: Final = frozenset[End]({"idle", "dropped", "closed"})
MENDED: Final = frozenset[End]({"silent", "broken"})
"""Ends after which the link is dialled again, whether or not somebody asks for it."""


@dataclass(slots=True)
class Sent:
    """What a host sent over its links since it started."""

    batches: int = 0
    envelopes: int = 0
    bytes: int = 0


class Link:
    """One peer. It is dialled while it has no socket; `failing` once an attempt failed, and then
    `pausing` between two attempts."""

    __slots__ = (
        "_used",
        "_wake",
        "dialling",
        "failing",
        "heard",
        "opened",
        "outbox",
        "pausing",
        "peer",
        "socket",
    )

    def __init__(self, peer: HostId) -> None:
        self.peer = peer
        self.outbox = Outbox()
        self.socket: Socket | None = None
        self.failing = False
        self.dialling: asyncio.Task[None] | None = None
        self.pausing = asyncio.Event()
        self.opened = self.heard = self._used = 0.0
        self._wake = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Send an encoded envelope, after those that wait."""
        self.outbox.put(data)
        self._wake.set()

    def discard(self) -> None:
        """Forget what waits."""
        self.outbox = Outbox()

    def release(self) -> Socket | None:
        """Stop carrying, or dialling; returns the socket, which is still to be closed."""
        socket, self.socket = self.socket, None
        self.discard()
        if socket is None:
            self.stop_dialling()
        return socket

    def stop_dialling(self) -> None:
        """The peer called, or is gone."""
        if self.dialling is not None and self.dialling is not asyncio.current_task():
            self.dialling.cancel()

    async def carry(
        self,
        socket: Socket,
        take: Callable[[HostId, bytes], None],
        give_up: Callable[["Link", End], None],
        sent: Sent,
    ) -> None:
        """Send and receive until either end is gone; `give_up` is told why, at once."""
        self.socket, self.failing = socket, False
        self.pausing.set()
        self.opened = self.heard = self._used = asyncio.get_running_loop().time()
        _end_if_unread(socket)
        tasks = [
            asyncio.ensure_future(self._send(socket, sent)),
            asyncio.ensure_future(self._watch(give_up)),
        ]
        end: End = "broken"
        try:
            end = await self._receive(socket, take)
        finally:
            for task in tasks:
                task.cancel()
            give_up(self, end)
            await asyncio.gather(*tasks, return_exceptions=True)
            await close(socket, end)

    async def _send(self, socket: Socket, sent: Sent) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self.outbox.envelopes:
                await socket.send_bytes(BEAT)
            while batch := self.outbox.take():
                data, count = batch
                self._used = loop.time()
                sent.batches += 1
                sent.envelopes += count
                sent.bytes += len(data)
                await socket.send_bytes(data)

    async def _watch(self, give_up: Callable[["Link", End], None]) -> None:
        """Say something every second; give up on a peer that says nothing for four.

        It does not send by itself: a peer that does not read would hold it up.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            now = loop.time()
            if now - self.heard > DEAD_AFTER_S:
                return give_up(self, "silent")
            if now - self._used > IDLE_S:
                return give_up(self, "idle")
            self._wake.set()

    async def _receive(self, socket: Socket, take: Callable[[HostId, bytes], None]) -> End:
        loop = asyncio.get_running_loop()
        while self.socket is socket:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return "closed" if message.data == aiohttp.WSCloseCode.OK else "broken"
            self.heard = loop.time()
            if message.data != BEAT:
                self._used = self.heard
                try:
                    take(self.peer, message.data)
                except msgspec.DecodeError as error:
                    log.error("link.not_understood", peer=self.peer, error=str(error))
                    return "broken"
        return "broken"


async def close(socket: Socket, end: End) -> None:
    """Tell the peer whether the link ended in order."""
    code = aiohttp.WSCloseCode.OK if end in IN_ORDER else aiohttp.WSCloseCode.INTERNAL_ERROR
    with suppress(ConnectionError):
        await socket.close(code=code, message=end.encode())


def _end_if_unread(socket: Socket) -> None:
    """Have the kernel end a connection whose peer takes nothing: closing it would wait for that."""
    tcp = socket.get_extra_info("socket")
    if tcp is not None:
        wait_ms = int(DEAD_AFTER_S * 1000)
        tcp.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, wait_ms)
