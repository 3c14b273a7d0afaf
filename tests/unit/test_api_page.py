"""The page of REST: every request and object, nothing from elsewhere, no script."""

import base64
import hashlib
import re
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streamhub.protocol.rest import REQUESTS
from streamhub.protocol.rest_words import WORDS
from streamhub.protocol.tables import COMMANDS
from streamhub.transport import http_openapi

COMMAND_BODIES = {spec.body for spec in COMMANDS.values()}


async def answers() -> tuple[str, str, dict[str, Any]]:
    """The page, its policy, and the document."""
    app = web.Application()
    app.add_routes(http_openapi.routes())
    async with TestClient(TestServer(app)) as client:
        shown = await client.get("/v1/docs")
        assert (shown.status, shown.content_type) == (200, "text/html")
        policy = shown.headers["Content-Security-Policy"]
        described = await (await client.get("/v1/openapi.json")).read()
        return await shown.text(), policy, msgspec.json.decode(described)


async def test_every_request_and_object_is_there_and_links_lead_somewhere() -> None:
    page, _, document = await answers()
    ids = set(re.findall(r' id="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {request.id for request in REQUESTS} <= ids
    assert set(document["components"]["schemas"]) <= ids
    assert links <= ids
    for request in REQUESTS:
        assert f'<h3 id="{request.id}">{request.method} {request.path}</h3>' in page
    assert "characters at most 16000" in page
    assert "Scope moderate, role moderator or above." in page


async def test_only_its_own_style_is_allowed() -> None:
    page, policy, _ = await answers()
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{hashed}'" in policy
    assert "unsafe" not in policy
    for foreign in ("<script", "<img", "<link", "style=", "http://", "https://"):
        assert foreign not in page.lower(), foreign


async def test_each_request_says_what_it_does() -> None:
    _, _, document = await answers()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            assert operation["summary"].endswith("."), (path, method)
    commands = {(one.method, one.path) for one in REQUESTS if one.asks in COMMAND_BODIES}
    others = {f"{one.method} {one.path}" for one in REQUESTS} - {" ".join(one) for one in commands}
    assert set(WORDS) == others
    send = document["paths"]["/v1/channels/{channel}/messages"]["post"]
    assert send["summary"] == "Post a message. The reply means it is committed."
