"""REST: what all of REST takes and gives.

GET /v1/openapi.json    for programs
GET /v1/docs            the same to read
"""

import msgspec
from aiohttp import hdrs, web

from streamhub import __version__
from streamhub.domain.access import RIGHTS
from streamhub.protocol.openapi import document
from streamhub.transport.api_page import page


def routes() -> list[web.RouteDef]:
    """The routes of this area."""
    described = document(__version__, _who)
    body = msgspec.json.encode(described)
    text, policy = page(described)

    async def openapi(request: web.Request) -> web.Response:
        return _kept(web.Response(body=body, content_type="application/json"))

    async def docs(request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": policy}
        return _kept(web.Response(text=text, content_type="text/html", headers=headers))

    return [web.get("/v1/openapi.json", openapi), web.get("/v1/docs", docs)]


def _kept(response: web.Response) -> web.Response:
    response.headers[hdrs.CACHE_CONTROL] = "public, max-age=300"
    return response


def _who(right: str) -> str:
    """Whom an operation takes, in words."""
    if not right:
        return "Everybody."
    asked = RIGHTS[right]
    signed_in = "Signed in" if asked.scope == "account" else f"Scope {asked.scope}"
    least = "" if asked.least == "user" else f", role {asked.least} or above"
    return f"{signed_in}{least}."
