"""The same work on clusters of 1, 2 and 4 hosts, and on 2 hosts of two nodes, in turns.

A cluster has a database of its own in the one PostgreSQL. All share this machine's cores, so the
question is not how fast many hosts are but what the second, third and fourth cost: CPU per
delivery, and what goes over the links. That a message crosses each link once, however many members
listen at the other end, is counted and checked in every round.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Final

import click

from benchmarks import fanout, sends
from benchmarks.fanout import BURST, our_channel, play_round
from benchmarks.nodes import NoNodes, TwoNodes, two_nodes
from benchmarks.report import show_table
from benchmarks.sends import Crowd, crowd
from benchmarks.target import Database, Target, another_database, own_hosts

GOAL: Final = 1.15
"""Growth of the CPU per delivery from 1 host to several."""

COUNTS: Final = (1, 2, 4)
_CONNECTIONS: Final = 6
"""Of each host to PostgreSQL, which has room for 100 from all clusters together."""

COPY: Final = "Changed"
"""The envelope that carries a message to a host that listens."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sockets of the one channel and deliveries to them per round; the sends of several channels
    per round; and how many rounds each cluster plays."""

    sockets: int = 500
    deliveries: int = 40_000
    sending: sends.Sizes = field(default_factory=lambda: sends.Sizes(seconds=2.0))
    rounds: int = 7


SMOKE: Final = Sizes(sockets=24, deliveries=480, sending=sends.SMOKE, rounds=1)


@dataclass(slots=True)
class Carried:
    """What hosts sent each other so far: envelopes that came, by kind; messages and bytes."""

    came: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    bytes: int = 0

    def since(self, before: "Carried") -> "Carried":
        return Carried(
            self.came - before.came, self.batches - before.batches, self.bytes - before.bytes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one cluster did in one round. `cpu_s` is that of its hosts, all together."""

    messages: int
    deliveries: int
    cpu_s: float
    took_s: float
    carried: Carried

    @property
    def cpu_us(self) -> float:
        """Per delivery, with its share of sending the message."""
        return self.cpu_s / self.deliveries * 1e6


class Cluster:
    """One of those that are compared, with its audience connected."""

    def __init__(self, name: str, target: Target, channel: fanout.Server, crowd: Crowd) -> None:
        self.name = name
        self.hosts = len(target.urls)
        self._target = target
        self._channel = channel
        self._crowd = crowd

    async def fan_out(self, burst: int, messages: int) -> Round:
        """To one channel with an equal part of its members at every host."""
        before, figures = await self._carried(), fanout.Figures()
        await play_round(self._channel, burst, messages, figures)
        return self._checked(
            Round(
                messages=messages,
                deliveries=figures.deliveries,
                cpu_s=figures.cpu_s,
                took_s=figures.took_s,
                carried=(await self._carried()).since(before),
            )
        )

    async def send(self, seconds: float, pace_per_s: int | None) -> Round:
        """To several channels, each with members at every host."""
        before = await self._carried()
        figures = await self._crowd.run(seconds, pace_per_s=pace_per_s)
        return self._checked(
            Round(
                messages=figures.acknowledged,
                deliveries=figures.deliveries,
                cpu_s=figures.hosts_s,
                took_s=figures.took_s,
                carried=(await self._carried()).since(before),
            )
        )

    def _checked(self, played: Round) -> Round:
        """Each message crossed to every other host once: its members there are not counted."""
        copies, wanted = played.carried.came[COPY], played.messages * (self.hosts - 1)
        assert copies == wanted, f"{self.name}: {copies} copies of messages, not {wanted}"
        return played

    async def _carried(self) -> Carried:
        carried = Carried()
        for host in self._target.children:
            said = await host.ask("carried")
            carried.came.update(said["came"])
            carried.batches += said["batches"]
            carried.bytes += said["bytes"]
        return carried


