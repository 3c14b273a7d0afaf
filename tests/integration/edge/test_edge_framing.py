"""What is not plainly HTTP/1.1 is refused, over a raw socket against a running site."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from streamhub.config import EdgeSettings
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.site import Site

KEEPALIVE_S = 0.3
DEADLINE_S = 10.0


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    seen = request.headers.get("X-Seen", "nothing")
    return web.Response(text=f"{len(body)} bytes, saw {seen}")


async def socket_echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


@pytest.fixture
async def site(serve: Callable[..., Awaitable[Site]]) -> Site:
    parts = Parts(
        edge=EdgeSettings(),
        metrics=Metrics(),
        routes=(web.route("*", "/echo", echo), web.get("/socket", socket_echo)),
    )
    return await serve(create_app(parts), keepalive_timeout_s=KEEPALIVE_S)


async def exchange(site: Site, sent: bytes) -> bytes:
    """Everything the server answers to `sent` until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        async with asyncio.timeout(DEADLINE_S):
            writer.write(sent)
            return await reader.read()
    finally:
        writer.close()


def get(*lines: str, request: str = "GET /echo HTTP/1.1", end: str = "\r\n") -> bytes:
    return end.join((request, *lines, "", "")).encode("latin-1")


def post(*lines: str, body: str = "") -> bytes:
    return get("Host: a", *lines, request="POST /echo HTTP/1.1") + body.encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"
REFUSED = {
    "content length and chunked": post("Content-Length: 3", CHUNKED, body="0\r\n\r\n"),
    "chunked and content length": post(CHUNKED, "Content-Length: 3", body="0\r\n\r\n"),
    "two content lengths": post("Content-Length: 3", "Content-Length: 4", body="abcd"),
    "a list of content lengths": post("Content-Length: 3, 4", body="abcd"),
    "a signed content length": post("Content-Length: +3", body="abc"),
    "a negative content length": post("Content-Length: -3", body="abc"),
    "a hexadecimal content length": post("Content-Length: 0x3", body="abc"),
    "an endless content length": post(f"Content-Length: {'9' * 30}", body="abc"),
    "an empty content length": post("Content-Length: ", body="abc"),
    "an unknown transfer coding": post("Transfer-Encoding: xchunked", body="0\r\n\r\n"),
    "a coding before chunked": post("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"),
    "a coding after chunked": post("Transfer-Encoding: chunked, identity", body="0\r\n\r\n"),
    "chunked twice": post(CHUNKED, CHUNKED, body="0\r\n\r\n"),
    "a vertical tab before chunked": post("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n"),
    "chunked in HTTP/1.0": get("Host: a", CHUNKED, request="POST /echo HTTP/1.0"),
    "bare line feeds": get("Host: a", end="\n"),
    "a bare line feed between headers": get("Host: a\nX-Seen: b"),
    "a bare line feed at the end": b"GET /echo HTTP/1.1\r\nHost: a\r\n\n",
    "a bare carriage return": get("Host: a\rX-Seen: b"),
    "a folded header": get("Host: a", "X-Seen: b", " c"),
    "a fold right after the request line": get(" Host: a"),
    "NUL in a value": get("Host: a", "X-Seen: b\x00c"),
    "NUL in a name": get("Host: a", "X-Seen\x00: b"),
    "NUL in the path": get("Host: a", request="GET /ec\x00ho HTTP/1.1"),
    "a control character in a value": get("Host: a", "X-Seen: b\x01c"),
    "a blank before the colon": post("Content-Length : 3", body="abc"),
    "a header without a colon": get("Host: a", "X-Seen"),
    "a header without a name": get("Host: a", ": b"),
    "no host": get(),
    "two hosts": get("Host: a", "Host: b"),
    "a host that is none": get("Host: a b/c"),
    "HTTP/0.9": b"GET /echo\r\n\r\n",
    "HTTP/1.2": get("Host: a", request="GET /echo HTTP/1.2"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method with a bracket": get("Host: a", request="G(T /echo HTTP/1.1"),
    "an unknown expectation": get("Host: a", "Expect: the-unexpected"),
    "a huge header": get("Host: a", f"X-Seen: {'y' * 20_000}"),
    "a huge path": get("Host: a", request=f"GET /{'y' * 20_000} HTTP/1.1"),
    "too many headers": get("Host: a", *("X-Seen: y",) * 200),
    "a chunk size that is no number": post(CHUNKED, body="zz\r\n\r\n"),
    "a negative chunk size": post(CHUNKED, body="-1\r\n\r\n"),
    "an endless chunk size": post(CHUNKED, body="ffffffffffffffffff\r\nabc"),
    "a blank after a chunk size": post(CHUNKED, body="3 \r\nabc\r\n0\r\n\r\n"),
    "a bare line feed after a chunk size": post(CHUNKED, body="3\nabc\r\n0\r\n\r\n"),
    "a bare line feed in a chunk extension": post(CHUNKED, body="3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "a chunk longer than its size": post(CHUNKED, body="3\r\nabcX0\r\n\r\n"),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
async def test_malformed_framing_is_refused_and_the_connection_closed(
    site: Site, sent: bytes
) -> None:
    smuggled = get("Host: a", "X-Seen: smuggled")

    answer = await exchange(site, sent + smuggled)

    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)  # one answer only: nothing behind it was taken for a request
    assert head.split(b" ", 2)[1] == b"400"
    assert b"application/problem+json" in head
    assert b"Server:" not in head
    assert problem["code"] == "bad_request"
    assert problem["request_id"].encode() in head


async def test_well_formed_requests_share_a_connection(site: Site) -> None:
    one = post("Content-Length: 3", body="abc")
    two = get("Host: [::1]:8080", "X-Seen: two")

    answer = await exchange(site, one + two)

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"3 bytes, saw nothing" in answer
    assert b"0 bytes, saw two" in answer


async def test_trailer_fields_do_not_become_headers_of_the_next_request(site: Site) -> None:
    chunked = post(CHUNKED, body="3\r\nabc\r\n0\r\nX-Seen: a trailer\r\n\r\n")

    answer = await exchange(site, chunked + get("Host: a"))

    assert b"3 bytes, saw nothing" in answer
    assert b"a trailer" not in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in answer


async def test_a_refusal_repeats_nothing_the_client_sent(site: Site) -> None:
    answer = await exchange(site, get("Host: a", "Authorization: Bearer canary\x00"))

    assert b" 400 " in answer
    assert b"canary" not in answer


async def test_the_socket_answer_has_a_request_id_and_no_server_header(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(
        get(
            "Host: a",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "X-Request-Id: from-the-client",
            request="GET /socket HTTP/1.1",
        )
    )
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert head.startswith(b"HTTP/1.1 101")
    assert b"X-Request-Id: from-the-client" in head
    assert b"Server:" not in head
