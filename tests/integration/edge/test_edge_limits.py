"""Who asks too much over HTTP is told when to come back, and everybody how much is left."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from streamhub.config import EdgeSettings
from streamhub.domain.access import Standing
from streamhub.domain.errors import Refused
from streamhub.domain.fair_use import FairUse, Policies
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.limits import Allowance
from streamhub.domain.principals import Principal, Principals
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.http_auth import PRINCIPALS, authorize
from streamhub.transport.site import Site
from streamhub.transport.websocket import PATH

Serve = Callable[..., Awaitable[Site]]

POLICIES = Policies(
    requests_by_address=Allowance(1 / 60, 3),
    requests=Allowance(1 / 60, 5),
    lookups=Allowance(1 / 120, 2),
)


class Named(Principals):
    """Takes a token for the name of its user."""

    def __init__(self) -> None:
        pass

    async def principal(self, bearer: str, address: str = "") -> Principal:
        if bearer == "forged":
            raise Refused("unauthenticated")
        user = UserId(bearer)
        standing = Standing(user=user)
        return Principal(user=user, family=FamilyId("f"), standing=standing, expires_at=0)


async def get(request: web.Request) -> web.Response:
    await authorize(request, "account.get")
    return web.Response()


async def find(request: web.Request) -> web.Response:
    await authorize(request, "user.find")
    return web.Response()


async def nothing(_request: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    def now_us() -> int:
        return time.monotonic_ns() // 1000

    app = create_app(
        Parts(
            edge=EdgeSettings(trusted_proxies=("127.0.0.1/32",)),
            metrics=Metrics(),
            routes=(web.get("/get", get), web.get("/find", find), web.get(PATH, nothing)),
            fair_use=FairUse(POLICIES, InMemoryLimiter(now_us), now_us),
        )
    )
    app[PRINCIPALS] = Named()
    base = f"http://127.0.0.1:{(await serve(app)).port}"
    async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(10)) as session:
        yield session


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_answers_tell_how_much_is_left(client: aiohttp.ClientSession) -> None:
    for left in (4, 3, 2, 1, 0):
        async with client.get("/get", headers=bearer("ann")) as answer:
            assert answer.status == 200
            assert answer.headers["RateLimit-Limit"] == "5"
            assert answer.headers["RateLimit-Remaining"] == str(left)
            assert answer.headers["RateLimit-Reset"] == str((5 - left) * 60)
            assert answer.headers["RateLimit-Policy"] == '5;w=300;comment="requests"'
            assert "Retry-After" not in answer.headers
    async with client.get("/get", headers=bearer("ann")) as answer:
        problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["code"]) == (429, "rate_limited")
        assert 59_000 < problem["retry_after_ms"] <= 60_000
        assert answer.headers["Retry-After"] == "60"
        assert answer.headers["RateLimit-Remaining"] == "0"
    async with client.get("/get", headers=bearer("bob")) as answer:
        assert answer.status == 200


async def test_the_policy_that_is_nearest_to_its_end_is_told(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/find", headers=bearer("ann")) as answer:
        assert answer.headers["RateLimit-Limit"] == "2"
        assert answer.headers["RateLimit-Policy"] == (
            '5;w=300;comment="requests", 2;w=240;comment="lookups"'
        )
    async with (
        client.get("/find", headers=bearer("ann")),
        client.get("/find", headers=bearer("ann")) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (429, "120")
    async with client.get("/get", headers=bearer("ann")) as answer:
        assert answer.status == 200


async def statuses(client: aiohttp.ClientSession, path: str, **headers: str) -> list[int]:
    found = []
    for _ in range(5):
        async with client.get(path, headers=headers) as answer:
            found.append(answer.status)
    return found


async def test_strangers_are_counted_by_address(client: aiohttp.ClientSession) -> None:
    here, there = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
    assert await statuses(client, "/v1/server", **here) == [200, 200, 200, 429, 429]
    assert await statuses(client, "/nowhere", **there) == [404, 404, 404, 429, 429]
    assert await statuses(client, "/get", **bearer("ann"), **here) == [200] * 5


async def test_tokens_that_are_no_good_count_for_their_address(
    client: aiohttp.ClientSession,
) -> None:
    assert await statuses(client, "/get", **bearer("forged")) == [401, 401, 401, 429, 429]


async def test_sockets_are_not_counted_here(client: aiohttp.ClientSession) -> None:
    assert await statuses(client, PATH) == [200] * 5
