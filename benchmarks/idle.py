"""Connections that do nothing: what they hold, and what it costs to open and to resume one.

Every user is in so many of a common set of channels. Beside it: a bare aiohttp server that
upgrades, checks one token and answers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.cheap_socket import CheapSocket, ignore
from benchmarks.clients import few_at_once, join
from benchmarks.people import TOKEN_TTL_S, Person, make_channels, make_people, new_person
from benchmarks.processes import Child, cpu_s, rss_bytes
from benchmarks.report import Line, bounded
from benchmarks.target import Database, own_hosts
from streamhub.config import Secret, Settings
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import TokenIssuer

CHANNEL_US: Final = 5
"""What a connect may cost for each channel of the user, beyond the bare handshake."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Connections measured, those opened before to warm the host up, channels of each user.

    `crowd`: how many members a channel has.
    """

    connections: int = 2_000
    warm_up: int = 300
    few: int = 5
    many: int = 150
    crowd: int = 400


SMOKE: Final = Sizes(connections=20, warm_up=4, few=2, many=5, crowd=4)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one connection."""

    bytes: float
    connect_us: float
    resume_us: float
    database_us: float
    """PostgreSQL's part in a connect, not contained in the others."""


async def measure(database: Database, sizes: Sizes = Sizes()) -> list[Line]:
    """Lines for memory, connects and resumes. Starts hosts of its own: memory needs fresh ones."""
    few = await _host(database, sizes, sizes.few)
    many = await _host(database, sizes, sizes.many)
    bare = await _bare(sizes)
    further = sizes.many - sizes.few
    channel_bytes = (many.bytes - few.bytes) / further
    return [
        Line(
            work=f"idle connection, {sizes.few} channels",
            ours=f"{few.bytes / 1024:.1f} KiB",
            peer="bare aiohttp",
            theirs=f"{bare.bytes / 1024:.1f} KiB",
            ratio=few.bytes / bare.bytes,
            goal="under 25 KB",
            met=few.bytes < 25_000,
        ),
        Line(
            work="  each further channel",
            ours=f"{channel_bytes:.0f} bytes",
            goal="under 100 bytes",
            met=channel_bytes < 100,
        ),
        _opening(f"connect, {sizes.few} channels: CPU", few.connect_us, bare, sizes.few),
        _opening(f"resume, {sizes.few} channels: CPU", few.resume_us, bare, sizes.few),
        bounded(
            "  connect, each further channel",
            (many.connect_us - few.connect_us) / further,
            "us",
            most=CHANNEL_US,
        ),
        bounded(
            "  resume, each further channel",
            (many.resume_us - few.resume_us) / further,
            "us",
            most=CHANNEL_US,
        ),
        Line(
            work=f"  PostgreSQL's part, {sizes.few} and {sizes.many} channels",
            ours=f"{few.database_us:.0f}, {many.database_us:.0f} us",
        ),
    ]


def _opening(work: str, ours_us: float, bare: Figures, channels: int) -> Line:
    return Line(
        work=work,
        ours=f"{ours_us:.0f} us",
        peer="bare, one token",
        theirs=f"{bare.connect_us:.0f} us",
        ratio=ours_us / bare.connect_us,
        goal=f"2x and {CHANNEL_US} us a channel",
        met=ours_us <= 2 * bare.connect_us + CHANNEL_US * channels,
    )


async def _host(database: Database, sizes: Sizes, channels: int) -> Figures:
    async with own_hosts(database) as target:
        total = sizes.warm_up + sizes.connections
        people = await make_people(target, total)
        named = await make_channels(target, _groups(people, channels, sizes.crowd))
        of_person = [
            {named[place]: 2 for place in places} for places in _places(total, channels, len(named))
        ]
        first, rest = range(sizes.warm_up), range(sizes.warm_up, total)

        async def connect(number: int) -> CheapSocket:
            return await join(target.urls[0], people[number].token, ignore)

        async def resume(number: int) -> CheapSocket:
            return await join(target.urls[0], people[number].token, ignore, of_person[number])

        host = target.children[0]
        warm = [*await few_at_once(connect, first), *await few_at_once(resume, first)]
        await host.ask("collect")
        held = rss_bytes(host.pid)
        hosts_s, database_s = target.host_cpu_s(), target.database_cpu_s()
        sockets = await few_at_once(connect, rest)
        connect_s, database_s = target.host_cpu_s() - hosts_s, target.database_cpu_s() - database_s
        await host.ask("collect")
        held = rss_bytes(host.pid) - held
        _close(sockets)
        while (await host.ask("collect"))["sockets"] > len(warm):  # noqa: ASYNC110 - its process
            await asyncio.sleep(0.05)
        hosts_s = target.host_cpu_s()
        sockets = await few_at_once(resume, rest)
        resume_s = target.host_cpu_s() - hosts_s
        _close([*sockets, *warm])
    count = sizes.connections
    return Figures(
        bytes=held / count,
        connect_us=connect_s / count * 1e6,
        resume_us=resume_s / count * 1e6,
        database_us=database_s / count * 1e6,
    )


async def _bare(sizes: Sizes) -> Figures:
    secret = "not the product's, but 32 bytes long"
    child = await Child.start("benchmarks.bare", auth_secret=secret)
    issuer = TokenIssuer(TokenKeys(Secret(secret)), Settings().auth.issuer, TOKEN_TTL_S)
    token = new_person(issuer).token

    async def connect(_: int) -> CheapSocket:
        answered = asyncio.get_running_loop().create_future()
        socket = await CheapSocket.open(
            child.said["url"], "/handshake", lambda *_: answered.set_result(None)
        )
        socket.send(token.encode())
        await answered
        return socket

    warm = await few_at_once(connect, range(sizes.warm_up))
    await child.ask("collect")
    held, begun_s = rss_bytes(child.pid), cpu_s(child.pid)
    sockets = await few_at_once(connect, range(sizes.connections))
    connect_s = cpu_s(child.pid) - begun_s
    await child.ask("collect")
    held = rss_bytes(child.pid) - held
    _close([*sockets, *warm])
    await child.stop()
    count = sizes.connections
    each_us = connect_s / count * 1e6
    return Figures(bytes=held / count, connect_us=each_us, resume_us=each_us, database_us=0)


def _places(people: int, channels: int, of: int) -> list[list[int]]:
    """Which of `of` channels each person is in: `channels` in a row, spread evenly."""
    return [
        [(number * channels + step) % of for step in range(channels)] for number in range(people)
    ]


def _groups(people: Sequence[Person], channels: int, crowd: int) -> list[list[Person]]:
    """The members of as many channels as give each about `crowd` of them."""
    count = max(channels, len(people) * channels // crowd)
    groups: list[list[Person]] = [[] for _ in range(count)]
    for person, places in zip(people, _places(len(people), channels, count), strict=True):
        for place in places:
            groups[place].append(person)
    return groups


def _close(sockets: Sequence[CheapSocket]) -> None:
    for socket in sockets:
        socket.close()
