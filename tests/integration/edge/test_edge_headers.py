"""What every answer tells browsers and proxies, and whom the server takes a client for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from streamhub.config import EdgeSettings
from streamhub.domain.errors import Refused
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.http_auth import origin_of
from streamhub.transport.site import Site

Serve = Callable[..., Awaitable[Site]]

PAGE = "https://chat.example.com"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def whence(request: web.Request) -> web.Response:
    return web.Response(text=origin_of(request).address)


async def refuse(_request: web.Request) -> web.Response:
    raise Refused("forbidden")


async def stumble(_request: web.Request) -> web.Response:
    raise RuntimeError


async def keep(_request: web.Request) -> web.Response:
    kept = {"Cache-Control": "private, max-age=60", "Content-Security-Policy": "sandbox"}
    return web.Response(headers=kept)


def app_of(*trusted_proxies: str) -> web.Application:
    edge = EdgeSettings(allowed_origins=(PAGE,), trusted_proxies=trusted_proxies)
    routes = (
        web.get("/whence", whence),
        web.post("/whence", whence),
        web.get("/refuse", refuse),
        web.get("/stumble", stumble),
        web.get("/keep", keep),
    )
    return create_app(Parts(edge=edge, metrics=Metrics(), routes=routes))


def session(site: Site) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(10)
    return aiohttp.ClientSession(f"http://127.0.0.1:{site.port}", timeout=timeout)


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    async with session(await serve(app_of())) as http:
        yield http


@pytest.fixture
async def behind(serve: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    """As from a proxy that is believed."""
    async with session(await serve(app_of("127.0.0.1/32", "10.0.0.0/8"))) as http:
        yield http


# -- what is on every answer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/server"),
        ("GET", "/refuse"),
        ("GET", "/stumble"),
        ("GET", "/nowhere"),
        ("DELETE", "/whence"),
        ("OPTIONS", "/whence"),
    ],
)
async def test_every_answer_carries_them(
    client: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with client.request(method, path) as answer:
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert "Server" not in answer.headers
        assert answer.headers.getall("Vary") == ["Origin"]


async def test_what_is_refused_before_the_application_carries_them(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/whence", headers={"Host": "not a host"}) as answer:
        assert answer.status == 400
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


async def test_answers_to_who_shows_a_token_are_not_stored(client: aiohttp.ClientSession) -> None:
    shown = {"Authorization": "Bearer x"}
    for path in ("/whence", "/refuse", "/nowhere"):
        async with client.get(path, headers=shown) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
    async with client.get("/v1/server") as answer:
        assert "Cache-Control" not in answer.headers


async def test_a_handler_may_say_otherwise(client: aiohttp.ClientSession) -> None:
    async with client.get("/keep", headers={"Authorization": "Bearer x"}) as answer:
        assert answer.headers["Cache-Control"] == "private, max-age=60"
        assert answer.headers["Content-Security-Policy"] == "sandbox"


# -- proxies --------------------------------------------------------------------------------


async def test_a_trusted_proxy_tells_who_asks(behind: aiohttp.ClientSession) -> None:
    for said, found in {
        "203.0.113.9": "203.0.113.9",
        "127.0.0.1, 2001:db8::5, 10.0.0.2": "2001:db8::5",
        "nonsense": "127.0.0.1",
    }.items():
        async with behind.get("/whence", headers={"X-Forwarded-For": said}) as answer:
            assert await answer.text() == found


async def test_nobody_else_is_believed(client: aiohttp.ClientSession) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9;proto=https",
        "X-Real-IP": "203.0.113.9",
        "X-Forwarded-Proto": "https",
    }
    async with client.get("/whence", headers=spoofed) as answer:
        assert await answer.text() == "127.0.0.1"
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    ("said", "secure"),
    [("https", True), ("HTTPS", True), ("http, https", True), ("https, http", False), ("", False)],
)
async def test_browsers_are_told_to_stay_with_tls_where_a_proxy_speaks_it(
    behind: aiohttp.ClientSession, said: str, secure: bool
) -> None:
    async with behind.get("/whence", headers={"X-Forwarded-Proto": said}) as answer:
        assert ("Strict-Transport-Security" in answer.headers) is secure


async def test_a_local_socket_has_no_address_and_is_not_believed(tmp_path: Path) -> None:
    runner = web.AppRunner(app_of("0.0.0.0/0", "::/0"))
    await runner.setup()
    path = str(tmp_path / "http.sock")
    await web.UnixSite(runner, path).start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as http:
            said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
            async with http.get("http://local/whence", headers=said) as answer:
                assert await answer.text() == "local"
                assert "Strict-Transport-Security" not in answer.headers
    finally:
        await runner.cleanup()


# -- pages of other origins -----------------------------------------------------------------

FOREIGN = (
    "https://evil.example",
    "null",
    "*",
    "http://chat.example.com",
    "https://chat.example.com.",
    "https://chat.example.com:443",
    "https://chat.example.com.evil.example",
    "https://evil-chat.example.com",
    "https://CHAT.example.com",
    "https://chat.example.com/",
    f"{PAGE}, {PAGE}",
)


def granted(answer: aiohttp.ClientResponse) -> list[str]:
    return [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_a_listed_page_reads_answers_and_problems(client: aiohttp.ClientSession) -> None:
    for path in ("/whence", "/refuse", "/nowhere"):
        async with client.get(path, headers={"Origin": PAGE}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
            assert {"Retry-After", "X-Request-Id", "RateLimit-Remaining"} <= set(exposed)
            assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", FOREIGN)
async def test_foreign_pages_read_nothing(client: aiohttp.ClientSession, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        async with client.request(method, "/whence", headers=asked) as answer:
            assert granted(answer) == []
            assert answer.headers["Vary"] == "Origin"


async def test_two_origins_are_none(client: aiohttp.ClientSession) -> None:
    twice = [("Origin", PAGE), ("Origin", PAGE)]
    async with client.get("/whence", headers=twice) as answer:
        assert granted(answer) == []


async def test_a_listed_page_may_ask_before_it_asks(client: aiohttp.ClientSession) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with client.options("/whence", headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
        allowed = answer.headers["Access-Control-Allow-Headers"]
        assert allowed == (
            "Authorization, Content-Digest, Content-Type, Idempotency-Key, If-None-Match,"
            " If-Range, Range, Repr-Digest, X-File-Name, X-Request-Id"
        )
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


async def test_for_an_unknown_route_nothing_is_permitted(client: aiohttp.ClientSession) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with client.options("/nowhere", headers=asked) as answer:
        assert answer.status == 404
        assert "Access-Control-Allow-Methods" not in answer.headers


async def test_who_asks_nothing_gets_the_plain_answer(client: aiohttp.ClientSession) -> None:
    async with client.options("/whence", headers={"Origin": PAGE}) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD,POST"
