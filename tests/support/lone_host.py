"""A host in a process of its own, as Ray runs it, but without Ray: it can be stopped and continued.

The view is whatever the test publishes. Started as a program, this file is that process.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from streamhub.cluster.host import Host
from streamhub.cluster.plan import Plan
from streamhub.config import load_settings
from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HostId
from streamhub.telemetry import configure_logging
from streamhub.transport.site import listen_socket

_START_S = 60.0


class LoneHost:
    """The process, and what it told of itself once it served."""

    def __init__(
        self, process: asyncio.subprocess.Process, entry: HostEntry, port: int, log: Path
    ) -> None:
        self.process = process
        self.entry = entry
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    def records(self, event: str) -> list[dict[str, object]]:
        """What it logged under this name."""
        lines = self._log.read_text().splitlines()
        return [record for line in lines if (record := json.loads(line))["event"] == event]


@asynccontextmanager
async def lone_host(
    host: HostId, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[LoneHost]:
    """A process that serves once a view has it; killed at the end."""
    port, admin_port = _free_port(), _free_port()
    ours = {key: value for key, value in os.environ.items() if not key.startswith("STREAMHUB_")}
    given = {"STREAMHUB_PORT": str(port), "STREAMHUB_ADMIN_PORT": str(admin_port)}
    log = folder / f"{host}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            host,
            cwd=folder,
            env={**ours, **environment, **given},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        assert line, log.read_text()
        yield LoneHost(process, msgspec.json.decode(line, type=HostEntry), port, log)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _free_port() -> int:
    with listen_socket("127.0.0.1", 0, False) as sock:
        port: int = sock.getsockname()[1]
        return port


async def _serve(name: str) -> None:
    configure_logging(True, "info", name)
    plan = Plan(settings=load_settings(os.environ, cwd=Path.cwd()), json_logs=True)
    host = Host(HostId(name), "here", "127.0.0.1", plan, lambda: os._exit(0))
    await host.start()
    sys.stdout.buffer.write(msgspec.json.encode(host.entry) + b"\n")
    sys.stdout.buffer.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
