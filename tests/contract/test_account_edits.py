"""What every store that changes accounts promises. Tests share a database, so all is relative."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import pytest
from support.databases import fresh_database

from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.account_edits import (
    ANONYMOUS_NAME,
    AccountEdit,
    AccountEdits,
    AccountQuery,
    SignOut,
)
from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent, AuditLog, AuditQuery
from streamhub.domain.errors import Refused
from streamhub.domain.families import REVOKED, Family, FamilyId, FamilyStore, RefreshToken
from streamhub.domain.identities import IdentityStore, Linked
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, USER, UserId, make_id
from streamhub.domain.personal_tokens import PersonalToken, PersonalTokenStore
from streamhub.domain.presence import PRESENCE_CHANGED
from streamhub.domain.second_factors import SecondFactor, SecondFactorStore
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.families import PostgresFamilyStore
from streamhub.persistence.identities import PostgresIdentities
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.identities import InMemoryIdentities
from streamhub.persistence.memory.personal_tokens import InMemoryPersonalTokens
from streamhub.persistence.memory.second_factors import InMemorySecondFactors
from streamhub.persistence.personal_tokens import PostgresPersonalTokens
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.second_factors import PostgresSecondFactors

NOW = 1_764_000_000_000


@dataclass
class Stores:
    accounts: AccountStore
    edits: AccountEdits
    families: FamilyStore
    audit: AuditLog
    tokens: PersonalTokenStore
    second_factors: SecondFactorStore
    identities: IdentityStore
    told: Callable[[], Awaitable[list[tuple[str, str]]]]
    """The cluster log's entries since the test began."""

    async def events(self, target: str) -> list[str]:
        return [entry.kind for entry in await self.audit.entries(AuditQuery(target=target))]


def in_memory() -> Stores:
    log: list[tuple[str, str]] = []

    async def announce(kind: str, subject: str) -> None:
        log.append((kind, subject))

    async def told() -> list[tuple[str, str]]:
        return log

    audit = InMemoryAuditLog()
    memory = InMemoryAccountStore(announce, audit)
    tokens = InMemoryPersonalTokens(memory, audit, announce)
    second_factors, identities = InMemorySecondFactors(audit), InMemoryIdentities(audit)
    for companion in (tokens, second_factors, identities):
        memory.also_forget(companion.forget)
    return Stores(memory, memory, memory, audit, tokens, second_factors, identities, told)


def in_postgres(pool: Pool) -> Stores:
    cluster = PostgresClusterStore(pool)

    async def told() -> list[tuple[str, str]]:
        return [(entry.kind, entry.subject) for entry in await cluster.entries_after(0)]

    return Stores(
        PostgresAccountStore(pool),
        PostgresAccountEdits(pool),
        PostgresFamilyStore(pool),
        PostgresAuditLog(pool),
        PostgresPersonalTokens(pool),
        PostgresSecondFactors(pool),
        PostgresIdentities(pool),
        told,
    )


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    return (
        in_memory() if request.param == "memory" else in_postgres(request.getfixturevalue("pool"))
    )


def named(name: str = "Ann", *, role: str = "user", handle: str = "") -> Account:
    handle = handle or f"u{secrets.token_hex(8)}"
    return Account(
        id=UserId(make_id(USER, NOW, secrets.token_bytes(RANDOM_BYTES))),
        handle=handle,
        name=name,
        email=f"{handle}@Example.org",
        role="admin" if role == "admin" else "user",
        created_at=NOW,
    )


async def created(stores: Stores, account: Account | None = None) -> Account:
    account = account or named()
    await stores.accounts.create(account, "hash")
    return account


def event(target: str) -> AuditEvent:
    return AuditEvent(at=NOW, kind="account.role_changed", actor="us_admin", target=target)


async def family(stores: Stores, user: UserId) -> FamilyId:
    token = RefreshToken(secrets.token_bytes(16), secrets.token_bytes(32))
    id = FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES)))
    await stores.families.open(
        Family(
            id=id,
            user=user,
            selector=token.selector,
            current=token.digest,
            address="",
            opened_at=NOW,
            expires_at=NOW + 10**9,
        ),
        AuditEvent(at=NOW, kind="sign_in.succeeded"),
    )
    return id


async def test_an_edit_changes_what_it_names_and_nothing_else(stores: Stores) -> None:
    ann = await created(stores)
    edit = AccountEdit(name="Anna", time_zone="Europe/Vienna", show_reading=False)
    changed = await stores.edits.edit(ann.id, edit, [event(ann.id)])
    assert (changed.name, changed.time_zone, changed.show_reading) == (
        "Anna",
        "Europe/Vienna",
        False,
    )
    assert (changed.handle, changed.email, changed.locale) == (ann.handle, ann.email, "en")
    assert await stores.accounts.account(ann.id) == changed
    assert await stores.events(ann.id) == ["account.role_changed"]
    assert (RIGHTS_CHANGED, ann.id) not in await stores.told()


