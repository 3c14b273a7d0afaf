"""Accounts over HTTP, on PostgreSQL and Valkey: what clients send and what they are shown."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis
from structlog.testing import capture_logs
from support.jwt_attacks import Forger, attacks

from streamhub.config import AuthSettings, EdgeSettings, Secret
from streamhub.domain.families import REVOKED
from streamhub.domain.limits import Allowance
from streamhub.domain.log_ins import LogIns
from streamhub.domain.principals import Principals
from streamhub.domain.sealing import Sealer
from streamhub.domain.second_factors import SecondFactors
from streamhub.domain.sign_in import SignIn, SignInLimits
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import Revocations, TokenIssuer, TokenVerifier
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.families import PostgresFamilyStore
from streamhub.persistence.mail import PostgresMailQueue
from streamhub.persistence.migrations import migrate
from streamhub.persistence.passwords import Argon2Hasher, common_passwords
from streamhub.persistence.personal_tokens import PostgresPersonalTokens
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.redis import RedisLimiter, open_redis
from streamhub.persistence.second_factors import PostgresSecondFactors
from streamhub.telemetry import Metrics
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app
from streamhub.transport.letters import Letters

SECRET = Secret(secrets.token_urlsafe(32))
PASSWORD = "correct horse battery"
NOWHERE = "redis://127.0.0.1:1"
CHEAP = AuthSettings(argon2_memory_kib=64, argon2_time_cost=1)
WIDE = SignInLimits(
    log_in=Allowance(1000, 10_000), register=Allowance(1000, 10_000), account=Allowance(1, 1000)
)

Client = TestClient[web.Request, web.Application]


@dataclass
class House:
    """One host's part of accounts, and clients of it."""

    client: Client
    pool: Pool
    redis: Redis
    revocations: Revocations
    hasher: Argon2Hasher

    async def close(self) -> None:
        await self.client.close()
        await self.pool.close()
        await self.redis.aclose()
        self.hasher.close()

    async def register(self, **changes: object) -> dict[str, Any]:
        response = await self.post("register", **{**somebody(), **changes})
        assert response.status == 201, await response.text()
        return dict(await response.json())

    async def post(self, act: str, **body: object) -> ClientResponse:
        return await self.client.post(f"/v1/auth/{act}", json=body)

    async def get(self, path: str, token: str | None = None) -> ClientResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.get(path, headers=headers)


def somebody() -> dict[str, str]:
    handle = f"u{secrets.token_hex(6)}"
    email = f"{handle}@example.com"
    return {"email": email, "handle": handle, "name": "Ann", "password": PASSWORD}


async def build(
    urls: EmbeddedUrls, *, auth: AuthSettings = CHEAP, limits: SignInLimits = WIDE
) -> House:
    await migrate(urls.postgres)
    pool = await open_pool(urls.postgres, size=10, application_name="accounts")
    redis = open_redis(urls.redis)
    hasher = Argon2Hasher(auth)
    accounts, families = PostgresAccountStore(pool), PostgresFamilyStore(pool)
    revocations = Revocations(auth.access_ttl_s)

    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    limiter = RedisLimiter(redis, prefix=f"{secrets.token_hex(4)}:")
    log_ins = LogIns(
        families=families,
        issuer=TokenIssuer(TokenKeys(SECRET), auth.issuer, auth.access_ttl_s),
        secret=SECRET,
        refresh_ttl_s=auth.refresh_ttl_s,
        session_ttl_s=auth.session_ttl_s,
        now_ms=now_ms,
        random_bytes=secrets.token_bytes,
    )
    second_factors = SecondFactors(
        PostgresSecondFactors(pool),
        secret=SECRET,
        issuer=auth.issuer,
        now_ms=now_ms,
        random_bytes=secrets.token_bytes,
    )
    queue = PostgresMailQueue(pool, Sealer(SECRET, "mail", secrets.token_bytes))
    letters = Letters(
        queue, "test", now_ms=now_ms, random_bytes=secrets.token_bytes, queued=lambda: None
    )
    sign_in = SignIn(
        accounts=accounts,
        log_ins=log_ins,
        second_factors=second_factors,
        audit=PostgresAuditLog(pool),
        mailer=letters,
        hasher=hasher,
        limiter=limiter,
        common_passwords=common_passwords(),
        now_ms=now_ms,
        random_bytes=secrets.token_bytes,
        limits=limits,
    )
    routes = http_auth.routes(sign_in, log_ins, accounts, accounts)
    app = create_app(Parts(edge=EdgeSettings(), metrics=Metrics(), routes=routes))
    app[http_auth.PRINCIPALS] = Principals(
        verifier=TokenVerifier(TokenKeys(SECRET), auth.issuer),
        revocations=revocations,
        families=families,
        tokens=PostgresPersonalTokens(pool),
        now_ms=now_ms,
    )
    client = TestClient(TestServer(app))
    await client.start_server()
    return House(client, pool, redis, revocations, hasher)


