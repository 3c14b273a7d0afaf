"""REST: `GET /v1/openapi.json`, what all of REST takes and gives."""

import msgspec
from aiohttp import hdrs, web

from streamhub import __version__
from streamhub.protocol.openapi import document


def routes() -> list[web.RouteDef]:
    """The one route of this area."""
    body = msgspec.json.encode(document(__version__))

    async def openapi(request: web.Request) -> web.Response:
        response = web.Response(body=body, content_type="application/json")
        response.headers[hdrs.CACHE_CONTROL] = "public, max-age=300"
        return response

    return [web.get("/v1/openapi.json", openapi)]
