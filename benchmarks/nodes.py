"""Two nodes on this machine: network namespaces with an address each, on one bridge.

Hosts run inside. PostgreSQL listens on loopback, which a namespace has of its own: the hosts reach
it by a forwarder on the bridge, whose CPU is nobody's.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from benchmarks.processes import Child
from benchmarks.target import Database, Place

_NUMBER: Final = os.getpid() % 250
_SUBNET: Final = f"10.213.{_NUMBER}"
_BRIDGE: Final = f"shbench{_NUMBER}"
_HERE: Final = f"{_SUBNET}.1"


class NoNodes(Exception):
    """Namespaces cannot be made here; the text says why."""


@dataclass(frozen=True, slots=True)
class TwoNodes:
    """Where hosts are started, one to each place, and how they reach the database."""

    places: tuple[Place, Place]

    @asynccontextmanager
    async def reach(self, database: Database) -> AsyncIterator[str]:
        """The database's URL as hosts of these nodes must call it."""
        parts = urlsplit(database.url)
        child = await Child.start(
            "benchmarks.forward", address=_HERE, to_host=parts.hostname, to_port=parts.port
        )
        try:
            here = f"{parts.username}:{parts.password}@{_HERE}:{child.said['port']}"
            yield urlunsplit(parts._replace(netloc=here))
        finally:
            await child.stop()


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Raises NoNodes without root, `ip`, `nsenter`, or a kernel that has them."""
    if os.geteuid() != 0:
        raise NoNodes("only root may make network namespaces")
    for program in ("ip", "nsenter"):
        if shutil.which(program) is None:
            raise NoNodes(f"the program `{program}` is not installed")
    names = [f"{_BRIDGE}n{number}" for number in (0, 1)]
    try:
        _ip("link", "add", _BRIDGE, "type", "bridge")
        _ip("address", "add", f"{_HERE}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        places = tuple(_node(name, f"{_SUBNET}.{10 + n}") for n, name in enumerate(names))
        yield TwoNodes(places=(places[0], places[1]))
    finally:
        for name in names:
            _ip("netns", "delete", name, must=False)
        _ip("link", "delete", _BRIDGE, must=False)


def _node(name: str, address: str) -> Place:
    """A namespace whose one device is plugged into the bridge."""
    outside = f"{name}v"
    _ip("netns", "add", name)
    _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", outside, "master", _BRIDGE, "up")
    _ip("-netns", name, "address", "add", f"{address}/24", "dev", "eth0")
    _ip("-netns", name, "link", "set", "eth0", "up")
    _ip("-netns", name, "link", "set", "lo", "up")
    return Place(node=name, address=address, inside=("nsenter", f"--net=/run/netns/{name}"))


def _ip(*words: str, must: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if must and done.returncode:
        raise NoNodes(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")
