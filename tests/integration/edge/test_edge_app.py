"""The public application as a client meets it."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from streamhub import __version__
from streamhub.config import EdgeSettings
from streamhub.domain.errors import Refused, TryAgain
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.site import Site, listen_socket

Serve = Callable[..., Awaitable[Site]]

DEADLINE_S = 10.0


async def length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def refuse(_request: web.Request) -> web.Response:
    raise Refused("bad_request", "name must have 1 to 80 characters", field="name")


async def try_later(_request: web.Request) -> web.Response:
    raise TryAgain("unavailable", retry_after_ms=1200)


async def ask_who(_request: web.Request) -> web.Response:
    raise Refused("unauthenticated")


async def stumble(_request: web.Request) -> web.Response:
    raise RuntimeError("canary in an unexpected error")


async def stumble_halfway(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"first half")
    raise RuntimeError("canary in the middle")


async def go_elsewhere(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/v1/server")


ROUTES = (
    web.post("/length", length),
    web.get("/refuse", refuse),
    web.get("/later", try_later),
    web.get("/who", ask_who),
    web.get("/stumble", stumble),
    web.get("/halfway", stumble_halfway),
    web.get("/elsewhere", go_elsewhere),
    web.get("/things/{id}", try_later),
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def app_of(*routes: web.AbstractRouteDef, metrics: Metrics | None = None) -> web.Application:
    edge = EdgeSettings(max_body_bytes=2048)
    parts = Parts(edge=edge, metrics=metrics or Metrics(), routes=routes, features=("uploads",))
    return create_app(parts)


@pytest.fixture
async def client(serve: Serve, metrics: Metrics) -> AsyncIterator[aiohttp.ClientSession]:
    site = await serve(app_of(*ROUTES, metrics=metrics))
    base = f"http://127.0.0.1:{site.port}"
    async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(DEADLINE_S)) as session:
        yield session


async def test_the_server_describes_itself_without_a_log_in(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/server") as response:
        about = await response.json()

    assert response.status == 200
    assert about == {
        "name": "streamhub",
        "version": __version__,
        "api": 1,
        "features": ["uploads"],
        "limits": {
            "max_frame_bytes": 1 << 20,
            "max_body_bytes": 2048,
            "heartbeat_ms": 30_000,
            "auth_timeout_ms": 5000,
        },
        "sign_in": None,
    }


@pytest.mark.parametrize(
    "path", ["/v1/server", "/nowhere", "/refuse", "/stumble", "/elsewhere", "/who"]
)
async def test_no_answer_names_the_server_software(
    client: aiohttp.ClientSession, path: str
) -> None:
    async with client.get(path, allow_redirects=False) as response:
        assert "Server" not in response.headers
        assert response.headers["X-Request-Id"]


async def test_a_sane_request_id_is_echoed(client: aiohttp.ClientSession) -> None:
    async with client.get("/nowhere", headers={"X-Request-Id": "web-1.a_B"}) as response:
        assert response.headers["X-Request-Id"] == "web-1.a_B"
        assert (await response.json(content_type=None))["request_id"] == "web-1.a_B"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "ä"])
async def test_another_request_id_is_replaced(client: aiohttp.ClientSession, given: str) -> None:
    async with client.get("/v1/server", headers={"X-Request-Id": given}) as response:
        assert response.headers["X-Request-Id"] not in ("", given)


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/nowhere", 404, {"code": "not_found"}),
        ("GET", "/nowhere/%00", 404, {"code": "not_found"}),
        (
            "POST",
            "/v1/server",
            405,
            {"code": "bad_request", "detail": "POST is not possible here, only GET, HEAD"},
        ),
        (
            "GET",
            "/refuse",
            400,
            {"code": "bad_request", "detail": "name must have 1 to 80 characters", "field": "name"},
        ),
        ("GET", "/later", 503, {"code": "unavailable", "retry_after_ms": 1200}),
        ("GET", "/who", 401, {"code": "unauthenticated"}),
        ("GET", "/stumble", 500, {"code": "internal"}),
    ],
)
async def test_every_error_is_a_problem(
    client: aiohttp.ClientSession, method: str, path: str, status: int, expected: dict[str, object]
) -> None:
    async with client.request(method, path) as response:
        problem = await response.json(content_type="application/problem+json")

    assert response.status == status == problem.pop("status")
    assert problem.pop("request_id") == response.headers["X-Request-Id"]
    assert problem.pop("title")
    assert problem == expected


async def test_problems_carry_the_headers_of_their_status(client: aiohttp.ClientSession) -> None:
    async with client.get("/later") as later, client.get("/who") as who:
        assert later.headers["Retry-After"] == "2"
        assert who.headers["WWW-Authenticate"] == "Bearer"
    async with client.put("/v1/server") as refused:
        assert refused.headers["Allow"] == "GET,HEAD"


async def test_an_unexpected_error_tells_the_client_nothing(client: aiohttp.ClientSession) -> None:
    async with client.get("/stumble") as response:
        assert "canary" not in await response.text()


async def test_an_error_in_the_middle_of_a_response_ends_the_connection(
    client: aiohttp.ClientSession,
) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with client.get("/halfway") as response:
            await response.read()


async def test_a_redirect_stays_a_redirect(client: aiohttp.ClientSession) -> None:
    async with client.get("/elsewhere", allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "/v1/server"


async def test_a_body_may_be_as_long_as_the_limit(client: aiohttp.ClientSession) -> None:
    async with client.post("/length", data=b"x" * 2048) as response:
        assert await response.text() == "2048"


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 128):
        yield b"x" * 128


async def test_a_longer_body_is_too_large_announced_or_not(client: aiohttp.ClientSession) -> None:
    for body in (b"x" * 2049, chunks(4096)):
        async with client.post("/length", data=body) as response:
            assert response.status == 413
            assert (await response.json(content_type=None))["code"] == "too_large"


async def test_a_compressed_body_is_refused_unread(client: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    async with client.post("/length", data=bomb, headers={"Content-Encoding": "gzip"}) as response:
        assert response.status == 415
        problem = await response.json(content_type=None)

    assert problem["code"] == "unsupported_type"
    assert problem["field"] == "Content-Encoding"


async def test_requests_are_counted_by_pattern_and_status(
    client: aiohttp.ClientSession, metrics: Metrics
) -> None:
    for path in ("/things/1", "/things/2", "/nowhere/1", "/nowhere/2"):
        async with client.get(path):
            pass

    page = metrics.render().decode()

    things = 'method="GET",route="/things/{id}"'
    assert f'streamhub_http_requests_total{{{things},status="503"}} 2.0' in page
    assert f"streamhub_http_request_seconds_count{{{things}}} 2.0" in page
    assert 'route="unmatched",status="404"} 2.0' in page
    assert "/nowhere" not in page


async def test_a_handler_whose_client_left_is_cancelled(serve: Serve) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        entered.set()
        never: asyncio.Future[web.Response] = asyncio.get_running_loop().create_future()
        try:
            return await never
        finally:
            left.set()

    site = await serve(app_of(web.get("/wait", wait)))
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(DEADLINE_S):
        await entered.wait()
        writer.close()
        await left.wait()


async def test_a_closing_site_lets_requests_finish_and_takes_no_new_ones(
    serve: Serve,
) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        entered.set()
        await gate.wait()
        return web.Response(text="finished")

    site = await serve(app_of(web.get("/wait", wait)))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(DEADLINE_S):
        await entered.wait()
        closing = asyncio.create_task(site.close())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", site.port)
        gate.set()
        assert (await reader.read()).endswith(b"finished")
        await closing
    writer.close()


async def test_hosts_share_a_port(serve: Serve) -> None:
    first = await serve(app_of())
    second = await serve(app_of(), port=first.port)
    assert second.port == first.port
    await first.close()
    url = f"http://127.0.0.1:{second.port}/v1/server"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200


def test_a_taken_port_is_an_error_that_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already"):
            listen_socket("127.0.0.1", port, reuse_port=True)


def test_an_unknown_host_is_an_error_that_names_it() -> None:
    with pytest.raises(OSError, match=r"cannot listen on no\.such\.host\.invalid:80"):
        listen_socket("no.such.host.invalid", 80, reuse_port=False)
