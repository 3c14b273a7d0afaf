"""StreamHub on several machines: real Ray nodes in namespaces, joined by `streamhub up`.

The head carries no hosts. Stores run beside the test. Clients come from the test's own address
and know the service by one name with the addresses of all nodes.
"""

import asyncio
import itertools
import json
import re
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Collection
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from support.names import NAMES
from support.network import Network
from support.ray_nodes import HEAD, RayNodes
from support.reachable_stores import ReachableStores
from support.up import START_WITHIN_S, wait_for

from streamhub.cluster.view import SlotTable
from streamhub.domain.cluster import HostEntry, View
from streamhub.domain.messages import ActorId

SERVICE: Final = "streamhub.test"
PORT: Final = 8080
ADMIN_PORT: Final = 8081
HEARTBEAT_MS: Final = 8000
"""Who only listens notices a dead node within this and the 10 s that a ping may take."""

_ANSWER_WITHIN_S: Final = 2.0
_STREAMHUB: Final = (sys.executable, "-P", "-m", "streamhub")
_SUPERVISOR: Final = b"ray::SupervisorActor"


class Nodes:
    """A running StreamHub, one host on each node. Main thread only, except where said."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://{SERVICE}:{PORT}"
        self.network = Network()
        self._folder = folder
        self.stores = ReachableStores(folder / "data", self.network.stores, self.network.subnet)
        self.auth_secret, self._cluster_secret = secrets.token_hex(32), secrets.token_hex(32)
        self.other_auth_secret = ""
        self._numbers = itertools.count(1)
        self._up: subprocess.Popen[bytes] | None = None
        self._ups = itertools.count(1)

    # -- beginning and end --------------------------------------------------------------------

    def start(self, count: int) -> None:
        """Returns when StreamHub is ready on so many nodes."""
        self.network.start()
        self.stores.spawn()
        self.stores.wait_ready()
        self.ray = RayNodes(self.network, self._folder, self.stores.urls.redis)
        self.network.add(HEAD)
        self.ray.start_head()
        self.ray.wait_started(HEAD)
        for name in [self.begin_node() for _ in range(count)]:
            self.ray.wait_started(name)
        self.join()

    def close(self) -> None:
        """End and remove everything. May be repeated."""
        NAMES.pop(SERVICE, None)
        self.network.close()
        self.stores.stop()

    def begin_node(self) -> str:
        """A new machine begins to join; its hosts come by themselves. Clients know it at once."""
        name = f"n{next(self._numbers)}"
        self.network.add(name)
        self.ray.start(name)
        self._announce()
        return name

    def remove_node(self, name: str) -> None:
        """Take what is left of a machine away."""
        self.network.remove(name)
        self._announce()

    def join(self, *arguments: str) -> None:
        """`streamhub up` on the head; returns when it says that it is ready."""
        self._log = self._folder / f"up-{next(self._ups)}.log"
        command = [*_STREAMHUB, "up", "--json-logs", "--hosts", "1"]
        command += ["--ray-address", self.ray.address, "--data", str(self._folder / "up")]
        command += arguments
        self._up = self.network.spawn(HEAD, command, environment=self._environment, log=self._log)
        wait_for(self._is_ready, "streamhub up is ready", START_WITHIN_S)

    def replace_settings(self) -> int:
        """Another `streamhub up`, whose settings hold from then on. It ends the one before, whose
        exit code this is."""
        before = self._up
        assert before is not None
        self.join("--new-settings")
        return before.wait(60)

    def command(self, *arguments: str) -> None:
        """An operator's command, to its end."""
        subprocess.run(
            [*_STREAMHUB, *arguments],
            env=self._environment,
            cwd=self._folder,
            check=True,
            capture_output=True,
        )

    def down(self) -> int:
        """`streamhub down`, which ends all hosts and so `streamhub up`; the exit code of that."""
        assert self._up is not None
        self.command("down")
        return self._up.wait(60)

    def leave(self) -> int:
        """End `streamhub up`, which ends nothing else; its exit code."""
        assert self._up is not None
        self._up.send_signal(signal.SIGTERM)
        return self._up.wait(60)

    # -- what is there ------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The nodes that carry hosts."""
        return [name for name in self.network.addresses if name not in (HEAD, "clients", "stores")]

    def public_url(self, name: str) -> str:
        return f"http://{self.network.addresses[name]}:{PORT}"

    async def view(self) -> View:
        """The view, from PostgreSQL. Any thread."""
        connection = await asyncpg.connect(self.stores.urls.postgres)
        try:
            row = await connection.fetchrow("SELECT version, hosts FROM cluster_view")
        finally:
            await connection.close()
        assert row is not None
        hosts = msgspec.json.decode(row["hosts"], type=tuple[HostEntry, ...])
        return View(version=row["version"], hosts=hosts)

    async def hosts(self) -> dict[str, HostEntry]:
        """The host of each node that has one in the view. Any thread."""
        nodes = {address: name for name, address in self.network.addresses.items()}
        hosts = (await self.view()).hosts
        return {nodes.get(entry.address.rpartition(":")[0], ""): entry for entry in hosts}

    def is_green(self, name: str) -> bool:
        """Whether a node says that it is ready. Any thread."""
        url = f"http://{self.network.addresses[name]}:{ADMIN_PORT}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_WITHIN_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def carried(self, name: str, channels: Collection[str]) -> int:
        """How many of `channels` a node owns; 0 until it has them all awake. Any thread."""
        view = await self.view()
        host = (await self.hosts()).get(name)
        slots = SlotTable(view.owners)
        mine = [c for c in channels if host and slots.owner(ActorId("channel", c)) == host.id]
        awake = await asyncio.to_thread(self._metric, name, "streamhub_actors")
        return len(mine) if awake >= len(mine) else 0

    def supervisor(self) -> tuple[str, int]:
        """The node and the process id of the supervisor. Raises LookupError. Any thread."""
        for name in (HEAD, *self.names):
            for pid in self.network.processes(name):
                if _title(pid).startswith(_SUPERVISOR):
                    return name, pid
        raise LookupError("no supervisor runs")

    # -- private ------------------------------------------------------------------------------

    @property
    def _environment(self) -> dict[str, str]:
        urls = self.stores.urls
        return {
            **self.ray.environment,
            "STREAMHUB_DATABASE_URL": urls.postgres,
            "STREAMHUB_REDIS_URL": urls.redis,
            "STREAMHUB_S3_URL": urls.objects,
            "STREAMHUB_AUTH_SECRET": self.auth_secret,
            "STREAMHUB_AUTH_OTHER_SECRETS": self.other_auth_secret,
            "STREAMHUB_CLUSTER_SECRET": self._cluster_secret,
            "STREAMHUB_HEARTBEAT_MS": str(HEARTBEAT_MS),
            "STREAMHUB_HOST": "0.0.0.0",  # noqa: S104 - of a namespace
            "STREAMHUB_ADMIN_HOST": "0.0.0.0",  # noqa: S104
        }

    def _metric(self, name: str, metric: str) -> float:
        """Of all hosts of a node; 0 while it does not answer."""
        url = f"http://{self.network.addresses[name]}:{ADMIN_PORT}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_WITHIN_S) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0
        of_metric = (line for line in lines if re.match(rf"{metric}[{{ ]", line))
        return sum(float(line.rpartition(" ")[2]) for line in of_metric)

    def _announce(self) -> None:
        NAMES[SERVICE] = tuple(self.network.addresses[name] for name in self.names)

    def _is_ready(self) -> bool:
        assert self._up is not None
        said = self._log.read_text()
        if (code := self._up.poll()) is not None:
            raise RuntimeError(f"streamhub up ended with {code}:\n{said}")
        return any(json.loads(line)["event"] == "ready" for line in said.splitlines())


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
