"""One chat host in a process of its own: the product without Ray, which starts in a second.

`python -m benchmarks.host JSON` with `node` and the address to `listen` on, `database_url` and
`pool_size`, `auth_secret`, `cluster_secret` and `commands_per_s`, see `Target`.
"""

import gc
import json
import os
import secrets
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import web

from benchmarks.processes import serve_words
from streamhub.cluster.accounts import Accounts, ShortLived
from streamhub.cluster.chat import Chat
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.collector import calm_collector
from streamhub.cluster.limits import now_us
from streamhub.cluster.membership import Membership
from streamhub.config import Secret, Settings, load_settings
from streamhub.domain.fair_use import FairUse, Policies
from streamhub.domain.ids import HOST, RANDOM_BYTES, HostId, make_id
from streamhub.domain.limits import Allowance
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.postgres import open_pool
from streamhub.protocol.connection import Rules
from streamhub.protocol.pace import Pace
from streamhub.telemetry import Metrics, configure_logging
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app
from streamhub.transport.link_intake import Handler
from streamhub.transport.site import listen_socket, run_site

HEARTBEAT_MS: Final = 600_000
"""Idle sockets shall cost nothing while something else is measured."""


class CountedChat(Chat):
    """Counts the envelopes that come from other hosts, by kind."""

    def __init__(self, host: HostId, settings: Settings, **parts: Any) -> None:
        super().__init__(host, settings, **parts)
        self.came: Counter[str] = Counter()

    def _handlers(self) -> dict[type, Handler]:
        return {kind: self._counted(kind, call) for kind, call in super()._handlers().items()}

    def _counted(self, kind: type, call: Handler) -> Handler:
        came, name, here = self.came, kind.__name__, self.links.host

        def counted(sender: HostId, envelope: Any) -> None:
            if sender != here:
                came[name] += 1
            call(sender, envelope)

        return counted


def settings(pool_size: int) -> Settings:
    """What a host runs with; only what would end or limit the load differs from the defaults."""
    environ = {
        "STREAMHUB_HEARTBEAT_MS": str(HEARTBEAT_MS),
        "STREAMHUB_UNAUTHENTICATED_PER_ADDRESS": "1000000",
        "STREAMHUB_POOL_SIZE": str(pool_size),
        "STREAMHUB_LIMIT_LOG_IN": "1000/s burst 1000",
        "STREAMHUB_LIMIT_GUESS": "1000/s burst 1000",
    }
    return load_settings(environ, cwd=Path("/nonexistent"))


async def run(arguments: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    host = HostId(make_id(HOST, time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES)))
    listen = arguments["listen"]
    config = settings(arguments["pool_size"])
    pace = Pace(rate_per_s=arguments["commands_per_s"], burst=100_000)
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            arguments["database_url"], size=config.database.pool_size, application_name="benchmark"
        )
        stack.push_async_callback(pool.close)
        store = PostgresClusterStore(pool)
        membership = Membership(host, store, config.cluster.lease_s, on_left=lambda why: None)
        metrics = Metrics()
        limiter = InMemoryLimiter(now_us)
        chat = CountedChat(
            host,
            config,
            pool=pool,
            accounts=Accounts(
                config,
                pool=pool,
                limiter=limiter,
                short_lived=ShortLived.in_memory(),
                secret=Secret(arguments["auth_secret"]),
                clock=SystemClock(),
            ),
            membership=membership,
            metrics=metrics,
            cluster_secret=Secret(arguments["cluster_secret"]),
            epoch=await store.epoch(),
            fair_use=FairUse(Policies(commands=Allowance(1e6, 1_000_000)), limiter, now_us),
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
        public[http_auth.PRINCIPALS] = chat.principals
        ports: list[int] = []
        for app in (private, public):
            site = await run_site(
                app,
                listen_socket(listen, 0, False),
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

        async def carried() -> dict[str, Any]:
            sent = chat.links.sent
            return {"came": chat.came, "batches": sent.batches, "bytes": sent.bytes}

        calm_collector()
        ready = {
            "id": host,
            "node": arguments["node"],
            "address": f"{listen}:{ports[0]}",
            "url": f"http://{listen}:{ports[1]}",
            "pid": os.getpid(),
        }
        await serve_words(ready, {"look": look, "collect": collect, "carried": carried})


if __name__ == "__main__":
    configure_logging(json=True, level="warning")
    uvloop.run(run(json.loads(sys.argv[1])))
