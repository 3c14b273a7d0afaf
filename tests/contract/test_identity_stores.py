"""What every store of identities, and of log-ins on their way, promises."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from streamhub.config import Secret
from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditEvent, AuditLog, AuditQuery
from streamhub.domain.errors import Refused
from streamhub.domain.identities import (
    LIFE_S,
    Authorization,
    AuthorizationStore,
    IdentityStore,
    Linked,
)
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.sealing import Sealer
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.identities import PostgresIdentities, RedisAuthorizations
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.identities import InMemoryAuthorizations, InMemoryIdentities
from streamhub.persistence.postgres import Pool
from streamhub.persistence.redis import open_redis

SECRET = Secret("a secret of at least thirty-two bytes")


class World:
    """A store of identities, and the log its changes are in."""

    def __init__(self, store: IdentityStore, audit: AuditLog, pool: Pool | None) -> None:
        self.store = store
        self.audit = audit
        self.pool = pool

    async def user(self) -> UserId:
        user = UserId(make_id(USER, 1, secrets.token_bytes(RANDOM_BYTES)))
        if self.pool is not None:
            handle = f"u{secrets.token_hex(8)}"
            account = Account(
                id=user, handle=handle, name="x", email=None, role="user", created_at=1
            )
            await PostgresAccountStore(self.pool).create(account, None)
        return user

    async def recorded(self, user: UserId) -> list[str]:
        return [entry.kind for entry in await self.audit.entries(AuditQuery(target=user))]


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        audit = InMemoryAuditLog()
        return World(InMemoryIdentities(audit), audit, None)
    pool: Pool = request.getfixturevalue("pool")
    return World(PostgresIdentities(pool), PostgresAuditLog(pool), pool)


def linked() -> Linked:
    return Linked(issuer="https://id.example", subject=secrets.token_hex(8), linked_at=5)


def event(user: UserId) -> AuditEvent:
    return AuditEvent(at=5, kind="identity.linked", actor=user, target=user)


async def test_an_identity_opens_the_account_it_is_linked_to(world: World) -> None:
    ann, one = await world.user(), linked()
    assert await world.store.user_of(one.issuer, one.subject) is None
    for _ in range(2):
        await world.store.link(ann, one, event(ann))
    assert await world.store.user_of(one.issuer, one.subject) == ann
    assert await world.store.user_of("https://other.example", one.subject) is None
    assert await world.store.of(ann) == (one,)
    assert await world.recorded(ann) == ["identity.linked"]


async def test_an_identity_opens_one_account_only(world: World) -> None:
    people, one = [await world.user() for _ in range(10)], linked()
    outcomes = await asyncio.gather(
        *(world.store.link(user, one, event(user)) for user in people), return_exceptions=True
    )
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 9
    owner = await world.store.user_of(one.issuer, one.subject)
    assert owner is not None
    assert outcomes[people.index(owner)] is None


async def test_only_its_owner_unlinks_an_identity(world: World) -> None:
    ann, bob, one = await world.user(), await world.user(), linked()
    await world.store.link(ann, one, event(ann))
    unlinked = AuditEvent(at=6, kind="identity.unlinked", actor=ann, target=ann)
    assert not await world.store.unlink(bob, one.issuer, one.subject, unlinked)
    assert await world.store.unlink(ann, one.issuer, one.subject, unlinked)
    assert not await world.store.unlink(ann, one.issuer, one.subject, unlinked)
    assert await world.store.user_of(one.issuer, one.subject) is None
    assert await world.recorded(ann) == ["identity.unlinked", "identity.linked"]


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    urls: EmbeddedUrls = request.getfixturevalue("servers")
    return urls.redis


@pytest.fixture
async def authorizations(url: str | None) -> AsyncIterator[AuthorizationStore]:
    if url is None:
        yield InMemoryAuthorizations(time.monotonic)
        return
    client = open_redis(url)
    yield RedisAuthorizations(client, Sealer(SECRET, "oidc", secrets.token_bytes))
    await client.aclose()


def on_its_way() -> Authorization:
    return Authorization(
        state=secrets.token_hex(8),
        nonce="n",
        verifier="the verifier",
        redirect_uri="https://chat.example/back",
        user=UserId("us_x"),
    )


async def test_a_log_in_on_its_way_is_taken_once(authorizations: AuthorizationStore) -> None:
    request, one = secrets.token_hex(8), on_its_way()
    await authorizations.put(request, one, LIFE_S)
    taken = await asyncio.gather(*(authorizations.take(request) for _ in range(20)))
    assert [found for found in taken if found is not None] == [one]
    assert await authorizations.take("another") is None


async def test_one_that_took_too_long_is_over() -> None:
    now = [0.0]
    kept = InMemoryAuthorizations(lambda: now[0])
    await kept.put("a", on_its_way(), LIFE_S)
    now[0] = LIFE_S
    assert await kept.take("a") is None


async def test_redis_forgets_it_and_cannot_read_it(servers: EmbeddedUrls) -> None:
    client = open_redis(servers.redis)
    request = secrets.token_hex(8)
    kept = RedisAuthorizations(client, Sealer(SECRET, "oidc", secrets.token_bytes))
    await kept.put(request, on_its_way(), LIFE_S)
    assert LIFE_S - 10 <= await client.ttl(f"oidc:{request}") <= LIFE_S
    held = await client.get(f"oidc:{request}")
    assert isinstance(held, bytes)
    assert b"verifier" not in held
    other = Secret("another secret of thirty-two bytes!!")
    elsewhere = RedisAuthorizations(client, Sealer(other, "oidc", secrets.token_bytes))
    assert await elsewhere.take(request) is None
    await client.aclose()