@dataclass(frozen=True, slots=True)
class Played:
    """All rounds of one cluster at one kind of work."""

    work: str
    cluster: str
    hosts: int
    rounds: Sequence[Round]

    def middle(self, of: Callable[[Round], float]) -> float:
        """The median round's."""
        return median(map(of, self.rounds))

    def row(self, alone: "Played") -> tuple[str, ...]:
        """Its line of the table; `alone` is the cluster of one host."""
        cpu_us = self.middle(lambda played: played.cpu_us)
        figures = (
            f"{cpu_us:.1f} us",
            f"{self.middle(lambda played: played.cpu_s / played.messages * 1e3):.2f} ms",
            f"{self.middle(lambda played: played.messages / played.took_s):,.0f}",
        )
        if self is alone:
            return (self.work, self.cluster, figures[0], "", "", *figures[1:], "", "", "", "")
        growth = cpu_us / alone.middle(lambda played: played.cpu_us)
        messages = sum(played.messages for played in self.rounds)
        envelopes = sum(played.carried.came.total() for played in self.rounds)
        batches = sum(played.carried.batches for played in self.rounds)
        return (
            "",
            self.cluster,
            figures[0],
            f"{growth:.2f}",
            "yes" if growth <= GOAL else "NO",
            *figures[1:],
            f"{self.hosts - 1}",  # checked in every round
            f"{envelopes / messages:.2f}",
            f"{envelopes / batches:.2f}",
            f"{sum(played.carried.bytes for played in self.rounds) / envelopes:.0f}",
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What was played, work by work, the cluster of one host first; why nodes were left out."""

    played: Sequence[Sequence[Played]]
    no_nodes: str

    def show(self) -> None:
        columns = [
            *("work", "hosts", "CPU/delivery", "x 1 host", f"<= {GOAL}", "CPU/send", "sends/s"),
            *("copies", "envelopes", "per batch", "bytes"),
        ]
        rows = [played.row(work[0]) for work in self.played for played in work]
        show_table("The same work on more hosts", columns, rows, right=columns[2:])
        click.echo(
            "CPU: of the hosts. Copies, envelopes: on links, for each message. Fan-out: bursts of"
            " so many to one channel. Sends: to several channels, paced, and all that they can."
        )
        if self.no_nodes:
            click.echo(f"LEFT OUT: hosts on two nodes. {self.no_nodes}", err=True)


async def measure(database: Database, sizes: Sizes | None = None) -> Report:
    """Fan-out and sends on each cluster. Raises AssertionError when a copy is missing or one too
    many came, and as `fanout` and `sends` do."""
    sizes = sizes or Sizes()
    async with AsyncExitStack() as stack:
        no_nodes = ""
        nodes: TwoNodes | None = None
        try:
            nodes = stack.enter_context(two_nodes())
        except NoNodes as error:
            no_nodes = str(error)
        clusters = [
            await stack.enter_async_context(_cluster(database, count, sizes)) for count in COUNTS
        ]
        if nodes is not None:
            clusters.append(await stack.enter_async_context(_cluster(database, 2, sizes, nodes)))
        return Report(await _play(clusters, sizes), no_nodes)


async def _play(clusters: Sequence[Cluster], sizes: Sizes) -> list[list[Played]]:
    works: dict[str, Callable[[Cluster], Awaitable[Round]]] = {}
    for burst in (1, BURST):
        messages = max(burst, sizes.deliveries // sizes.sockets // burst * burst)
        works[f"fan-out, {burst}"] = partial(Cluster.fan_out, burst=burst, messages=messages)
    sending = sizes.sending
    for pace_per_s in (sending.pace_per_s, None):
        kind = "all" if pace_per_s is None else f"{pace_per_s}/s"
        works[f"sends, {kind}"] = partial(
            Cluster.send, seconds=sending.seconds, pace_per_s=pace_per_s
        )
    return [await _in_turns(name, work, clusters, sizes.rounds) for name, work in works.items()]


async def _in_turns(
    name: str,
    work: Callable[[Cluster], Awaitable[Round]],
    clusters: Sequence[Cluster],
    rounds: int,
) -> list[Played]:
    """A round of each cluster, to and fro: what else the machine does hits all alike."""
    played: list[list[Round]] = [[] for _ in clusters]
    there = list(enumerate(clusters))
    for number in range(rounds):
        for place, cluster in (there, there[::-1])[number % 2]:
            played[place].append(await work(cluster))
    return [
        Played(name, cluster.name, cluster.hosts, of)
        for cluster, of in zip(clusters, played, strict=True)
    ]


@asynccontextmanager
async def _cluster(
    database: Database, count: int, sizes: Sizes, nodes: TwoNodes | None = None
) -> AsyncIterator[Cluster]:
    """Hosts over a database of their own, everyone connected and warm."""
    name = str(count)
    async with AsyncExitStack() as stack:
        mine = await another_database(database, f"bench_{time.time_ns()}")
        if nodes is None:
            hosts = own_hosts(mine, count, pool_size=_CONNECTIONS)
        else:
            name += " on two nodes"
            url = await stack.enter_async_context(nodes.reach(mine))
            hosts = own_hosts(mine, count, places=nodes.places, url=url, pool_size=_CONNECTIONS)
        target = await stack.enter_async_context(hosts)
        channel = await stack.enter_async_context(our_channel(target, sizes.sockets))
        members = await stack.enter_async_context(crowd(target, sizes.sending))
        await play_round(channel, 1, BURST, fanout.Figures())
        await members.run(sizes.sending.seconds / 4)
        yield Cluster(name, target, channel, members)