@pytest.mark.parametrize(
    "edit", [AccountEdit(role="moderator"), AccountEdit(status="suspended", status_note="spam")]
)
async def test_a_changed_role_or_status_is_told_to_all_hosts(
    stores: Stores, edit: AccountEdit
) -> None:
    ann = await created(stores)
    changed = await stores.edits.edit(ann.id, edit, [])
    assert changed != ann
    assert (await stores.told()).count((RIGHTS_CHANGED, ann.id)) == 1
    await stores.edits.edit(ann.id, edit, [])
    assert (await stores.told()).count((RIGHTS_CHANGED, ann.id)) == 1


async def test_that_somebody_hides_is_told_to_all_hosts(stores: Stores) -> None:
    ann = await created(stores)
    for shown, times in ((False, 1), (False, 1), (True, 2)):
        await stores.edits.edit(ann.id, AccountEdit(show_presence=shown), [])
        assert (await stores.told()).count((PRESENCE_CHANGED, ann.id)) == times


async def test_a_password_is_replaced_or_taken_away(stores: Stores) -> None:
    ann = await created(stores)
    for wanted in ("another", None):
        await stores.edits.edit(ann.id, AccountEdit(password_hash=wanted), [])
        found = await stores.accounts.credentials(ann.handle, "")
        assert found is not None
        assert found.password_hash == wanted
    await stores.edits.edit(ann.id, AccountEdit(name="x"), [])
    found = await stores.accounts.credentials(ann.handle, "")
    assert found is not None
    assert found.password_hash is None


@pytest.mark.parametrize("field", ["handle", "email"])
async def test_what_another_has_is_refused_and_nothing_changes(stores: Stores, field: str) -> None:
    ann, bob = await created(stores), await created(stores)
    taken = {"handle": bob.handle, "email": (bob.email or "").upper()}[field]
    edit = AccountEdit(name="new", **{field: taken})  # type: ignore[arg-type]
    with pytest.raises(Refused, match="conflict"):
        await stores.edits.edit(ann.id, edit, [event(ann.id)])
    assert await stores.accounts.account(ann.id) == ann
    assert await stores.events(ann.id) == []


async def test_signing_out_ends_all_log_ins_but_the_one_to_keep(stores: Stores) -> None:
    ann, bob = await created(stores), await created(stores)
    kept, ended, others = [await family(stores, user) for user in (ann.id, ann.id, bob.id)]
    sign_out = SignOut(now_ms=NOW, keep=kept)
    await stores.edits.edit(ann.id, AccountEdit(password_hash="new"), [], sign_out)
    assert await stores.families.signed_in(ended) is None
    assert await stores.families.signed_in(kept) is not None
    assert await stores.families.signed_in(others) is not None
    told = await stores.told()
    assert [subject in (s for k, s in told if k == REVOKED) for subject in (ended, kept)] == [
        True,
        False,
    ]
    await stores.edits.edit(ann.id, AccountEdit(), [], SignOut(now_ms=NOW))
    assert await stores.families.signed_in(kept) is None


async def test_there_is_nothing_to_change_of_who_is_not_there(stores: Stores) -> None:
    for gone in (named(), await created(stores)):
        if await stores.accounts.account(gone.id):
            await stores.edits.edit(gone.id, AccountEdit(status="deleted"), [])
        with pytest.raises(Refused, match="not_found"):
            await stores.edits.edit(gone.id, AccountEdit(name="x"), [])


async def test_what_the_check_refuses_is_not_done(stores: Stores) -> None:
    ann = await created(stores)
    seen = []

    def refuse(account: Account) -> None:
        seen.append(account)
        raise Refused("forbidden")

    with pytest.raises(Refused, match="forbidden"):
        await stores.edits.edit(ann.id, AccountEdit(name="x"), [event(ann.id)], check=refuse)
    with pytest.raises(Refused, match="forbidden"):
        await stores.edits.delete(ann.id, event(ann.id), refuse)
    assert seen == [ann, ann]
    assert await stores.accounts.account(ann.id) == ann
    assert await stores.events(ann.id) == []


async def opened(stores: Stores, account: Account) -> FamilyId:
    """Give the account everything that opens one; the personal token is returned."""
    user = account.id
    token = FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES)))
    await stores.tokens.add(
        PersonalToken(
            id=token, user=user, made_by=user, name="x", scopes=frozenset(), created_at=NOW
        ),
        secrets.token_bytes(32),
        AuditEvent(at=NOW, kind="token.created"),
    )
    await stores.second_factors.begin(SecondFactor(user=user, sealed=b"x", begun_at=NOW))
    confirmed = AuditEvent(at=NOW, kind="second_factor.enabled")
    await stores.second_factors.confirm(user, NOW, 1, [secrets.token_bytes(32)], confirmed)
    linked = Linked(issuer="https://id.example", subject=user, linked_at=NOW)
    await stores.identities.link(user, linked, AuditEvent(at=NOW, kind="identity.linked"))
    return token


