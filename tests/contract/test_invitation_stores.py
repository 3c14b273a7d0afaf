"""What every store of invitations promises."""

import asyncio
import secrets
from dataclasses import dataclass

import msgspec
import pytest

from streamhub.domain.account_edits import AccountEdit, AccountEdits
from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.audit import AuditEvent, AuditKind, AuditLog, AuditQuery
from streamhub.domain.errors import Refused
from streamhub.domain.ids import INVITATION, RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.invitations import (
    MAX_INVITATIONS,
    Invitation,
    InvitationId,
    InvitationStore,
    digest_of,
    text_of,
)
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.invitations import PostgresInvitations
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.invitations import InMemoryInvitations

NOW = 1_764_000_000_000


@dataclass
class Stores:
    accounts: AccountStore
    edits: AccountEdits
    invitations: InvitationStore
    audit: AuditLog

    async def member(self) -> Account:
        account = newcomer()
        await self.accounts.create(account, None)
        return account

    async def made(
        self, by: Account, uses: int = 1, email: str | None = None
    ) -> tuple[Invitation, bytes]:
        invitation = Invitation(
            id=InvitationId(make_id(INVITATION, NOW, secrets.token_bytes(RANDOM_BYTES))),
            made_by=by.id,
            max_uses=uses,
            created_at=NOW,
            expires_at=NOW + 1000,
            email=email,
        )
        digest = secrets.token_bytes(32)
        await self.invitations.add(invitation, digest, event("invitation.created", invitation.id))
        return invitation, digest

    async def used(self, invitation: Invitation, account: Account | None = None) -> bool:
        events = [event("invitation.used", invitation.id)]
        return await self.invitations.use(invitation.id, account or newcomer(), "hash", events)

    async def events(self, target: str) -> list[str]:
        return [entry.kind for entry in await self.audit.entries(AuditQuery(target=target))]


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":

        async def announce(kind: str, subject: str) -> None:
            pass

        audit = InMemoryAuditLog()
        accounts = InMemoryAccountStore(announce, audit)
        invitations = InMemoryInvitations(accounts, audit)
        accounts.also_forget(invitations.forget)
        return Stores(accounts, accounts, invitations, audit)
    pool = request.getfixturevalue("pool")
    return Stores(
        PostgresAccountStore(pool),
        PostgresAccountEdits(pool),
        PostgresInvitations(pool),
        PostgresAuditLog(pool),
    )


def newcomer(created_at: int = NOW) -> Account:
    handle = f"u{secrets.token_hex(8)}"
    return Account(
        id=UserId(make_id(USER, NOW, secrets.token_bytes(RANDOM_BYTES))),
        handle=handle,
        name="Ann",
        email=f"{handle}@example.org",
        role="user",
        created_at=created_at,
    )


def event(kind: AuditKind, target: str) -> AuditEvent:
    return AuditEvent(at=NOW, kind=kind, target=target)


async def test_an_invitation_is_found_by_its_digest_until_it_expires(stores: Stores) -> None:
    made, digest = await stores.made(await stores.member())
    assert await stores.invitations.offered(digest, NOW + 999) == made
    assert await stores.invitations.offered(digest, NOW + 1000) is None
    assert await stores.invitations.offered(secrets.token_bytes(32), NOW) is None


async def test_of_a_hundred_at_once_one_gets_in(stores: Stores) -> None:
    made, digest = await stores.made(await stores.member())
    people = [newcomer() for _ in range(100)]
    used = await asyncio.gather(*(stores.used(made, one) for one in people))
    assert used.count(True) == 1
    there = [await stores.accounts.account(one.id) for one in people]
    assert [one is not None for one in there] == used
    assert await stores.invitations.offered(digest, NOW) is None
    assert (await stores.events(made.id)).count("invitation.used") == 1


async def test_a_use_that_came_to_nothing_is_not_counted(stores: Stores) -> None:
    ann = await stores.member()
    made, _ = await stores.made(ann)
    with pytest.raises(Refused) as refused:
        await stores.used(made, msgspec.structs.replace(newcomer(), handle=ann.handle))
    assert refused.value.code == "conflict"
    assert await stores.invitations.of(ann.id, NOW) == (made,)
    assert await stores.used(made)


async def test_what_is_too_late_or_revoked_lets_nobody_in(stores: Stores) -> None:
    ann, bob = await stores.member(), await stores.member()
    made, digest = await stores.made(ann, uses=5, email="guest@example.org")
    late = newcomer(made.expires_at)
    assert not await stores.used(made, late)
    assert await stores.accounts.account(late.id) is None
    revoked = event("invitation.revoked", made.id)
    assert not await stores.invitations.revoke(made.id, bob.id, NOW, revoked)
    assert await stores.invitations.revoke(made.id, ann.id, NOW, revoked)
    assert not await stores.invitations.revoke(made.id, ann.id, NOW, revoked)
    assert not await stores.used(made)
    assert await stores.invitations.offered(digest, NOW) is None
    assert await stores.events(made.id) == ["invitation.revoked", "invitation.created"]


@pytest.mark.parametrize("status", ["suspended", "deactivated"])
async def test_an_invitation_is_good_while_who_made_it_is_active(
    stores: Stores, status: str
) -> None:
    ann = await stores.member()
    made, digest = await stores.made(ann)
    edit = msgspec.convert({"status": status}, AccountEdit)
    await stores.edits.edit(ann.id, edit, [])
    assert await stores.invitations.offered(digest, NOW) is None
    assert not await stores.used(made)


async def test_one_lists_what_can_still_be_used(stores: Stores) -> None:
    ann, bob = await stores.member(), await stores.member()
    twice, _ = await stores.made(ann, uses=2)
    once, _ = await stores.made(ann)
    assert await stores.used(twice)
    assert await stores.used(once)
    left = msgspec.structs.replace(twice, uses=1)
    assert await stores.invitations.of(ann.id, NOW) == (left,)
    assert await stores.invitations.of(ann.id, NOW + 1000) == ()
    assert await stores.invitations.of(bob.id, NOW) == ()


async def test_one_has_a_hundred_open_ones_at_most(stores: Stores) -> None:
    ann = await stores.member()
    made = await asyncio.gather(
        *(stores.made(ann) for _ in range(MAX_INVITATIONS + 5)), return_exceptions=True
    )
    refused = [error for error in made if isinstance(error, Refused)]
    assert [error.code for error in refused] == ["limit_reached"] * 5
    assert len(await stores.invitations.of(ann.id, NOW)) == MAX_INVITATIONS


async def test_of_a_deleted_account_no_invitation_remains(stores: Stores) -> None:
    ann = await stores.member()
    made, digest = await stores.made(ann, email="guest@example.org")
    await stores.edits.delete(ann.id, event("account.deleted", ann.id))
    assert await stores.invitations.of(ann.id, NOW) == ()
    assert await stores.invitations.offered(digest, NOW) is None
    assert not await stores.used(made)


def test_an_invitations_text_has_one_form() -> None:
    text = text_of(secrets.token_bytes(32))
    assert digest_of(text) is not None
    for other in (text + "=", text[:-1], text + "A", f" {text}", text.replace("shi_", "shp_"), ""):
        assert digest_of(other) is None
