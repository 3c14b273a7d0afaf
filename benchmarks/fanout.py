"""Fan-out: one channel, many sockets; what one delivery costs the server.

Beside it, each in a process of its own and in turns with StreamHub: a bare aiohttp server that
frames once and writes as many bytes to as many transports; the same with the writes of a loop pass
joined, as StreamHub's are; the same by aiohttp's own `send_bytes`; and nats-server over WebSocket
where it is installed.
"""

import itertools
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from benchmarks import nats
from benchmarks.audience import Audience
from benchmarks.cheap_socket import CheapSocket, ignore
from benchmarks.clients import few_at_once, is_reply, join_all, send_command
from benchmarks.people import make_channels, make_people
from benchmarks.processes import Child, cpu_s
from benchmarks.report import Line, compared, p50_p99_ms
from benchmarks.target import Target
from streamhub.domain.ids import ChannelId

BURST: Final = 20
ROUNDS: Final = 4
TEXT: Final = "x" * 120
_WITHIN_S: Final = 60.0
_BARE: Final = (("/fanout", "bare aiohttp"), ("/joined", "bare, joined"), ("/send", "send_bytes"))
"""The first is what the goal is about."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is sent: to how many sockets, and deliveries per round."""

    sockets: tuple[int, ...] = (500, 5_000)
    deliveries: int = 50_000


SMOKE: Final = Sizes(sockets=(40,), deliveries=800)


class Server(Protocol):
    """Something that sends what is posted to everyone in the audience."""

    name: str
    audience: Audience

    def post(self, messages: int) -> None: ...
    def cpu_s(self) -> float: ...


@dataclass(slots=True)
class Figures:
    """What one server did in all rounds of one kind."""

    deliveries: int = 0
    cpu_s: float = 0.0
    took_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.deliveries * 1e6

    @property
    def per_s(self) -> float:
        return self.deliveries / self.took_s


async def measure(target: Target, sizes: Sizes = Sizes()) -> list[Line]:
    """Lines for single messages and bursts, for each number of sockets."""
    lines: list[Line] = []
    for count in sizes.sockets:
        async with our_channel(target, count) as ours:
            ours.audience.begin()
            await _send(ours, 1)
            size = len(ours.audience.last)
            beside: list[Callable[[], AbstractAsyncContextManager[Server]]] = [
                partial(bare_server, path, name, count, size) for path, name in _BARE
            ]
            if shutil.which("nats-server"):
                beside.append(partial(nats_server, count, size))
            for number, start in enumerate(beside):
                async with start() as peer:
                    lines += await _compare(ours, peer, count, sizes, goal=number == 0)
    return sorted(lines, key=lambda line: line.work.partition(":")[0])  # stable: peers in turn


