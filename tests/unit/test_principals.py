"""For whom a token acts, and how soon changes count."""

import secrets

import pytest

from streamhub.config import Secret
from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.account_edits import AccountEdit, SignOut
from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditEvent
from streamhub.domain.errors import Refused
from streamhub.domain.families import Family, FamilyId, RefreshToken
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, USER, UserId, make_id
from streamhub.domain.personal_tokens import PersonalToken, digest_of, text_of
from streamhub.domain.principals import KEEP_MS, Principals
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import Revocations, TokenIssuer, TokenVerifier
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.personal_tokens import InMemoryPersonalTokens

SECRET = Secret("a secret of at least thirty-two bytes")
NOW = 1_764_000_000_000
EVENT = AuditEvent(at=NOW, kind="token.created")


class CountingStore(InMemoryAccountStore):
    """Counts how often it is asked."""

    def __init__(self, house: "House") -> None:
        super().__init__(house.announce)
        self.asked = 0
        self.meanwhile: list[tuple[str, str]] = []
        self._house = house

    async def signed_in(self, family: FamilyId) -> Account | None:
        self.asked += 1
        found = await super().signed_in(family)
        for _, subject in self.meanwhile:
            self._house.principals.changed(subject)
        return found


class House:
    """A host's principals, over stores in memory."""

    def __init__(self) -> None:
        self.now_ms = NOW
        self.delayed: list[tuple[str, str]] | None = None
        self.accounts = CountingStore(self)
        self.tokens = InMemoryPersonalTokens(self.accounts, InMemoryAuditLog(), self.announce)
        self.issuer = TokenIssuer(TokenKeys(SECRET), "streamhub", 900)
        self.revocations = Revocations(900)
        self.principals = Principals(
            verifier=TokenVerifier(TokenKeys(SECRET), "streamhub"),
            revocations=self.revocations,
            families=self.accounts,
            tokens=self.tokens,
            now_ms=lambda: self.now_ms,
        )

    async def announce(self, kind: str, subject: str) -> None:
        """The cluster log, which this host reads at once, unless `delayed`."""
        if self.delayed is not None:
            self.delayed.append((kind, subject))
            return
        if kind != RIGHTS_CHANGED:
            self.revocations.add(subject, self.now_ms)
        self.principals.changed(subject)

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

    async def signed_in(self, user: UserId) -> str:
        token = RefreshToken(secrets.token_bytes(16), secrets.token_bytes(32))
        family = FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES)))
        await self.accounts.open(
            Family(
                id=family,
                user=user,
                selector=token.selector,
                current=token.digest,
                address="",
                opened_at=NOW,
                expires_at=NOW + 10**9,
            ),
            EVENT,
        )
        return self.issuer.issue(user, family, NOW, secrets.token_bytes(RANDOM_BYTES))

    async def personal(self, user: UserId, expires_at: int | None = None) -> tuple[str, FamilyId]:
        text = text_of(secrets.token_bytes(32))
        digest = digest_of(text)
        assert digest is not None
        token = PersonalToken(
            id=FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES))),
            user=user,
            made_by=user,
            name="CI",
            scopes=frozenset({"chat:read"}),
            created_at=NOW,
            expires_at=expires_at,
        )
        await self.tokens.add(token, digest, EVENT)
        return text, token.id

    async def refuses(self, bearer: str) -> bool:
        try:
            await self.principals.principal(bearer)
        except Refused:
            return True
        return False


async def test_the_store_is_asked_once_until_there_are_news() -> None:
    house = House()
    ann = await house.account()
    bearer = await house.signed_in(ann.id)
    for _ in range(3):
        principal = await house.principals.principal(bearer)
        assert (principal.user, principal.standing.role) == (ann.id, "user")
    assert house.accounts.asked == 1
    await house.accounts.edit(ann.id, AccountEdit(role="moderator"), [])
    assert (await house.principals.principal(bearer)).standing.role == "moderator"
    assert house.accounts.asked == 2


async def test_news_of_others_leave_what_is_kept_alone() -> None:
    house = House()
    ann, bob = await house.account(), await house.account()
    bearer = await house.signed_in(ann.id)
    await house.principals.principal(bearer)
    await house.accounts.edit(bob.id, AccountEdit(role="moderator"), [])
    await house.principals.principal(bearer)
    assert house.accounts.asked == 1


