"""What every store of personal access tokens promises."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import pytest

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent, AuditLog, AuditQuery
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, USER, UserId, make_id
from streamhub.domain.personal_tokens import (
    MAX_TOKENS,
    USED_EVERY_MS,
    PersonalToken,
    PersonalTokenStore,
    check_scopes,
    digest_of,
    text_of,
)
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.personal_tokens import InMemoryPersonalTokens
from streamhub.persistence.personal_tokens import PostgresPersonalTokens

NOW = 1_764_000_000_000


@dataclass
class Stores:
    accounts: AccountStore
    tokens: PersonalTokenStore
    audit: AuditLog
    told: Callable[[], Awaitable[list[str]]]
    """What the cluster log says was revoked since the test began."""

    async def account(self) -> Account:
        account = Account(
            id=UserId(make_id(USER, NOW, secrets.token_bytes(RANDOM_BYTES))),
            handle=f"u{secrets.token_hex(8)}",
            name="Ann",
            email=None,
            role="user",
            created_at=NOW,
        )
        await self.accounts.create(account, None)
        return account

    async def token(
        self, user: UserId, made_by: UserId | None = None, expires_at: int | None = None
    ) -> tuple[PersonalToken, bytes]:
        token = PersonalToken(
            id=FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES))),
            user=user,
            made_by=made_by or user,
            name="CI",
            scopes=frozenset({"chat:read", "chat:write"}),
            created_at=NOW,
            expires_at=expires_at,
        )
        digest = secrets.token_bytes(32)
        await self.tokens.add(token, digest, event("token.created", token.id))
        return token, digest


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        log: list[str] = []

        async def announce(kind: str, subject: str) -> None:
            log.append(subject)

        async def announced() -> list[str]:
            return log

        audit = InMemoryAuditLog()
        accounts = InMemoryAccountStore(announce, audit)
        tokens = InMemoryPersonalTokens(accounts, audit, announce)
        return Stores(accounts, tokens, audit, announced)
    pool = request.getfixturevalue("pool")
    cluster = PostgresClusterStore(pool)

    async def told() -> list[str]:
        return [entry.subject for entry in await cluster.entries_after(0)]

    return Stores(
        PostgresAccountStore(pool), PostgresPersonalTokens(pool), PostgresAuditLog(pool), told
    )


def event(kind: str, target: str) -> AuditEvent:
    return AuditEvent(
        at=NOW, kind="token.created" if kind == "token.created" else "token.revoked", target=target
    )


async def test_a_token_is_found_by_its_digest_with_the_account_as_it_is(stores: Stores) -> None:
    ann = await stores.account()
    token, digest = await stores.token(ann.id)
    bearer = await stores.tokens.bearer(digest, NOW)
    assert bearer is not None
    assert (bearer.token, bearer.account) == (token, ann)
    assert await stores.tokens.bearer(secrets.token_bytes(32), NOW) is None


async def test_a_token_is_good_until_it_expires(stores: Stores) -> None:
    ann = await stores.account()
    _, digest = await stores.token(ann.id, expires_at=NOW + 10)
    assert await stores.tokens.bearer(digest, NOW + 9) is not None
    assert await stores.tokens.bearer(digest, NOW + 10) is None


async def test_a_revoked_token_is_over_everywhere(stores: Stores) -> None:
    ann = await stores.account()
    token, digest = await stores.token(ann.id)
    revoked = event("token.revoked", token.id)
    assert await stores.tokens.revoke(token.id, ann.id, NOW, revoked)
    assert not await stores.tokens.revoke(token.id, ann.id, NOW, revoked)
    assert await stores.tokens.bearer(digest, NOW) is None
    assert await stores.tokens.of(ann.id) == ()
    assert (await stores.told()).count(token.id) == 1
    entries = await stores.audit.entries(AuditQuery(target=token.id))
    assert [entry.kind for entry in entries] == ["token.revoked", "token.created"]


async def test_a_token_is_found_again_by_its_name_as_long_as_it_is_good(stores: Stores) -> None:
    ann = await stores.account()
    token, _ = await stores.token(ann.id, expires_at=NOW + 10)
    found = await stores.tokens.still(token.id, NOW)
    assert found is not None
    assert found.account == ann
    assert await stores.tokens.still(token.id, NOW + 10) is None
    await stores.tokens.revoke(token.id, ann.id, NOW, event("token.revoked", token.id))
    assert await stores.tokens.still(token.id, NOW) is None


async def test_nobody_revokes_anothers_token_but_a_bots_owner_does(stores: Stores) -> None:
    ann, bob, bot = [await stores.account() for _ in range(3)]
    token, digest = await stores.token(bot.id, made_by=ann.id)
    assert not await stores.tokens.revoke(token.id, bob.id, NOW, event("token.revoked", token.id))
    assert await stores.tokens.bearer(digest, NOW) is not None
    assert await stores.tokens.revoke(token.id, ann.id, NOW, event("token.revoked", token.id))


async def test_the_last_use_is_known_to_the_minute(stores: Stores) -> None:
    ann = await stores.account()
    token, _ = await stores.token(ann.id)
    for at, address in ((NOW, "a"), (NOW + USED_EVERY_MS - 1, "b")):
        await stores.tokens.used(token.id, at, address)
    (found,) = await stores.tokens.of(ann.id)
    assert (found.last_used_at, found.last_address) == (NOW, "a")
    await stores.tokens.used(token.id, NOW + USED_EVERY_MS, "c")
    (found,) = await stores.tokens.of(ann.id)
    assert found == msgspec.structs.replace(
        token, last_used_at=NOW + USED_EVERY_MS, last_address="c"
    )


async def test_an_account_has_a_hundred_at_most(stores: Stores) -> None:
    ann = await stores.account()
    made = await asyncio.gather(
        *(stores.token(ann.id) for _ in range(MAX_TOKENS + 5)), return_exceptions=True
    )
    refused = [error for error in made if isinstance(error, Refused)]
    assert [error.code for error in refused] == ["limit_reached"] * 5
    assert len(await stores.tokens.of(ann.id)) == MAX_TOKENS


def test_a_tokens_text_has_one_form() -> None:
    text = text_of(secrets.token_bytes(32))
    assert digest_of(text) is not None
    for other in (text + "=", text[:-1], text + "A", f" {text}", text.replace("shp_", "shr_"), ""):
        assert digest_of(other) is None


@pytest.mark.parametrize("scopes", [[], ["account"], ["chat:read", "root"]])
def test_only_scopes_that_a_token_may_have_are_taken(scopes: list[str]) -> None:
    with pytest.raises(Refused):
        check_scopes(scopes)
    assert check_scopes(["chat:read"]) == {"chat:read"}
