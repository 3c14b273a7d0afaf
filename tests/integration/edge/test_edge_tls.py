"""The public port speaks TLS by itself, and keeps up with its certificate."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from support.certificates import Authority, Files

from streamhub.config import EdgeSettings
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.public_tls import PublicTls
from streamhub.transport.site import Site, listen_socket, run_site

KEEPALIVE_S = 1.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def files(authority: Authority) -> Files:
    return authority.issue("chat")


@pytest.fixture
async def site(files: Files) -> AsyncIterator[Site]:
    app = create_app(Parts(edge=EdgeSettings(), metrics=Metrics(), routes=[web.get("/echo", echo)]))
    site = await run_site(
        app,
        listen_socket("127.0.0.1", 0, reuse_port=False),
        keepalive_timeout_s=KEEPALIVE_S,
        shutdown_timeout_s=0.1,
        tls=PublicTls(files.cert, files.key).server,
    )
    yield site
    await site.close()


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_bytes(message.data)
    return socket


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.check_hostname = False  # they are made out to names of tests
    return context


async def shown(site: Site, context: ssl.SSLContext) -> tuple[bytes, str]:
    """The certificate that a new connection is shown, and the version spoken."""
    _, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=context)
    spoken = writer.get_extra_info("ssl_object")
    certificate, version = spoken.getpeercert(binary_form=True), spoken.version()
    writer.close()
    return certificate, version


async def test_http_and_sockets_go_over_tls(site: Site, authority: Authority) -> None:
    context, url = trusting(authority), f"https://127.0.0.1:{site.port}"
    big = b"x" * 1_000_000
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as http:
        async with http.get(f"{url}/v1/server", ssl=context) as answer:
            assert answer.status == 200
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.ws_connect(f"{url}/echo", ssl=context) as socket:
            await socket.send_bytes(big)
            assert await socket.receive_bytes() == big


async def test_who_speaks_no_tls_learns_nothing(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /v1/server HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(10):
        try:
            said = await reader.read()
        except ConnectionError:
            said = b""
    assert b"HTTP" not in said
    writer.close()


async def test_who_says_nothing_is_closed(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    async with asyncio.timeout(10):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()


@pytest.mark.parametrize(
    ("version", "ciphers", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, "DEFAULT", True),
        (ssl.TLSVersion.TLSv1_2, "DEFAULT", True),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA:AES256-SHA256:ECDHE+SHA1@SECLEVEL=0", False),
    ],
)
async def test_only_sound_versions_and_ciphers_are_spoken(
    site: Site, authority: Authority, version: ssl.TLSVersion, ciphers: str, spoken: bool
) -> None:
    context = trusting(authority)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    if spoken:
        assert (await shown(site, context))[1] == version.name.replace("_", ".")
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(site, context)


def test_nothing_older_than_tls_1_2_is_offered(files: Files) -> None:
    server = PublicTls(files.cert, files.key).server
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert all(
        cipher["aead"] and cipher["protocol"] in ("TLSv1.2", "TLSv1.3")
        for cipher in server.get_ciphers()
    )


async def test_new_connections_get_the_new_certificate(
    site: Site, authority: Authority, files: Files
) -> None:
    context = trusting(authority)
    old, _ = await shown(site, context)
    async with aiohttp.ClientSession() as http:
        url = f"https://127.0.0.1:{site.port}/echo"
        async with http.ws_connect(url, ssl=context) as socket:
            with capture_logs() as logs:
                assert authority.issue("chat") == files
                new, _ = await shown(site, context)
            await socket.send_bytes(b"still here")
            assert await socket.receive_bytes() == b"still here"
    assert new != old
    assert [entry["event"] for entry in logs] == ["public_port.certificates_read_again"]


@pytest.mark.parametrize("broken", ["half a certificate", "gone", "another key"])
async def test_files_that_will_not_do_are_told_of_once_and_the_old_kept(
    site: Site, authority: Authority, files: Files, broken: str
) -> None:
    context = trusting(authority)
    old, _ = await shown(site, context)
    match broken:
        case "half a certificate":
            files.cert.write_text("-----BEGIN CERTIFICATE-----\nMIIB")
        case "gone":
            files.cert.unlink()
        case _:
            files.key.write_bytes(authority.issue("another").key.read_bytes())
    with capture_logs() as logs:
        assert [await shown(site, context) for _ in range(3)] == [(old, "TLSv1.3")] * 3
    (kept,) = (entry for entry in logs if entry["event"] == "public_port.certificates_kept")
    assert "STREAMHUB_TLS_CERT" in kept["error"]
    authority.issue("chat")
    assert await shown(site, context) != (old, "TLSv1.3")
