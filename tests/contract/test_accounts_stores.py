"""What every store of accounts and token families promises."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused
from streamhub.domain.families import (
    REPEAT_MS,
    REVOKED,
    Family,
    FamilyId,
    FamilyStore,
    Refreshed,
    RefreshToken,
    Use,
)
from streamhub.domain.ids import TOKEN, USER, UserId, make_id
from streamhub.domain.people import People, Person
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.families import PostgresFamilyStore
from streamhub.persistence.memory.accounts import InMemoryAccountStore

KEY = secrets.token_bytes(32)
NOW = 1_764_000_000_000
DAY = 86_400_000


@dataclass
class Stores:
    accounts: AccountStore
    people: People
    families: FamilyStore
    revoked: Callable[[], Awaitable[list[str]]]
    """What the cluster log says was revoked since the test began."""


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        log: list[tuple[str, str]] = []

        async def announce(kind: str, subject: str) -> None:
            log.append((kind, subject))

        async def announced() -> list[str]:
            return [subject for kind, subject in log if kind == REVOKED]

        memory = InMemoryAccountStore(announce)
        return Stores(memory, memory, memory, announced)
    pool = request.getfixturevalue("pool")
    cluster = PostgresClusterStore(pool)

    async def logged() -> list[str]:
        return [entry.subject for entry in await cluster.entries_after(0) if entry.kind == REVOKED]

    accounts = PostgresAccountStore(pool)
    return Stores(accounts, accounts, PostgresFamilyStore(pool), logged)


def account(handle: str = "", email: str | None = None, role: str = "user") -> Account:
    handle = handle or f"u{secrets.token_hex(8)}"
    user = UserId(make_id(USER, NOW, secrets.token_bytes(10)))
    return Account(
        id=user,
        handle=handle,
        name="Änn 👩\u200d🚀",
        email=email or f"{handle}@example.com",
        role="admin" if role == "admin" else "user",
        created_at=NOW,
    )


def first_token() -> RefreshToken:
    return RefreshToken(secrets.token_bytes(16), secrets.token_bytes(32))


def family(user: UserId, token: RefreshToken, *, address: str = "", days: int = 30) -> Family:
    return Family(
        id=FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(10))),
        user=user,
        selector=token.selector,
        current=token.digest,
        address=address,
        opened_at=NOW,
        expires_at=NOW + days * DAY,
    )


def opening() -> AuditEvent:
    return AuditEvent(at=NOW, kind="sign_in.succeeded")


def signed_out(at: int = NOW) -> AuditEvent:
    return AuditEvent(at=at, kind="sign_out")


def use(at: int, reused: str | None = None) -> Use:
    event = AuditEvent(at=at, kind="refresh.reused", target=reused)
    return Use(
        now_ms=at, expires_at=at + 30 * DAY, longest_ms=90 * DAY, address="192.0.2.7", reused=event
    )


class SignedIn:
    """An account with one open family."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.account = account()
        self.token = first_token()
        self.family = family(self.account.id, self.token)

    async def open(self) -> "SignedIn":
        await self.stores.accounts.create(self.account, "hash")
        await self.stores.families.open(self.family, opening())
        return self

    async def refresh(self, token: RefreshToken, at: int = NOW) -> Refreshed | None:
        return await self.stores.families.refresh(token, [token.successor(KEY).digest], use(at))


@pytest.fixture
async def signed_in(stores: Stores) -> SignedIn:
    return await SignedIn(stores).open()


async def test_an_account_comes_back_as_it_was_stored(stores: Stores) -> None:
    ann = account(role="admin")
    await stores.accounts.create(ann, "hash")

    assert await stores.accounts.account(ann.id) == ann
    assert await stores.accounts.account(UserId("us_nobody")) is None


async def test_somebody_signs_in_by_handle_or_email_in_any_case(stores: Stores) -> None:
    ann = account(email=f"Ann.{secrets.token_hex(4)}@Example.com")
    assert ann.email
    await stores.accounts.create(ann, "hash")

    for login in (ann.handle, ann.handle.upper(), ann.email, ann.email.lower()):
        found = await stores.accounts.credentials(login, "192.0.2.1")
        assert found is not None
        assert (found.account, found.password_hash) == (ann, "hash")
    assert await stores.accounts.credentials(f"{ann.handle}x", "192.0.2.1") is None
    assert await stores.accounts.credentials("", "192.0.2.1") is None


