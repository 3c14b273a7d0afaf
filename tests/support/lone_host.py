"""The program of a host in a process of its own; see `lone_hosts`. Prints its entry of the view."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from streamhub.cluster.host import Host
from streamhub.cluster.plan import Plan
from streamhub.config import load_settings
from streamhub.domain.ids import HostId
from streamhub.telemetry import configure_logging


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
