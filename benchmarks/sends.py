"""Durable sends: acknowledged after the commit, and delivered to everyone in the channel.

Each sender has one send outstanding. A sender is a member like the listeners, and hears its
channel too. Beside the sends without listeners: a loop that runs the same batch statement over as
many connections, with as many rows outstanding, and does nothing else.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.cheap_socket import CheapSocket
from benchmarks.clients import is_reply, join_all, send_command
from benchmarks.people import Person, make_channels, make_people
from benchmarks.processes import own_cpu_s
from benchmarks.report import Line, bounded, p50_p99_ms
from benchmarks.target import Target
from streamhub.config import Settings
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.ids import MESSAGE, RANDOM_BYTES, ChannelId, MessageId, make_id
from streamhub.persistence.batches import append_messages
from streamhub.persistence.postgres import open_pool
from streamhub.persistence.writer import LANE_SESSION

TEXT: Final = "x" * 120
_SETTLE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who sends to whom, and for how long each part is measured."""

    channels: int = 8
    senders: int = 64
    listeners: int = 25
    seconds: float = 8.0
    pace_per_s: int = 200


SMOKE: Final = Sizes(channels=2, senders=4, listeners=3, seconds=0.5, pace_per_s=40)


@dataclass(slots=True)
class Figures:
    """Of one part. CPU in seconds: of hosts, PostgreSQL, and of these clients."""

    acknowledged: int
    deliveries: int
    took_s: float
    ack_ms: tuple[float, float]
    hosts_s: float
    database_s: float
    clients_s: float

    @property
    def per_s(self) -> float:
        return self.acknowledged / self.took_s

    @property
    def cpu_ms(self) -> float:
        """Of a send with its deliveries: hosts and PostgreSQL."""
        return (self.hosts_s + self.database_s) / self.acknowledged * 1e3


async def measure(target: Target, sizes: Sizes = Sizes()) -> list[Line]:
    """Lines for sends as fast as they go, for paced ones, and for sends without listeners."""
    async with crowd(target, sizes) as with_listeners:
        fast = await with_listeners.run(sizes.seconds)
        paced = await with_listeners.run(sizes.seconds, pace_per_s=sizes.pace_per_s)
    async with crowd(target, sizes, listeners=0) as alone:
        silent = await alone.run(sizes.seconds)
    bare = await bare_rate(target, sizes)
    p50_ms, p99_ms = fast.ack_ms
    return [
        Line(
            work="sends/s with every delivery made",
            ours=f"{fast.per_s:,.0f}",
            goal="at least 2,000",
            met=fast.per_s >= 2000,
        ),
        Line(work="  deliveries/s", ours=f"{fast.deliveries / fast.took_s:,.0f}"),
        Line(work="  acknowledged after, p50 and p99", ours=f"{p50_ms:.1f}, {p99_ms:.1f} ms"),
        bounded("  CPU per send, PostgreSQL included", fast.cpu_ms, "ms", most=0.5),
        Line(
            work="    hosts, PostgreSQL, clients",
            ours=" + ".join(
                f"{part / fast.acknowledged * 1e3:.2f}"
                for part in (fast.hosts_s, fast.database_s, fast.clients_s)
            ),
        ),
        bounded(f"{sizes.pace_per_s} sends/s: p50", paced.ack_ms[0], "ms", most=4),
        bounded(f"{sizes.pace_per_s} sends/s: p99", paced.ack_ms[1], "ms", most=15),
        Line(
            work="sends/s without listeners",
            ours=f"{silent.per_s:,.0f}",
            peer="bare asyncpg",
            theirs=f"{bare:,.0f}",
            ratio=silent.per_s / bare,
            goal="at least 0.33x",
            met=silent.per_s / bare >= 1 / 3,
        ),
    ]