async def test_of_a_deleted_account_an_id_remains_and_nothing_opens_it(stores: Stores) -> None:
    ann, bob = await created(stores), await created(stores)
    log_in, token = await family(stores, ann.id), await opened(stores, ann)
    others, its_token = await family(stores, bob.id), await opened(stores, bob)
    deleted = await stores.edits.delete(ann.id, event(ann.id))
    assert (deleted.id, deleted.name, deleted.email) == (ann.id, ANONYMOUS_NAME, None)
    assert deleted.closed
    assert await stores.accounts.account(ann.id) == deleted
    assert await stores.accounts.credentials(ann.handle, "") is None
    assert await stores.families.signed_in(log_in) is None
    assert await stores.tokens.of(ann.id) == ()
    assert await stores.second_factors.get(ann.id) is None
    assert await stores.identities.user_of("https://id.example", ann.id) is None
    assert await stores.events(ann.id) == ["account.role_changed"]
    told = await stores.told()
    assert {(REVOKED, log_in), (REVOKED, token), (RIGHTS_CHANGED, ann.id)} <= set(told)
    assert await stores.families.signed_in(others) is not None
    assert [kept.id for kept in await stores.tokens.of(bob.id)] == [its_token]
    assert await stores.second_factors.get(bob.id) is not None
    assert await stores.identities.user_of("https://id.example", bob.id) == bob.id
    again = named(handle=ann.handle)
    await stores.accounts.create(again, None)  # the handle and the address are free
    with pytest.raises(Refused, match="not_found"):
        await stores.edits.delete(ann.id, event(ann.id))


async def test_bots_are_deleted_with_their_owner(stores: Stores) -> None:
    ann = await created(stores)
    bot = msgspec.structs.replace(named(), kind="bot", owner=ann.id, email=None)
    await created(stores, bot)
    token = await opened(stores, bot)
    await stores.edits.delete(ann.id, event(ann.id))
    found = await stores.accounts.account(bot.id)
    assert found is not None
    assert (found.status, found.name) == ("deleted", ANONYMOUS_NAME)
    assert await stores.tokens.of(bot.id) == ()
    assert (REVOKED, token) in await stores.told()
    (entry,) = await stores.audit.entries(AuditQuery(target=bot.id))
    assert entry.detail == "with its owner"


async def test_accounts_are_found_page_by_page(stores: Stores) -> None:
    mark = secrets.token_hex(6)
    made = [await created(stores, named(f"N {mark} x", handle=f"{mark}{n}")) for n in range(5)]
    await stores.edits.edit(made[2].id, AccountEdit(status="suspended", role="moderator"), [])
    ids = sorted(account.id for account in made)
    seen: list[str] = []
    cursor = None
    while True:
        page = await stores.edits.accounts(AccountQuery(text=mark.upper(), limit=2, cursor=cursor))
        seen += [account.id for account in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids
    for query in (
        AccountQuery(text=mark, status="suspended"),
        AccountQuery(text=mark, role="moderator"),
        AccountQuery(text=made[2].email),
    ):
        assert [a.id for a in (await stores.edits.accounts(query)).items] == [made[2].id]
    for nobody in (AccountQuery(text=f"%{mark[1:]}"), AccountQuery(text=mark, kind="bot")):
        assert (await stores.edits.accounts(nobody)).items == ()
    with pytest.raises(Refused, match="bad_request"):
        await stores.edits.accounts(AccountQuery(cursor="no"))


async def check_last_admin(stores: Stores) -> None:
    ann = await created(stores, named(role="admin"))
    for edit in (
        AccountEdit(role="user"),
        AccountEdit(status="suspended"),
        AccountEdit(status="deleted"),
    ):
        with pytest.raises(Refused, match="last administrator"):
            await stores.edits.edit(ann.id, edit, [])
    with pytest.raises(Refused, match="last administrator"):
        await stores.edits.delete(ann.id, event(ann.id))
    bob = await created(stores, named(role="admin"))
    outcomes = await asyncio.gather(
        *(stores.edits.edit(one.id, AccountEdit(role="user"), []) for one in (ann, bob)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1


async def test_the_last_administrator_stays_one() -> None:
    await check_last_admin(in_memory())


async def test_the_last_administrator_stays_one_in_postgres(servers: EmbeddedUrls) -> None:
    async with fresh_database(servers.postgres) as url:
        pool = await open_pool(url, size=4, application_name="contract tests")
        try:
            await check_last_admin(in_postgres(pool))
        finally:
            await pool.close()