@pytest.fixture
async def house(servers: EmbeddedUrls) -> AsyncIterator[House]:
    house = await build(servers)
    yield house
    await house.close()


async def shown(response: ClientResponse) -> tuple[int, dict[str, Any]]:
    """The status and the problem, without what differs from request to request."""
    assert response.content_type == "application/problem+json"
    body = await response.json()
    assert body.pop("request_id")
    return response.status, body


async def test_register_look_refresh_and_sign_out(house: House) -> None:
    ann = somebody()
    response = await house.post("register", **ann)
    assert response.status == 201
    assert response.headers["Cache-Control"] == "no-store"
    granted = await response.json()
    assert granted.keys() == {"user", "access_token", "refresh_token", "expires_in"}
    assert granted["expires_in"] == 900

    me = await (await house.get("/v1/me", granted["access_token"])).json()
    assert me == granted["user"]
    assert {name: me[name] for name in ("handle", "email", "name", "role")} == {
        **{name: ann[name] for name in ("handle", "email", "name")},
        "role": "user",
    }
    other = await house.get(f"/v1/users/{me['id']}", (await house.register())["access_token"])
    assert await other.json() == {"id": me["id"], "handle": ann["handle"], "name": "Ann"}

    refreshed = await house.post("refresh", refresh_token=granted["refresh_token"])
    assert refreshed.status == 200
    second = await refreshed.json()
    assert second["user"] == me

    gone = await house.post("logout", refresh_token=second["refresh_token"])
    assert (gone.status, await gone.read()) == (204, b"")
    again = await house.post("refresh", refresh_token=second["refresh_token"])
    assert (await shown(again))[1]["code"] == "unauthenticated"


async def test_signing_out_is_in_the_cluster_log_for_every_host(house: House) -> None:
    granted = await house.register()
    cluster = PostgresClusterStore(house.pool)
    before = await cluster.newest_entry()
    assert (await house.get("/v1/me", granted["access_token"])).status == 200
    await house.post("logout", refresh_token=granted["refresh_token"])

    (entry,) = await cluster.entries_after(before)
    assert entry.kind == REVOKED
    # What was known of the log-in counts until the log is read, which hosts do once a second.
    assert (await house.get("/v1/me", granted["access_token"])).status == 200
    house.revocations.add(entry.subject, time.time_ns() // 1_000_000)
    assert (await house.get("/v1/me", granted["access_token"])).status == 401


@pytest.mark.parametrize("login", ["handle", "email"])
async def test_logging_in_gives_what_registering_gave(house: House, login: str) -> None:
    ann = somebody()
    granted = await house.register(**ann)
    response = await house.post("login", login=ann[login].upper(), password=PASSWORD)

    assert response.status == 200
    body = await response.json()
    assert body["user"] == granted["user"]
    assert (await house.get("/v1/me", body["access_token"])).status == 200


async def test_the_answers_do_not_tell_who_is_there(house: House) -> None:
    ann = somebody()
    await house.register(**ann)

    logins = [ann["handle"], ann["email"], "nobody", "nobody@example.com", "\u00e9", "x" * 5000]
    answers = [await shown(await house.post("login", login=n, password="wrong")) for n in logins]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401

    taken = [{**somebody(), "handle": ann["handle"]}, {**somebody(), "email": ann["email"]}]
    refusals = [await shown(await house.post("register", **body)) for body in taken]
    assert refusals[0] == refusals[1]
    assert refusals[0][1]["code"] == "conflict"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"handle": "Ann"}, "bad_request", "handle"),
        ({"email": "ann"}, "bad_request", "email"),
        ({"password": "short"}, "bad_request", "password"),
        ({"password": "password1234"}, "bad_request", "password"),
        ({"name": "a\u202eb"}, "invalid_text", "name"),
        ({"name": None}, "bad_request", "name"),
        ({"name": 7}, "bad_request", "name"),
        ({"role": "admin"}, "unknown_field", "role"),
        ({"id": "us_01j9zzzzzzzzzzzzzzzzzzzzzz"}, "unknown_field", "id"),
    ],
)
async def test_a_wrong_body_is_refused_by_field(
    house: House, change: dict[str, object], code: str, field: str
) -> None:
    response = await house.post("register", **{**somebody(), **change})
    status, problem = await shown(response)
    assert (status, problem["code"], problem["field"]) == (400, code, field)


