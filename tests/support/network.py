"""Machines on one machine: network namespaces around a hub, where any way between two can be cut.

Each node has a namespace, an address of its own and one wire to the hub, which routes. A cut is a
rule of the hub's routing: packets from one address to another vanish, as on a broken wire, so it
can be one-way and between any two. That needs root and `ip`, no firewall. The test itself has two
addresses: clients come from one, stores are reached at the other, and each can be cut off alone.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from support import slow_link
from support.slow_link import Weather
from support.up import wait_for

_PREFIX: Final = "shnet"
_COUNT: Final = itertools.count()
_NAMESPACES: Final = Path("/run/netns")
_FIRST_CUT: Final = 1000
"""Preference of the hub's rule for the first cut; the main table is looked at much later."""

_FIRST_WEATHER: Final = 10_000
_THROUGH_WEATHER: Final = 500
"""Preference of the rule that routes on what comes out of a slow wire."""


def ip(arguments: str, *, namespace: str | None = None) -> str:
    """Run `ip`; what it says. Raises CalledProcessError."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(
        ["ip", *where, *arguments.split()], capture_output=True, text=True, check=True
    )
    return done.stdout


def why_not() -> str:
    """Why networks cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need the program ip (Debian: iproute2)"
    trial = f"{_PREFIX}{os.getpid()}try"
    try:
        ip(f"netns add {trial}")
        ip(f"netns delete {trial}")
    except subprocess.CalledProcessError as error:
        return f"network namespaces cannot be made here: {error.stderr.strip()}"
    return ""