async def test_what_changed_while_the_store_was_read_is_not_kept() -> None:
    house = House()
    ann = await house.account()
    bearer = await house.signed_in(ann.id)
    house.accounts.meanwhile = [(RIGHTS_CHANGED, ann.id)]
    await house.principals.principal(bearer)
    house.accounts.meanwhile = []
    await house.principals.principal(bearer)
    assert house.accounts.asked == 2


async def test_without_news_what_is_kept_counts_for_a_minute() -> None:
    house = House()
    ann = await house.account()
    bearer = await house.signed_in(ann.id)
    await house.principals.principal(bearer)
    house.delayed = []
    await house.accounts.edit(ann.id, AccountEdit(role="moderator"), [])
    house.now_ms += KEEP_MS - 1
    assert (await house.principals.principal(bearer)).standing.role == "user"
    house.now_ms += 1
    assert (await house.principals.principal(bearer)).standing.role == "moderator"


@pytest.mark.parametrize("status", ["deactivated", "deleted"])
async def test_nobody_acts_for_a_closed_account(status: str) -> None:
    house = House()
    ann = await house.account()
    bearers = [await house.signed_in(ann.id), (await house.personal(ann.id))[0]]
    for bearer in bearers:
        await house.principals.principal(bearer)
    edit = AccountEdit(status="deleted" if status == "deleted" else "deactivated")
    await house.accounts.edit(ann.id, edit, [])
    for bearer in bearers:
        assert await house.refuses(bearer)
        with pytest.raises(Refused, match="unauthenticated"):
            await house.principals.admit(bearer)


async def test_a_log_in_that_ended_acts_for_nobody() -> None:
    house = House()
    ann = await house.account()
    bearer, other = await house.signed_in(ann.id), await house.signed_in(ann.id)
    kept = (await house.principals.principal(other)).family
    await house.principals.principal(bearer)
    await house.accounts.edit(ann.id, AccountEdit(), [], SignOut(now_ms=NOW, keep=kept))
    assert await house.refuses(bearer)
    assert not await house.refuses(other)


async def test_a_personal_token_acts_within_its_scopes_until_it_expires() -> None:
    house = House()
    ann = await house.account()
    bearer, token = await house.personal(ann.id, expires_at=NOW + 100)
    principal = await house.principals.principal(bearer, "192.0.2.1")
    assert (principal.user, principal.family) == (ann.id, token)
    assert principal.standing.scopes == frozenset({"chat:read"})
    (known,) = await house.tokens.of(ann.id)
    assert (known.last_used_at, known.last_address) == (NOW, "192.0.2.1")
    house.now_ms += 100
    assert await house.refuses(bearer)


async def test_a_revoked_personal_token_acts_for_nobody() -> None:
    house = House()
    ann = await house.account()
    bearer, token = await house.personal(ann.id)
    await house.principals.principal(bearer)
    assert await house.tokens.revoke(token, ann.id, NOW, EVENT)
    assert await house.refuses(bearer)


@pytest.mark.parametrize("bearer", ["", "shp_", "shp_" + "A" * 43, "shp_" + "é" * 43, "x.y.z"])
async def test_what_is_no_token_acts_for_nobody(bearer: str) -> None:
    assert await House().refuses(bearer)


async def test_a_socket_learns_what_it_may_do_by_now() -> None:
    house = House()
    ann = await house.account()
    admitted = await house.principals.admit(await house.signed_in(ann.id))
    assert admitted.account == ann
    await house.accounts.edit(ann.id, AccountEdit(status="suspended"), [])
    renewed = await house.principals.renewed(admitted.principal)
    assert renewed.standing.status == "suspended"
    await house.accounts.edit(ann.id, AccountEdit(status="deactivated"), [])
    with pytest.raises(Refused, match="unauthenticated"):
        await house.principals.renewed(admitted.principal)


async def test_a_socket_that_acts_by_a_token_learns_it_too() -> None:
    house = House()
    ann = await house.account()
    bearer, token = await house.personal(ann.id)
    admitted = await house.principals.admit(bearer)
    await house.accounts.edit(ann.id, AccountEdit(status="suspended"), [])
    renewed = await house.principals.renewed(admitted.principal)
    assert (renewed.standing.status, renewed.standing.scopes) == (
        "suspended",
        frozenset({"chat:read"}),
    )
    await house.tokens.revoke(token, ann.id, NOW, EVENT)
    with pytest.raises(Refused, match="unauthenticated"):
        await house.principals.renewed(renewed)
