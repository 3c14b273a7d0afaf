"""Edge tests run on uvloop, as hosts do: its transports are not asyncio's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop
from aiohttp import web

from streamhub.transport.site import SLOW_BODY_S, Site, listen_socket, run_site


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Serves an application on loopback until the test ends, however it ends."""
    sites: list[Site] = []

    async def run(
        app: web.Application,
        *,
        port: int = 0,
        keepalive_timeout_s: float = 5.0,
        slow_body_s: float = SLOW_BODY_S,
    ) -> Site:
        site = await run_site(
            app,
            listen_socket("127.0.0.1", port, reuse_port=True),
            keepalive_timeout_s=keepalive_timeout_s,
            shutdown_timeout_s=1.0,
            slow_body_s=slow_body_s,
        )
        sites.append(site)
        return site

    yield run
    for site in sites:
        await site.close()
