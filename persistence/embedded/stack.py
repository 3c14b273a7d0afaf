"""The servers StreamHub runs for itself when it is not told of others."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.folder import make_private
from streamhub.persistence.embedded.pacing import RestartPacing
from streamhub.persistence.embedded.postgres import EmbeddedPostgres
from streamhub.persistence.embedded.process import EmbeddedServer
from streamhub.persistence.embedded.seaweed import EmbeddedSeaweed
from streamhub.persistence.embedded.valkey import EmbeddedValkey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedUrls:
    """Where the servers are, passwords included; empty for one that is not run here."""

    postgres: str = field(default="", repr=False)
    redis: str = field(default="", repr=False)
    objects: str = field(default="", repr=False)


class EmbeddedServers:
    """PostgreSQL, Valkey and SeaweedFS, those that are wanted, under one private folder.

    From `spawn` until `stop` urls stay the same, however often a server dies. All calls belong to
    the main thread, whose end takes the servers with it.
    """

    def __init__(
        self, data: Path, *, postgres: bool = True, redis: bool = True, objects: bool = True
    ) -> None:
        self._data = data.absolute()
        wanted: list[tuple[bool, str, Callable[[Path], EmbeddedServer]]] = [
            (postgres, "postgres", EmbeddedPostgres),
            (redis, "valkey", EmbeddedValkey),
            (objects, "s3", EmbeddedSeaweed),
        ]
        self._servers = {name: make(self._data / name) for want, name, make in wanted if want}
        self._pacing = {name: RestartPacing() for name in self._servers}

    def start(self, timeout_s: float = 60.0) -> None:
        """Spawn all and wait until all are ready. If one fails, none is left running."""
        self.spawn()
        self.wait_ready(timeout_s)

    def spawn(self) -> None:
        """Start all and return at once. Raises EmbeddedServerError, FolderInUse; none runs then."""
        try:
            if self._servers:
                make_private(self._data)
            for server in self._servers.values():
                server.spawn()
        except BaseException:
            self.stop()
            raise

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Return once all take requests. Raises EmbeddedServerError; none runs then."""
        deadline = time.monotonic() + timeout_s
        try:
            for server in self._servers.values():
                server.wait_ready(deadline - time.monotonic())
        except BaseException:
            self.stop()
            raise

    @property
    def urls(self) -> EmbeddedUrls:
        url = {name: server.url for name, server in self._servers.items()}
        return EmbeddedUrls(url.get("postgres", ""), url.get("valkey", ""), url.get("s3", ""))

    def pids(self) -> dict[str, int]:
        """Process ids by name: `postgres`, `valkey`, `s3`."""
        return {name: server.pid for name, server in self._servers.items()}

    def revive(self) -> list[str]:
        """Start again those that died, and name them; they are ready a moment later.

        Meant to be called several times a second: one system call per server while all live. One
        that keeps dying is started with growing pauses.
        """
        return [
            name
            for name, server in self._servers.items()
            if server.poll() is not None and self._start_again(name, server)
        ]

    def stop(self) -> None:
        """End all at the same time, in order; their folders are free for the next start then."""
        for server in self._servers.values():
            server.ask_to_stop()
        for server in self._servers.values():
            server.stop()

    def _start_again(self, name: str, server: EmbeddedServer) -> bool:
        if not self._pacing[name].permits(time.monotonic()):
            return False
        said = {"server": name, "code": server.poll(), "last_words": server.last_words()}
        try:
            server.spawn()
        except (EmbeddedServerError, OSError) as error:
            _log.error("embedded_server_not_restarted", **said, error=str(error))
            return False
        _log.warning("embedded_server_restarted", **said, pid=server.pid)
        return True