async def test_a_handle_and_an_email_belong_to_one_account_in_any_case(stores: Stores) -> None:
    ann = account()
    await stores.accounts.create(ann, "hash")
    assert ann.email

    refusals = []
    for second in (account(ann.handle, "other@example.com"), account("", ann.email.upper())):
        with pytest.raises(Refused) as refused:
            await stores.accounts.create(second, "other")
        refusals.append((refused.value.code, refused.value.detail, refused.value.field))
        assert await stores.accounts.account(second.id) is None

    assert refusals[0] == refusals[1]
    assert refusals[0][0] == "conflict"


async def test_accounts_without_an_email_do_not_clash(stores: Stores) -> None:
    for _ in range(2):
        someone = account()
        nobody = Account(
            id=someone.id, handle=someone.handle, name="x", email=None, role="user", created_at=NOW
        )
        await stores.accounts.create(nobody, "hash")
        assert await stores.accounts.account(nobody.id) == nobody


async def test_of_parallel_registrations_of_one_handle_one_wins(stores: Stores) -> None:
    handle = account().handle
    results = await asyncio.gather(
        *(
            stores.accounts.create(account(handle, f"{n}{handle}@example.com"), "hash")
            for n in range(8)
        ),
        return_exceptions=True,
    )

    assert sorted(isinstance(result, Refused) for result in results) == [False, *[True] * 7]


async def test_a_hash_is_replaced_only_while_it_is_the_old_one(stores: Stores) -> None:
    ann = account()
    await stores.accounts.create(ann, "one")
    await stores.accounts.replace_hash(ann.id, "one", "two")
    await stores.accounts.replace_hash(ann.id, "one", "three")

    found = await stores.accounts.credentials(ann.handle, "")
    assert found is not None
    assert found.password_hash == "two"


async def test_people_are_found_by_id_and_handle_and_strangers_left_out(stores: Stores) -> None:
    ann = account()
    await stores.accounts.create(ann, "hash")
    person = Person(id=ann.id, handle=ann.handle, name=ann.name)

    assert await stores.people.by_ids([ann.id, UserId("us_nobody")]) == {ann.id: person}
    assert await stores.people.by_handles([ann.handle, "nobody"]) == {ann.handle: person}
    assert await stores.people.by_ids([]) == await stores.people.by_handles([]) == {}


async def test_an_address_is_known_once_somebody_signed_in_from_it(stores: Stores) -> None:
    ann = account()
    await stores.accounts.create(ann, "hash")
    await stores.families.open(family(ann.id, first_token(), address="192.0.2.1"), opening())

    known = {}
    for address in ("192.0.2.1", "192.0.2.2"):
        found = await stores.accounts.credentials(ann.handle, address)
        assert found is not None
        known[address] = found.known_address
    assert known == {"192.0.2.1": True, "192.0.2.2": False}


async def test_a_refresh_gives_the_account_and_uses_the_token_up(signed_in: SignedIn) -> None:
    second = signed_in.token.successor(KEY)

    assert await signed_in.refresh(signed_in.token) == Refreshed(
        family=signed_in.family.id, account=signed_in.account, current=second.digest
    )
    assert await signed_in.refresh(second) is not None
    assert await signed_in.refresh(second.successor(KEY)) is not None


async def test_the_newest_used_token_may_be_repeated_for_ten_seconds(signed_in: SignedIn) -> None:
    await signed_in.refresh(signed_in.token)

    assert await signed_in.refresh(signed_in.token, NOW + REPEAT_MS) is not None
    assert await signed_in.refresh(signed_in.token.successor(KEY), NOW + REPEAT_MS) is not None


async def test_a_family_ends_at_last_however_often_it_is_refreshed(signed_in: SignedIn) -> None:
    token, at = signed_in.token, NOW
    while at < NOW + 90 * DAY:
        assert await signed_in.refresh(token, at) is not None
        token, at = token.successor(KEY), at + 29 * DAY
    assert await signed_in.refresh(token, NOW + 90 * DAY) is None
    assert await signed_in.refresh(token, NOW + 90 * DAY - 1) is not None


async def test_a_repeat_that_comes_too_late_revokes_the_family(signed_in: SignedIn) -> None:
    await signed_in.refresh(signed_in.token)

    assert await signed_in.refresh(signed_in.token, NOW + REPEAT_MS + 1) is None
    assert await signed_in.refresh(signed_in.token.successor(KEY), NOW) is None


