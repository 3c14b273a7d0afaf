"""Connections that send nothing, or nearly nothing, are closed; slow handlers are not to blame."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from streamhub.config import EdgeSettings
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.site import Site

Serve = Callable[..., Awaitable[Site]]

DEADLINE_S = 10.0
HEAD = b"GET /v1/server HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
async def site(serve: Serve) -> Site:
    app = create_app(Parts(edge=EdgeSettings(), metrics=Metrics()))
    return await serve(app, keepalive_timeout_s=0.3)


async def closed_while_dripping(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes
) -> bytes:
    """What came before the server closed, while one drop is sent every 20 ms."""

    async def drip() -> None:
        while True:
            writer.write(drop)
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    came = b""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while piece := await reader.read(65_536):
                came += piece
    except ConnectionResetError:
        pass  # the other way to say the same: a drop was under way
    finally:
        dripping.cancel()
        writer.close()
    return came


async def test_a_silent_connection_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)

    async with asyncio.timeout(DEADLINE_S):
        assert await reader.read() == b""

    writer.close()


async def test_a_connection_that_drips_its_head_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /v1/server HTTP/1.1\r\nHost: a\r\n")

    assert await closed_while_dripping(reader, writer, b"X-A: b\r\n") == b""


async def test_a_connection_that_drips_its_second_head_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(HEAD + b"GET /v1/server HTTP/1.1\r\n")

    answer = await closed_while_dripping(reader, writer, b"X-A: b\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 1


async def test_a_connection_that_drips_empty_lines_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)

    assert await closed_while_dripping(reader, writer, b"\r\n") == b""


async def test_a_slow_handler_is_not_a_slow_connection(serve: Serve) -> None:
    gate = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response(text="patience")

    parts = Parts(edge=EdgeSettings(), metrics=Metrics(), routes=(web.get("/wait", wait),))
    site = await serve(create_app(parts), keepalive_timeout_s=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    asyncio.get_running_loop().call_later(0.5, gate.set)  # well beyond the time-out

    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()

    writer.close()
    assert answer.endswith(b"patience")


POST = b"POST /length HTTP/1.1\r\nHost: a\r\n"


async def length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


def taking_bodies(handler: Handler) -> web.Application:
    routes = (web.post("/length", handler),)
    return create_app(Parts(edge=EdgeSettings(), metrics=Metrics(), routes=routes))


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"Content-Length: 1000000\r\n\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["announced", "chunked"],
)
async def test_a_dripping_body_is_cut_and_its_handler_ends(
    serve: Serve, head: bytes, drop: bytes
) -> None:
    ended = asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        try:
            return await length(request)
        finally:
            ended.set()

    site = await serve(taking_bodies(read), slow_body_s=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(POST + head)

    assert await closed_while_dripping(reader, writer, drop) == b""
    async with asyncio.timeout(DEADLINE_S):
        await ended.wait()


async def test_a_steady_body_may_take_as_long_as_it_needs(serve: Serve) -> None:
    site = await serve(taking_bodies(length), slow_body_s=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(POST + b"Content-Length: 500000\r\nConnection: close\r\n\r\n")
    for _ in range(50):  # a second in all, at far more than the least rate
        writer.write(b"x" * 10_000)
        await asyncio.sleep(0.02)

    async with asyncio.timeout(DEADLINE_S):
        assert (await reader.read()).endswith(b"500000")
    writer.close()


async def test_a_client_is_not_cut_for_a_handler_that_does_not_read(serve: Serve) -> None:
    async def pause_then_read(request: web.Request) -> web.Response:
        await asyncio.sleep(0.7)  # several looks, none of which may blame the client
        return await length(request)

    site = await serve(taking_bodies(pause_then_read), slow_body_s=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(POST + b"Content-Length: 1000000\r\nConnection: close\r\n\r\n")
    writer.write(b"x" * 1_000_000)

    async with asyncio.timeout(DEADLINE_S):
        assert (await reader.read()).endswith(b"1000000")
    writer.close()