async def _compare(
    ours: Server, peer: Server, count: int, sizes: Sizes, *, goal: bool
) -> list[Line]:
    """A round each, over and over: what else the machine does hits both alike."""
    lines: list[Line] = []
    for burst in (1, BURST):
        messages = max(burst, sizes.deliveries // count // burst * burst)
        mine, theirs = Figures(), Figures()
        for _ in range(ROUNDS):
            await play_round(ours, burst, messages, mine)
            await play_round(peer, burst, messages, theirs)
        kind = "single messages" if burst == 1 else f"bursts of {burst}"
        lines += _lines(f"{count:,} sockets, {kind}", mine, peer.name, theirs, goal=goal)
    return lines


async def play_round(server: Server, burst: int, messages: int, figures: Figures) -> None:
    """Send so many, in bursts, each when the one before has arrived everywhere."""
    audience = server.audience
    audience.begin()
    cpu_before, began = server.cpu_s(), time.perf_counter()
    for _ in range(messages // burst):
        await _send(server, burst)
    figures.took_s += time.perf_counter() - began
    figures.cpu_s += server.cpu_s() - cpu_before
    figures.deliveries += len(audience.latencies_s)
    figures.p50_ms, figures.p99_ms = p50_p99_ms(audience.latencies_s)


async def _send(server: Server, messages: int) -> None:
    server.audience.expect(messages)
    server.post(messages)
    await server.audience.all_here(_WITHIN_S)


def _lines(what: str, ours: Figures, peer: str, theirs: Figures, *, goal: bool) -> list[Line]:
    """CPU beside every peer; the rest, which depends on who else is busy, beside the first."""
    lines = [
        compared(
            f"{what}: CPU per delivery",
            ours.cpu_us,
            peer,
            theirs.cpu_us,
            "us",
            most=1.3 if goal else None,
        )
    ]
    if goal:
        lines += [
            Line(
                work=f"{what}: deliveries/s",
                ours=f"{ours.per_s:,.0f}",
                peer=peer,
                theirs=f"{theirs.per_s:,.0f}",
            ),
            Line(
                work=f"{what}: p50, p99",
                ours=f"{ours.p50_ms:.1f}, {ours.p99_ms:.1f} ms",
                peer=peer,
                theirs=f"{theirs.p50_ms:.1f}, {theirs.p99_ms:.1f} ms",
            ),
        ]
    return lines


# -- the servers --------------------------------------------------------------------------------


class _Ours:
    """Each socket is another user's. They write in turn, as no one may write that fast."""

    def __init__(self, target: Target, channel: ChannelId) -> None:
        self.name = "StreamHub"
        self.audience = Audience()
        self._target = target
        self._channel = channel
        self._numbers = itertools.count(1)
        self._turns = itertools.count()

    def on_frame(self, socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        """Counts events, and not the replies to those who write."""
        if not is_reply(data, begin):
            self.audience.on_frame(socket, data, begin, end)

    def post(self, messages: int) -> None:
        sockets = self.audience.sockets
        author = sockets[next(self._turns) % len(sockets)]
        author.send(
            *(send_command(self._channel, TEXT, next(self._numbers)) for _ in range(messages))
        )

    def cpu_s(self) -> float:
        return self._target.host_cpu_s()


@asynccontextmanager
async def our_channel(target: Target, count: int) -> AsyncIterator[_Ours]:
    """A channel with `count` members, all connected."""
    people = await make_people(target, count)
    ours = _Ours(target, (await make_channels(target, [people]))[0])
    ours.audience.sockets = await join_all(target, people, ours.on_frame)
    yield ours
    ours.audience.close()


class _Bare:
    def __init__(self, name: str, child: Child, size: int) -> None:
        self.name = name
        self.audience = Audience()
        self._child = child
        self._payload = bytes(size)
        self.publisher: CheapSocket | None = None

    def post(self, messages: int) -> None:
        assert self.publisher is not None
        self.publisher.send(*([self._payload] * messages))

    def cpu_s(self) -> float:
        return cpu_s(self._child.pid)


@asynccontextmanager
async def bare_server(path: str, name: str, count: int, size: int) -> AsyncIterator[_Bare]:
    """As many sockets on a bare server that sends them `size` bytes."""
    child = await Child.start("benchmarks.bare", auth_secret="not used here, but 32 bytes long")
    bare = _Bare(name, child, size)
    url = child.said["url"]
    bare.publisher = await CheapSocket.open(url, path, ignore)

    async def listener(number: int) -> CheapSocket:
        socket = await CheapSocket.open(url, path, bare.audience.on_frame)
        bare.audience.sockets.append(socket)
        bare.audience.expect(0)
        return socket

    await few_at_once(listener, range(count))
    bare.audience.begin()
    bare.audience.expect(1)
    for socket in bare.audience.sockets:
        socket.send(b"listen")
    await bare.audience.all_here(_WITHIN_S)
    yield bare
    bare.audience.close()
    bare.publisher.close()
    await child.stop()


class _Nats:
    def __init__(self, server: nats.NatsServer, size: int) -> None:
        self.name = "nats-server"
        self.audience = Audience()
        self._server = server
        self._payload = bytes(size)
        self.publisher: CheapSocket | None = None

    def post(self, messages: int) -> None:
        assert self.publisher is not None
        self.publisher.send(nats.publish(self._payload) * messages)

    def cpu_s(self) -> float:
        return cpu_s(self._server.pid)


@asynccontextmanager
async def nats_server(count: int, size: int) -> AsyncIterator[_Nats]:
    """As many subscribers of one subject on nats-server's WebSocket port."""
    async with nats.started() as server:
        peer = _Nats(server, size)

        def on_frame(socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
            for _ in range(data.count(nats.DELIVERY, begin, end)):
                peer.audience.on_frame(socket, data, begin, end)

        async def subscriber(number: int) -> CheapSocket:
            return await nats.connect(server, on_frame, subscribe=True)

        peer.publisher = await nats.connect(server, ignore, subscribe=False)
        peer.audience.sockets = await few_at_once(subscriber, range(count))
        yield peer
        peer.audience.close()
        peer.publisher.close()