async def test_an_older_generation_revokes_the_family_and_tells_the_cluster(
    signed_in: SignedIn,
) -> None:
    second = signed_in.token.successor(KEY)
    await signed_in.refresh(signed_in.token)
    await signed_in.refresh(second)
    assert signed_in.family.id not in await signed_in.stores.revoked()

    assert await signed_in.refresh(signed_in.token) is None

    families = signed_in.stores.families
    assert (await signed_in.stores.revoked()).count(signed_in.family.id) == 1
    assert await signed_in.refresh(second.successor(KEY)) is None
    assert await families.signed_in(signed_in.family.id) is None
    assert signed_in.family.id in await families.revoked_since(NOW)
    assert (await signed_in.stores.revoked()).count(signed_in.family.id) == 1


async def test_a_forged_secret_under_a_known_selector_gets_nothing(signed_in: SignedIn) -> None:
    forged = RefreshToken(signed_in.token.selector, secrets.token_bytes(32))
    assert await signed_in.refresh(forged) is None


async def test_an_unknown_token_is_refused_and_revokes_nobody(signed_in: SignedIn) -> None:
    assert await signed_in.refresh(first_token()) is None
    assert await signed_in.stores.families.revoke(first_token(), signed_out()) is None
    assert await signed_in.refresh(signed_in.token) is not None


async def test_a_hundred_parallel_refreshes_leave_one_live_token(signed_in: SignedIn) -> None:
    results = await asyncio.gather(*(signed_in.refresh(signed_in.token) for _ in range(100)))

    assert all(results)
    assert await signed_in.refresh(signed_in.token.successor(KEY)) is not None
    assert await signed_in.stores.families.signed_in(signed_in.family.id) == signed_in.account


async def test_a_refresh_extends_a_family_and_an_expired_one_is_over(signed_in: SignedIn) -> None:
    end = signed_in.family.expires_at
    assert await signed_in.refresh(signed_in.token, end - 1) is not None

    second = signed_in.token.successor(KEY)
    assert await signed_in.refresh(second, end - 1 + 30 * DAY) is None
    assert signed_in.family.id not in await signed_in.stores.revoked()
    assert await signed_in.refresh(second, end - 2 + 30 * DAY) is not None


async def test_signing_out_ends_the_family_by_any_of_its_tokens(signed_in: SignedIn) -> None:
    families = signed_in.stores.families
    assert await families.signed_in(signed_in.family.id) == signed_in.account
    await signed_in.refresh(signed_in.token)

    assert await families.revoke(signed_in.token, signed_out(NOW + 1)) == signed_in.family.id

    assert await families.signed_in(signed_in.family.id) is None
    assert await signed_in.refresh(signed_in.token.successor(KEY), NOW + 2) is None
    assert signed_in.family.id in await signed_in.stores.revoked()


async def test_signing_out_again_tells_the_cluster_again_and_keeps_the_moment(
    signed_in: SignedIn,
) -> None:
    families = signed_in.stores.families
    await families.revoke(signed_in.token, signed_out(NOW + 1))
    assert await families.revoke(signed_in.token, signed_out(NOW + 2)) == signed_in.family.id

    assert (await signed_in.stores.revoked()).count(signed_in.family.id) == 2
    assert signed_in.family.id in await families.revoked_since(NOW + 1)
    assert signed_in.family.id not in await families.revoked_since(NOW + 2)


async def test_signing_out_touches_no_other_device(signed_in: SignedIn) -> None:
    other = first_token()
    await signed_in.stores.families.open(family(signed_in.account.id, other), opening())
    await signed_in.stores.families.revoke(signed_in.token, signed_out(NOW))

    assert await signed_in.refresh(other) is not None


async def test_opening_a_family_drops_the_users_expired_ones(stores: Stores) -> None:
    ann = account()
    await stores.accounts.create(ann, "hash")
    old = first_token()
    await stores.families.open(family(ann.id, old, address="192.0.2.9", days=-1), opening())
    await stores.families.open(family(ann.id, first_token()), opening())

    assert await stores.families.revoke(old, signed_out(NOW)) is None
    found = await stores.accounts.credentials(ann.handle, "192.0.2.9")
    assert found is not None
    assert not found.known_address


async def test_an_unknown_family_is_nobodys(stores: Stores) -> None:
    assert await stores.families.signed_in(FamilyId("tk_none")) is None
