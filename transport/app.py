"""The aiohttp application of the public port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from streamhub import __version__
from streamhub.config import EdgeSettings
from streamhub.domain.fair_use import FairUse
from streamhub.protocol.frames import API
from streamhub.telemetry import Metrics
from streamhub.transport import websocket
from streamhub.transport.cors import Cors
from streamhub.transport.fairness import FAIR_USE, counted, tell
from streamhub.transport.headers import protect
from streamhub.transport.middleware import explained, identified, limited, observed
from streamhub.transport.proxies import PROXIES, Proxies


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the application is made of. `routes` are those of all areas, `features` their names as
    clients know them."""

    edge: EdgeSettings
    metrics: Metrics
    routes: Sequence[web.AbstractRouteDef] = ()
    features: tuple[str, ...] = ()
    fair_use: FairUse | None = None
    """What each may use. None: as much as they like."""
    ways_in: Mapping[str, Any] | None = None
    """What a client must know to sign somebody in, or register them."""


PARTS: Final = web.AppKey("parts", Parts)


def create_app(parts: Parts) -> web.Application:
    """The application of the public port, not started yet."""
    edge = parts.edge
    cors = Cors(edge.allowed_origins)
    app = web.Application(
        middlewares=(
            identified,
            observed(parts.metrics),
            explained,
            cors.preflights(),
            counted(websocket.PATH),  # sockets that nobody owns yet have limits of their own
            limited,
        ),
        client_max_size=edge.max_body_bytes,
    )
    app[PARTS] = parts
    app[PROXIES] = Proxies(edge.trusted_proxies)
    if parts.fair_use is not None:
        app[FAIR_USE] = parts.fair_use
    app.on_response_prepare.extend((protect, cors.mark, tell))
    app.router.add_get("/v1/server", describe_server)
    app.add_routes(parts.routes)
    return app


async def describe_server(request: web.Request) -> web.Response:
    """`GET /v1/server`: what a client must know before it signs in."""
    parts = request.app[PARTS]
    edge = parts.edge
    about = {
        "name": "streamhub",
        "version": __version__,
        "api": API,
        "features": parts.features,
        "sign_in": parts.ways_in,
        "limits": {
            "max_frame_bytes": edge.max_frame_bytes,
            "max_body_bytes": edge.max_body_bytes,
            "heartbeat_ms": edge.heartbeat_ms,
            "auth_timeout_ms": edge.auth_timeout_ms,
        },
    }
    return web.Response(body=msgspec.json.encode(about), content_type="application/json")
