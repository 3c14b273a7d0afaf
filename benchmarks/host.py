"""One chat host in a process of its own: the product without Ray, which starts in a second.

`python -m benchmarks.host JSON` with `database_url`, `auth_secret`, `cluster_secret` and
`commands_per_s`, see `Target`.
"""

import gc
import json
import os
import secrets
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import web

from benchmarks.processes import serve_words
from streamhub.cluster.chat import Chat
from streamhub.cluster.collector import calm_collector
from streamhub.cluster.membership import Membership
from streamhub.config import Secret, Settings, load_settings
from streamhub.domain.ids import HOST, RANDOM_BYTES, HostId, make_id
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.postgres import open_pool
from streamhub.protocol.connection import Rules
from streamhub.protocol.pace import Pace
from streamhub.telemetry import Metrics, configure_logging
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app
from streamhub.transport.site import listen_socket, run_site

HEARTBEAT_MS: Final = 600_000
"""Idle sockets shall cost nothing while something else is measured."""


def settings() -> Settings:
    """What a host runs with; only what would end or limit the load differs from the defaults."""
    environ = {
        "STREAMHUB_HEARTBEAT_MS": str(HEARTBEAT_MS),
        "STREAMHUB_UNAUTHENTICATED_PER_ADDRESS": "1000000",
    }
    return load_settings(environ, cwd=Path("/nonexistent"))


async def run(arguments: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    host = HostId(make_id(HOST, time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES)))
    config = settings()
    pace = Pace(rate_per_s=arguments["commands_per_s"], burst=100_000)
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            arguments["database_url"], size=config.database.pool_size, application_name="benchmark"
        )
        stack.push_async_callback(pool.close)
        store = PostgresClusterStore(pool)
        membership = Membership(host, store, config.cluster.lease_s, on_left=lambda why: None)
        metrics = Metrics()
        chat = Chat(
            host,
            config,
            pool=pool,
            limiter=InMemoryLimiter(lambda: time.monotonic_ns() // 1000),
            membership=membership,
            metrics=metrics,
            auth_secret=Secret(arguments["auth_secret"]),
            cluster_secret=Secret(arguments["cluster_secret"]),
            epoch=await store.epoch(),
            rules=Rules(
                heartbeat_ms=config.edge.heartbeat_ms,
                auth_timeout_ms=config.edge.auth_timeout_ms,
                commands=pace,
                frames=pace,
            ),
        )
        private = web.Application()
        private.add_routes(chat.private_routes)
        public = create_app(Parts(edge=config.edge, metrics=metrics, routes=chat.routes))
        public[http_auth.GATE] = chat.gate
        ports: list[int] = []
        for app in (private, public):
            site = await run_site(
                app,
                listen_socket("127.0.0.1", 0, False),
                keepalive_timeout_s=config.edge.keepalive_timeout_s,
                shutdown_timeout_s=0.2,
            )
            stack.push_async_callback(site.close)
            ports.append(site.port)
        await chat.start()
        stack.push_async_callback(chat.stop)
        await membership.start()
        stack.push_async_callback(membership.stop)

        async def look() -> dict[str, Any]:
            membership.look()
            return {"version": membership.version}

        async def collect() -> dict[str, Any]:
            gc.collect()  # so that resident memory tells what is held
            return {"sockets": len(chat.sockets)}

        address, url = f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        calm_collector()
        ready = {"id": host, "address": address, "url": url, "pid": os.getpid()}
        await serve_words(ready, {"look": look, "collect": collect})


if __name__ == "__main__":
    configure_logging(json=True, level="warning")
    uvloop.run(run(json.loads(sys.argv[1])))
