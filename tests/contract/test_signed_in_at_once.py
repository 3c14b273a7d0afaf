"""Many who open sockets at the same moment share a read, and each is told apart."""

import asyncio
import secrets

import pytest

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent
from streamhub.domain.families import Family, FamilyId, FamilyStore, RefreshToken
from streamhub.domain.ids import TOKEN, USER, UserId, make_id
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.families import PostgresFamilyStore
from streamhub.persistence.memory.accounts import InMemoryAccountStore

NOW = 1_764_000_000_000

Stores = tuple[AccountStore, FamilyStore]


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":

        async def announce(kind: str, subject: str) -> None:
            pass

        memory = InMemoryAccountStore(announce)
        return memory, memory
    pool = request.getfixturevalue("pool")
    return PostgresAccountStore(pool), PostgresFamilyStore(pool)


async def sign_in(stores: Stores) -> tuple[Account, FamilyId, RefreshToken]:
    accounts, families = stores
    handle = f"u{secrets.token_hex(8)}"
    user = UserId(make_id(USER, NOW, secrets.token_bytes(10)))
    account = Account(id=user, handle=handle, name="Ann", email=None, role="user", created_at=NOW)
    await accounts.create(account, "hash")
    token = RefreshToken(secrets.token_bytes(16), secrets.token_bytes(32))
    family = Family(
        id=FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(10))),
        user=user,
        selector=token.selector,
        current=token.digest,
        address="",
        opened_at=NOW,
        expires_at=NOW + 86_400_000,
    )
    await families.open(family, AuditEvent(at=NOW, kind="sign_in.succeeded"))
    return account, family.id, token


async def test_many_who_come_at_once_are_each_told_apart(stores: Stores) -> None:
    _, families = stores
    everybody = [await sign_in(stores) for _ in range(5)]
    await families.revoke(everybody[2][2], AuditEvent(at=NOW, kind="sign_out"))

    asked = [family for _, family, _ in everybody] + [FamilyId("to_nobody")]
    found = await asyncio.gather(*(families.signed_in(family) for family in asked * 50))

    told = [account for account, _, _ in everybody]
    assert found == [*told[:2], None, *told[3:], None] * 50