class Network:
    """A hub with the test on one of its wires, and nodes as they are added.

    `clients` and `stores` are the test's own addresses. A way is named by its ends: names of
    nodes, `clients`, `stores`.
    """

    def __init__(self) -> None:
        _remove_leftovers()
        self._tag = f"{_PREFIX}{os.getpid()}x{next(_COUNT)}"  # an interface's name has 15 bytes
        self._hub = f"{self._tag}hub"
        self._wire = self._tag
        self._subnet = _free_subnet()
        self._numbers = itertools.count(11)
        self._preferences = itertools.count(_FIRST_CUT)
        self._cuts: list[int] = []
        self._weathers = itertools.count(1)
        self._spawned: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._slowed: list[subprocess.Popen[bytes]] = []
        self._gateway = f"{self._subnet}.254"
        self.clients = f"{self._subnet}.1"
        self.stores = f"{self._subnet}.2"
        self.addresses: dict[str, str] = {"clients": self.clients, "stores": self.stores}

    @property
    def subnet(self) -> str:
        return f"{self._subnet}.0/24"

    def start(self) -> None:
        """Make the hub. Raises CalledProcessError."""
        self._add_namespace(self._hub)
        for switch in ("ip_forward=1", "conf/all/rp_filter=0", "conf/default/rp_filter=0"):
            name, _, value = switch.partition("=")
            self.run("hub", ["sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{name}"])
        ip(f"link add {self._wire} type veth peer name test netns {self._hub}")
        for address in (self.clients, self.stores):
            ip(f"address add {address}/32 dev {self._wire}")
        ip(f"link set {self._wire} up")
        self._attach("test", (self.clients, self.stores))
        ip(f"route add {self._gateway}/32 dev {self._wire}")
        ip(f"route add {self.subnet} via {self._gateway} dev {self._wire} src {self.clients}")

    def add(self, name: str) -> str:
        """A node with a wire to the hub; its address."""
        address = f"{self._subnet}.{next(self._numbers)}"
        namespace = self.namespace(name)
        self._add_namespace(namespace)
        wire = f"n{address.rpartition('.')[2]}"
        ip(f"link add {wire} netns {self._hub} type veth peer name eth0 netns {namespace}")
        ip(f"address add {address}/32 dev eth0", namespace=namespace)
        ip("link set eth0 up", namespace=namespace)
        self._attach(wire, (address,))
        ip(f"route add {self._gateway}/32 dev eth0", namespace=namespace)
        ip(f"route add default via {self._gateway} dev eth0", namespace=namespace)
        self.addresses[name] = address
        return address

    def remove(self, name: str) -> None:
        """End all processes of a node, and the node."""
        self.kill(name)
        ip(f"netns delete {self.namespace(name)}")
        del self.addresses[name]

    def close(self) -> None:
        """Remove everything. May be repeated."""
        self.heal()
        for name in (*self.addresses, "hub"):
            if (_NAMESPACES / self.namespace(name)).exists():
                self.kill(name)
                ip(f"netns delete {self.namespace(name)}")
        self.addresses.clear()
        with suppress(subprocess.CalledProcessError):
            ip(f"link delete {self._wire}")

    # -- faults -------------------------------------------------------------------------------

    def cut(self, sources: Iterable[str], targets: Iterable[str], *, both: bool = True) -> None:
        """From now on nothing gets from `sources` to `targets`, nor back if `both`."""
        ways = list(itertools.product(sources, targets))
        if both:
            ways += [(target, source) for source, target in ways]
        for source, target in ways:
            preference = next(self._preferences)
            self._rule(f"add from {self.addresses[source]} to {self.addresses[target]}", preference)
            self._cuts.append(preference)

    def isolate(self, name: str, *, reached_by: Iterable[str] = ()) -> None:
        """Cut a node off from all others, those that still reach it excepted."""
        others = self.addresses.keys() - {name, *reached_by}
        self.cut([name], sorted(others))

    def slow(self, sources: Iterable[str], targets: Iterable[str], weather: Weather) -> None:
        """From now on this is how packets get from `sources` to `targets`."""
        number = next(self._weathers)
        device, table = f"slow{number}", number
        command = [sys.executable, slow_link.__file__, device, *map(str, weather)]
        process = subprocess.Popen([*self._on("hub"), *command], stdout=subprocess.PIPE)
        self._slowed.append(process)
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == b"up\n"
        ip(f"link set {device} up", namespace=self._hub)
        ip(f"route add default dev {device} table {table}", namespace=self._hub)
        through = f"rule add iif {device} lookup main preference {_THROUGH_WEATHER + number}"
        ip(through, namespace=self._hub)
        for source, target in itertools.product(sources, targets):
            way = f"from {self.addresses[source]} to {self.addresses[target]}"
            preference = f"preference {_FIRST_WEATHER + number}"
            ip(f"rule add {way} lookup {table} {preference}", namespace=self._hub)

    def heal(self) -> None:
        """Undo every cut, and have good weather again."""
        cuts, self._cuts = self._cuts, []
        for preference in cuts:
            ip(f"rule delete preference {preference}", namespace=self._hub)
        slowed, self._slowed = self._slowed, []
        for process in slowed:  # its device goes with it, and its routes with the device
            process.kill()
            process.wait()

    # -- processes ----------------------------------------------------------------------------

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a program on a node to its end. Raises CalledProcessError."""
        subprocess.run([*self._on(name), *command], check=True, capture_output=True)

    def spawn(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> "subprocess.Popen[bytes]":
        """Start a program on a node."""
        with log.open("ab") as file:
            process = subprocess.Popen(
                [*self._on(name), *command],
                env=dict(environment),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._spawned.setdefault(name, []).append(process)
        return process

    def processes(self, name: str) -> list[int]:
        """The process ids on a node."""
        return _processes(self.namespace(name))

    def kill(self, name: str) -> None:
        """End all processes of a node at once, as a power cut does."""
        _kill_all(self.namespace(name))
        for process in self._spawned.pop(name, ()):
            process.wait()

    def namespace(self, name: str) -> str:
        return f"{self._tag}{name}"

    # -- private ------------------------------------------------------------------------------

    def _on(self, name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace(name))

    def _add_namespace(self, namespace: str) -> None:
        ip(f"netns add {namespace}")
        ip("link set lo up", namespace=namespace)

    def _attach(self, wire: str, addresses: Iterable[str]) -> None:
        """The hub's end of a wire."""
        ip(f"address add {self._gateway}/32 dev {wire}", namespace=self._hub)
        ip(f"link set {wire} up", namespace=self._hub)
        for address in addresses:
            ip(f"route add {address}/32 dev {wire}", namespace=self._hub)

    def _rule(self, rule: str, preference: int) -> None:
        ip(f"rule {rule} blackhole preference {preference}", namespace=self._hub)


def _free_subnet() -> str:
    """The first three bytes of a private /24 to which this machine has no route."""
    routes = ip("route show table all")
    while True:
        subnet = f"10.{random.randrange(64, 224)}.{random.randrange(256)}"  # noqa: S311
        if f"{subnet}." not in routes:
            return subnet


def _processes(namespace: str) -> list[int]:
    return [int(pid) for pid in ip(f"netns pids {namespace}").split()]


def _kill_all(namespace: str) -> None:
    def gone() -> bool:
        left = _processes(namespace)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_for(gone, f"the processes of {namespace} are gone", 20)


def _remove_leftovers() -> None:
    """What tests left that were killed; their processes' ids are in the names."""
    for path in _NAMESPACES.glob(f"{_PREFIX}*"):
        digits = "".join(itertools.takewhile(str.isdigit, path.name.removeprefix(_PREFIX)))
        if not Path(f"/proc/{digits}").exists():
            with suppress(subprocess.CalledProcessError):
                _kill_all(path.name)
                ip(f"netns delete {path.name}")
