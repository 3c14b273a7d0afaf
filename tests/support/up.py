"""A real `streamhub up` in a process of its own, and what a test asks of it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from streamhub.cluster.reaper import children_of
from streamhub.persistence.embedded import identity

T = TypeVar("T")

START_WITHIN_S = 240.0  # the machine may be busy with much else
END_WITHIN_S = 60.0
_POLL_S = 0.1


def wait_for(probe: Callable[[], T], what: str, within_s: float = 90.0) -> T:
    """The first answer of `probe` that is true; one that fails to answer is asked again."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, LookupError):
            if answer := probe():
                return answer
        time.sleep(_POLL_S)
    raise AssertionError(f"{what}: not within {within_s:g} s")


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one of the same id."""

    pid: int
    started: str | None

    @classmethod
    def of(cls, pid: int) -> "Process":
        return cls(pid, identity.started(pid))

    @property
    def alive(self) -> bool:
        return self.started is not None and identity.started(self.pid) == self.started


def descendants(pid: int) -> list[Process]:
    """All processes that `pid` and its children started."""
    children = children_of(pid)
    return [Process.of(child) for child in children] + [
        process for child in children for process in descendants(child)
    ]


class Up:
    """`streamhub up` on `data`, with free ports, started at once."""

    def __init__(
        self,
        data: Path,
        *,
        cwd: Path,
        python: str = sys.executable,
        arguments: Sequence[str] = ("--port", "0", "--hosts", "2", "--json-logs"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.log = cwd / f"{data.name}.log"
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("STREAMHUB_", "RAY_"))
        }
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-P", "-m", "streamhub", "up", "--data", str(data), *arguments],
                cwd=cwd,
                env={**inherited, "STREAMHUB_ADMIN_PORT": "0", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> "Up":
        wait_for(self._is_ready, "streamhub up is ready", START_WITHIN_S)
        return self

    @property
    def state(self) -> dict[str, Any]:
        """The present state.json."""
        found: dict[str, Any] = json.loads((self.data / "state.json").read_text())
        return found

    @property
    def host_ids(self) -> list[str]:
        return [host["id"] for host in self.state["hosts"]]

    def get(self, path: str, *, admin: bool = False) -> tuple[int, bytes]:
        """Status and body of a GET on the public or the admin port."""
        base = self.state["admin_url" if admin else "url"]
        return request(f"{base}{path}")

    def is_healthy(self) -> bool:
        """Whether there are two hosts and the one that answers is ready."""
        return len(self.host_ids) == 2 and self.get("/readyz", admin=True)[0] == 200

    def records(self) -> list[dict[str, Any]]:
        """What was logged since this start."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return [json.loads(line) for line in log.read().splitlines()]

    def processes(self) -> list[Process]:
        """Itself and all that it started."""
        return [Process.of(self.process.pid), *descendants(self.process.pid)]

    def stop(self) -> int:
        """End it in order; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_WITHIN_S)
        finally:
            self.process.kill()

    def _is_ready(self) -> bool:
        if (code := self.process.poll()) is not None:
            raise RuntimeError(f"streamhub up ended with {code}:\n{self.log.read_text()}")
        return any(record["event"] == "ready" for record in self.records())


def request(url: str, body: object = None) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of `body` as JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    asked = urllib.request.Request(url, data, headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