class Crowd:
    """Senders and listeners of several channels; every delivery is counted, per channel."""

    def __init__(self, target: Target, channels: Sequence[ChannelId]) -> None:
        self._target = target
        self._channels = channels
        self._members: list[list[CheapSocket]] = [[] for _ in channels]
        self._senders: list[CheapSocket] = []
        self._numbers = itertools.count(1)
        self._sent_at: dict[CheapSocket, float] = {}
        self._idle: list[CheapSocket] = []
        self._sent = [0] * len(channels)
        self._latencies_s: list[float] = []
        self._again = False
        self._problem: object = None

    def take(self, senders: Sequence[CheapSocket], listeners: Sequence[CheapSocket]) -> None:
        """The sockets, each in the channel of its turn."""
        self._senders = list(senders)
        for sockets in (senders, listeners):
            for number, socket in enumerate(sockets):
                socket.number = number % len(self._channels)
                self._members[socket.number].append(socket)

    def on_frame(self, socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        """A delivery, or a sender's acknowledgement."""
        if not is_reply(data, begin):
            socket.frames += 1
            return
        if problem := msgspec.msgpack.decode(data[begin:end]).get("e"):
            self._problem = problem
            return
        now, sent_at = time.perf_counter(), self._sent_at.pop(socket)
        self._latencies_s.append(now - sent_at)
        self._sent[socket.number] += 1
        self._idle.append(socket)
        if self._again:
            wait_s = sent_at + 1 / self._target.commands_per_s - now
            if wait_s > 0:
                asyncio.get_running_loop().call_later(wait_s, self._send_again, socket)
            else:
                self._send(socket)

    async def run(self, seconds: float, *, pace_per_s: int | None = None) -> Figures:
        """Send for so long, wait for every delivery, and check that none came twice or never."""
        self._begin()
        before = self._cpu()
        began = time.perf_counter()
        if pace_per_s is None:
            self._again = True
            for socket in self._senders:
                self._send(socket)
            await asyncio.sleep(seconds)
            self._again = False
        else:
            await self._send_paced(began, seconds, pace_per_s)
        took_s = time.perf_counter() - began
        await self._settle()
        hosts_s, database_s, clients_s = (
            after - start for after, start in zip(self._cpu(), before, strict=True)
        )
        return Figures(
            acknowledged=sum(self._sent),
            deliveries=sum(socket.frames for sockets in self._members for socket in sockets),
            took_s=took_s,
            ack_ms=p50_p99_ms(self._latencies_s),
            hosts_s=hosts_s,
            database_s=database_s,
            clients_s=clients_s,
        )

    def close(self) -> None:
        for sockets in self._members:
            for socket in sockets:
                socket.close()

    def _begin(self) -> None:
        self._idle = list(self._senders)
        self._sent = [0] * len(self._channels)
        self._latencies_s = []
        for sockets in self._members:
            for socket in sockets:
                socket.frames = 0

    def _cpu(self) -> tuple[float, float, float]:
        return self._target.host_cpu_s(), self._target.database_cpu_s(), own_cpu_s()

    async def _send_paced(self, began: float, seconds: float, per_s: int) -> None:
        """One by one on time, whoever is idle; each counts from when it should have left."""
        for number in range(int(seconds * per_s)):
            due = began + number / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._idle:
                self._send(self._idle[0], due)

    def _send_again(self, socket: CheapSocket) -> None:
        if self._again:
            self._send(socket)

    def _send(self, socket: CheapSocket, at: float | None = None) -> None:
        self._idle.remove(socket)
        command = send_command(self._channels[socket.number], TEXT, next(self._numbers))
        self._sent_at[socket] = time.perf_counter() if at is None else at
        socket.send(command)

    async def _settle(self) -> None:
        """Raises TimeoutError when deliveries are missing, AssertionError for too many."""
        deadline = time.perf_counter() + _SETTLE_S
        while self._sent_at or self._missing():
            if self._problem is not None:
                raise RuntimeError(f"a send was refused: {self._problem}")
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{self._missing()} deliveries are missing")
            await asyncio.sleep(0.02)
        assert self._missing() == 0, f"{-self._missing()} deliveries too many"

    def _missing(self) -> int:
        return sum(
            self._sent[number] - socket.frames
            for number, sockets in enumerate(self._members)
            for socket in sockets
        )


@asynccontextmanager
async def crowd(
    target: Target, sizes: Sizes, *, listeners: int | None = None
) -> AsyncIterator[Crowd]:
    """All connected and in their channels. `listeners`: per channel, instead of the size's."""
    hearing = (sizes.listeners if listeners is None else listeners) * sizes.channels
    people = await make_people(target, sizes.senders + hearing)
    groups: list[list[Person]] = [[] for _ in range(sizes.channels)]
    for part in (people[: sizes.senders], people[sizes.senders :]):
        for number, person in enumerate(part):
            groups[number % sizes.channels].append(person)
    made = Crowd(target, await make_channels(target, groups))
    # Who shares a channel is spread over all hosts.
    sockets = await join_all(target, people, made.on_frame, together=sizes.channels)
    made.take(sockets[: sizes.senders], sockets[sizes.senders :])
    yield made
    made.close()


async def bare_rate(target: Target, sizes: Sizes) -> float:
    """Rows/s of a loop of batches on each lane's connection, with one row a sender outstanding."""
    lanes = Settings().cluster.lanes
    people = await make_people(target, sizes.senders)
    groups = [people[number :: sizes.channels] for number in range(sizes.channels)]
    channels = await make_channels(target, groups)
    pool = await open_pool(target.database.url, size=2, application_name="bare loop")
    deadline = time.perf_counter() + sizes.seconds

    async def lane(number: int) -> int:
        mine = range(number, sizes.channels, lanes)
        rows = 0
        connection = await pool.dedicated(LANE_SESSION)
        while time.perf_counter() < deadline:
            drafts = [_draft(channels[c], person) for c in mine for person in groups[c]]
            await append_messages(connection, drafts)
            rows += len(drafts)
        await connection.close()
        return rows

    began = time.perf_counter()
    rows = sum(await asyncio.gather(*(lane(number) for number in range(lanes))))
    took_s = time.perf_counter() - began
    await pool.close()
    return rows / took_s


def _draft(channel: ChannelId, author: Person) -> MessageDraft:
    now_ms = time.time_ns() // 1_000_000
    return MessageDraft(
        channel=channel,
        term=0,
        id=MessageId(make_id(MESSAGE, now_ms, secrets.token_bytes(RANDOM_BYTES))),
        author=author.id,
        key=secrets.token_hex(8),
        digest=bytes(32),
        text=TEXT,
        created_at=now_ms,
    )
