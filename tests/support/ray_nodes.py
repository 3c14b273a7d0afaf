"""Real Ray nodes, each in a namespace of its own, behind one token."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from support.network import Network
from support.up import wait_for

HEAD: Final = "head"
_PORT: Final = 6379
_START_WITHIN_S: Final = 120.0
_OBJECT_STORE_BYTES: Final = 80 << 20

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_kill_worker_timeout_milliseconds": "1000",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # A node that is cut off counts as dead after 3 * (2 + 4) s.
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "4000",
    "RAY_health_check_failure_threshold": "3",
    # How long everybody else waits for a head that is being started again.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "120",
}


class RayNodes:
    """A head that carries no hosts, with its tables in Redis, and nodes that carry them."""

    def __init__(self, network: Network, folder: Path, redis: str) -> None:
        self._network = network
        self._folder = folder
        self._redis = urlsplit(redis)
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("STREAMHUB_", "RAY_"))
        }
        token = folder / "ray-token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = {**inherited, **_ENVIRONMENT, "RAY_AUTH_TOKEN_PATH": str(token)}

    @property
    def address(self) -> str:
        """Where the head's GCS listens."""
        return f"{self._network.addresses[HEAD]}:{_PORT}"

    def start_head(self) -> None:
        """Returns at once; see `wait_started`."""
        redis = self._redis
        environment = {
            **self.environment,
            "RAY_REDIS_ADDRESS": f"{redis.hostname}:{redis.port}",
            "RAY_external_storage_namespace": self._folder.name,
        }
        self._start(
            HEAD,
            environment,
            "--head",
            f"--port={_PORT}",
            f"--redis-username={redis.username}",
            f"--redis-password={redis.password}",
            "--include-dashboard=false",
            "--include-log-monitor=false",
        )

    def start(self, name: str) -> None:
        """A node that joins the head. Returns at once; see `wait_started`."""
        resources = '{"streamhub_host": 1}'
        self._start(name, self.environment, f"--address={self.address}", f"--resources={resources}")

    def wait_started(self, name: str) -> None:
        """Raises AssertionError with what Ray said."""
        process = self._started[name]
        try:
            code = process.wait(_START_WITHIN_S)
        except subprocess.TimeoutExpired:
            code = None
        assert code == 0, f"Ray's node {name} did not start:\n{self._log(name).read_text()}"

    def kill_gcs(self) -> None:
        """End the head's tables' server; `restart_gcs` starts it as it was."""
        pid = self._gcs_pid()
        self._gcs = _command_of(pid), _environment_of(pid)
        os.kill(pid, signal.SIGKILL)

    def restart_gcs(self) -> None:
        command, environment = self._gcs
        self._network.spawn(HEAD, command, environment=environment, log=self._log("gcs"))
        wait_for(self._gcs_pid, "the head's tables' server runs")

    def _gcs_pid(self) -> int:
        for pid in self._network.processes(HEAD):
            command = _command_of(pid)
            if command and command[0].endswith("gcs_server"):
                return pid
        raise LookupError("no gcs_server")

    def _start(self, name: str, environment: Mapping[str, str], *options: str) -> None:
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start"),
            f"--node-ip-address={self._network.addresses[name]}",
            # Of its own: nodes that start at once in one folder take each other's sockets.
            f"--temp-dir={self._folder / name}",
            "--num-cpus=0",
            f"--object-store-memory={_OBJECT_STORE_BYTES}",
            *options,
        ]
        self._started[name] = self._network.spawn(
            name, command, environment=environment, log=self._log(name)
        )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _command_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def _environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")[:-1]
    return dict(pair.split("=", 1) for pair in pairs)
