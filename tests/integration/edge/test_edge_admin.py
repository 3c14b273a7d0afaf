"""The admin port as operators and Prometheus meet it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import pytest

from streamhub.domain.errors import TryAgain
from streamhub.transport.health import Check, create_admin_app
from streamhub.transport.site import Site

Admin = Callable[[Mapping[str, Check]], AbstractAsyncContextManager[aiohttp.ClientSession]]


async def healthy() -> str:
    return "10 connections"


async def away() -> str:
    raise TryAgain("unavailable", "no answer from PostgreSQL")


async def broken() -> str:
    raise RuntimeError("postgresql://user:canary@host")


async def stuck() -> str:
    await asyncio.Event().wait()
    return "never"


async def exposition() -> bytes:
    return b"# HELP a b\n# TYPE a gauge\na 1.0\n"


@pytest.fixture
def admin(serve: Callable[..., Awaitable[Site]]) -> Admin:
    @asynccontextmanager
    async def run(checks: Mapping[str, Check]) -> AsyncIterator[aiohttp.ClientSession]:
        site = await serve(create_admin_app(checks, exposition, deadline_s=0.1))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:
            yield session

    return run


async def test_a_process_that_turns_is_alive_whatever_its_stores_say(admin: Admin) -> None:
    async with admin({"postgres": away}) as client, client.get("/livez") as response:
        assert response.status == 200
        assert await response.text() == "ok\n"


async def test_a_host_is_ready_when_every_check_passes(admin: Admin) -> None:
    async with admin({"postgres": healthy, "redis": healthy}) as client:
        async with client.get("/readyz") as response:
            assert (response.status, await response.text()) == (200, "ok\n")
        async with client.get("/readyz?verbose=1") as response:
            findings = await response.json()

    assert findings["ok"] is True
    assert findings["checks"]["redis"]["ok"] is True
    assert findings["checks"]["redis"]["detail"] == "10 connections"
    assert findings["checks"]["redis"]["latency_ms"] >= 0


async def test_one_failing_check_makes_it_unready_and_is_named(admin: Admin) -> None:
    async with admin({"postgres": away, "redis": healthy}) as client:
        async with client.get("/readyz") as response:
            assert (response.status, await response.text()) == (503, "not ready\n")
        async with client.get("/readyz", params={"verbose": "1"}) as response:
            assert response.status == 503
            findings = await response.json()

    assert findings["ok"] is False
    assert findings["checks"]["postgres"]["detail"] == "unavailable: no answer from PostgreSQL"
    assert findings["checks"]["redis"]["ok"] is True


async def test_a_check_without_an_answer_fails_at_its_deadline(admin: Admin) -> None:
    checks = {"s3": stuck, "redis": healthy}
    async with admin(checks) as client, client.get("/readyz?verbose=1") as response:
        findings = await response.json()

    assert findings["checks"]["s3"]["detail"] == "no answer within 0.1 s"
    assert findings["checks"]["redis"]["ok"] is True


async def test_an_unexpected_error_of_a_check_is_shown_by_its_type_only(admin: Admin) -> None:
    checks = {"postgres": broken}
    async with admin(checks) as client, client.get("/readyz?verbose=1") as response:
        text = await response.text()

    assert '"detail":"RuntimeError"' in text
    assert "canary" not in text


async def test_metrics_are_the_injected_exposition(admin: Admin) -> None:
    async with admin({}) as client, client.get("/metrics") as response:
        assert await response.read() == await exposition()
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_other_paths_are_problems(admin: Admin) -> None:
    async with admin({}) as client, client.get("/v1/server") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        assert "Server" not in response.headers