@pytest.mark.parametrize("act", ["register", "login", "refresh", "logout"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff",
        b'{"login":"a","login":"b"}',
        b'{"a":NaN}',
        b"[" * 5000,
        b'{"refresh_token":{}}',
        b"login=ann&password=x",
    ],
)
async def test_what_is_no_body_is_refused(house: House, act: str, body: bytes) -> None:
    response = await house.client.post(f"/v1/auth/{act}", data=body)
    assert (await shown(response))[0] == 400


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YW5uOng=",
        "bearer null",
        "Token {}",
        "{}",
        "Bearer {}.",
        "Bearer {}=",
        "Bearer  Bearer {}",
        "Bearer {},{}",
    ],
)
async def test_without_a_valid_bearer_token_every_route_answers_401(
    house: House, authorization: str | None
) -> None:
    token = (await house.register())["access_token"]
    headers = {}
    if authorization is not None:
        headers["Authorization"] = authorization.replace("{}", token)
    for path in ("/v1/me", "/v1/users/us_01j9zzzzzzzzzzzzzzzzzzzzzz"):
        response = await house.client.get(path, headers=headers)
        status, problem = await shown(response)
        assert (status, problem["code"]) == (401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_counts_nowhere_but_in_its_header(house: House) -> None:
    token = (await house.register())["access_token"]
    cookies = {"access_token": token, "Authorization": f"Bearer {token}"}

    for path in (f"/v1/me?access_token={token}", f"/v1/me?token={token}"):
        assert (await house.client.get(path, cookies=cookies)).status == 401
    twice = [("Authorization", f"Bearer {token}")] * 2
    assert (await house.client.get("/v1/me", headers=twice)).status == 401
    assert (await house.get("/v1/me", token)).status == 200


async def test_no_forged_token_is_taken_and_none_makes_the_server_fail(house: House) -> None:
    granted = await house.register()
    family = jwt.decode(granted["access_token"], options={"verify_signature": False})["sid"]
    forger = Forger(SECRET.reveal(), int(time.time()), granted["user"]["id"], family)
    assert (await house.get("/v1/me", forger.good)).status == 200

    for name, token in attacks(forger).items():
        if not (token.isascii() and token.isprintable()) or token.strip() == forger.good:
            continue  # no header can carry it, or blanks around it
        assert (await house.get("/v1/me", token)).status in (400, 401), name


async def test_a_token_of_one_kind_is_no_token_of_the_other(house: House) -> None:
    granted = await house.register()
    assert (await house.get("/v1/me", granted["refresh_token"])).status == 401
    response = await house.post("refresh", refresh_token=granted["access_token"])
    assert response.status == 401


@pytest.mark.parametrize(
    "user", ["us_01j9zzzzzzzzzzzzzzzzzzzzzz", "us_x", "ch_01j9zzzzzzzzzzzzzzzzzzzzzz", "%00", "é"]
)
async def test_an_unknown_user_is_not_found(house: House, user: str) -> None:
    token = (await house.register())["access_token"]
    assert (await shown(await house.get(f"/v1/users/{user}", token)))[0] == 404


async def test_a_hundred_parallel_refreshes_leave_one_live(house: House) -> None:
    first = (await house.register())["refresh_token"]
    responses = await asyncio.gather(
        *(house.post("refresh", refresh_token=first) for _ in range(100))
    )

    assert {response.status for response in responses} == {200}
    (successor,) = {(await response.json())["refresh_token"] for response in responses}
    assert (await house.post("refresh", refresh_token=successor)).status == 200


async def test_reuse_of_an_older_token_ends_the_family(house: House) -> None:
    first = (await house.register())["refresh_token"]
    second = (await (await house.post("refresh", refresh_token=first)).json())["refresh_token"]
    third = (await (await house.post("refresh", refresh_token=second)).json())["refresh_token"]

    assert (await house.post("refresh", refresh_token=first)).status == 401
    assert (await house.post("refresh", refresh_token=third)).status == 401


async def test_a_flushed_redis_logs_nobody_out_and_brings_nobody_back(house: House) -> None:
    live, ended = await house.register(), await house.register()
    await house.post("logout", refresh_token=ended["refresh_token"])
    await house.redis.flushdb()

    assert (await house.post("refresh", refresh_token=live["refresh_token"])).status == 200
    assert (await house.post("refresh", refresh_token=ended["refresh_token"])).status == 401


async def test_without_redis_logging_in_is_closed_and_everything_else_open(
    servers: EmbeddedUrls, house: House
) -> None:
    ann = somebody()
    granted = await house.register(**ann)
    cut_off = await build(replace(servers, redis=NOWHERE))

    for act, body in [
        ("login", {"login": ann["handle"], "password": PASSWORD}),
        ("register", somebody()),
    ]:
        response = await cut_off.post(act, **body)
        status, problem = await shown(response)
        assert (status, problem["code"]) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"
    assert (await cut_off.get("/v1/me", granted["access_token"])).status == 200
    refreshed = await cut_off.post("refresh", refresh_token=granted["refresh_token"])
    assert refreshed.status == 200
    token = (await refreshed.json())["refresh_token"]
    assert (await cut_off.post("logout", refresh_token=token)).status == 204
    await cut_off.close()


async def test_guessing_is_bounded_with_the_time_to_come_back(servers: EmbeddedUrls) -> None:
    limits = SignInLimits()._replace(account=Allowance(rate=0.1, burst=3))
    house = await build(servers, limits=limits)
    guesses = [
        await shown(await house.post("login", login="nobody-here", password=f"guess {n}"))
        for n in range(5)
    ]

    assert [status for status, _ in guesses] == [401, 401, 401, 429, 429]
    assert 0 < guesses[3][1]["retry_after_ms"] <= 10_000
    await house.close()


async def test_a_flood_of_log_ins_is_bounded_and_others_are_served(servers: EmbeddedUrls) -> None:
    house = await build(servers, auth=AuthSettings())
    token = (await house.register())["access_token"]
    flood = [
        asyncio.create_task(house.post("login", login=f"nobody{n}", password="x" * 20))
        for n in range(80)
    ]
    await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    served = [(await house.get("/v1/me", token)).status for _ in range(20)]
    still_waiting = sum(not task.done() for task in flood)

    assert served == [200] * 20
    assert still_waiting > 0
    answers = [await shown(task) for task in await asyncio.gather(*flood)]
    codes = {problem["code"] for _, problem in answers}
    assert codes == {"unauthenticated", "overloaded"}
    assert all(p["retry_after_ms"] > 0 for _, p in answers if p["code"] == "overloaded")
    await house.close()


async def test_logs_hold_no_password_no_token_and_no_email(house: House) -> None:
    ann = {**somebody(), "password": "canary correct horse"}
    with capture_logs() as logs:
        granted = await house.register(**ann)
        await house.post("login", login=ann["email"], password=ann["password"])
        await house.post("login", login=ann["email"], password="canary wrong")
        await house.post("register", **ann)
        await house.get("/v1/me", granted["access_token"])
        await house.get("/v1/me", granted["access_token"] + "x")
        for _ in range(2):
            await house.post("refresh", refresh_token=granted["refresh_token"])
        await house.post("logout", refresh_token=granted["refresh_token"])

    written = json.dumps(logs, default=repr)
    assert len(logs) >= 9
    for secret in ("canary", ann["email"], granted["access_token"], granted["refresh_token"]):
        assert secret not in written


async def test_the_database_holds_no_token_and_no_password(house: House) -> None:
    ann = somebody()
    granted = await house.register(**ann)
    rows = await house.pool.fetch(
        "SELECT u::text, f::text FROM users u JOIN token_families f ON f.user_id = u.id"
        " WHERE u.handle = $1",
        ann["handle"],
    )

    stored = " ".join(str(value) for row in rows for value in row)
    assert ann["email"] in stored
    raw = granted["refresh_token"].removeprefix("shr_")
    for secret in (PASSWORD, raw, granted["access_token"]):
        assert secret not in stored
