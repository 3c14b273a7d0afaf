"""Administration: who may do what to whom, and what remains of it, on stores in memory."""

import secrets
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest

from streamhub.config import Secret
from streamhub.domain.access import RIGHTS, ROLES, Role, Standing, check_right
from streamhub.domain.account_edits import AccountEdit, AccountQuery
from streamhub.domain.accounts import Account
from streamhub.domain.admin_accounts import AdminAccounts
from streamhub.domain.admin_changes import AccountChange, NewAccount
from streamhub.domain.admin_tokens import AdminTokens
from streamhub.domain.audit import AuditEntry, AuditQuery
from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.families import REVOKED
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.mail import MailKind
from streamhub.domain.mailed_links import MailedLinks
from streamhub.domain.one_time import OneTime
from streamhub.domain.origin import Origin
from streamhub.domain.passwords import Verified
from streamhub.domain.personal_tokens import digest_of
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.memory.one_time import InMemoryOneTimeStore
from streamhub.persistence.memory.personal_tokens import InMemoryPersonalTokens

NOW = 1_764_000_000_000
PASSWORD = "correct horse battery"
HERE = Origin("192.0.2.1", "a browser", "request1")


class PlainHasher:
    """A PasswordHasher whose hashes can be read."""

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        return Verified(password_hash == f"hash of {password}")


class NotedMails:
    """A Mailer that only takes note."""

    def __init__(self) -> None:
        self.sent: list[tuple[MailKind, str, Mapping[str, str]]] = []

    async def send(self, kind: MailKind, to: str, values: Mapping[str, str]) -> None:
        self.sent.append((kind, to, values))


class Office:
    """Administration, and accounts to try it on."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.audit = InMemoryAuditLog()
        self.mails = NotedMails()
        self.store = InMemoryAccountStore(self._announce, self.audit)
        self.tokens = InMemoryPersonalTokens(self.store, self.audit, self._announce)
        self.store.also_forget(self.tokens.forget)
        one_time = OneTime(InMemoryOneTimeStore(lambda: 0.0), Secret("s" * 32), secrets.token_bytes)
        links = MailedLinks(
            one_time, self.mails, InMemoryLimiter(lambda: 0), "https://chat.example"
        )
        self.admin = AdminAccounts(
            accounts=self.store,
            edits=self.store,
            mailer=self.mails,
            links=links,
            hasher=PlainHasher(),
            common_passwords={"password1234"},
            now_ms=lambda: NOW,
            random_bytes=secrets.token_bytes,
        )
        self.admin_tokens = AdminTokens(
            self.tokens, now_ms=lambda: NOW, random_bytes=secrets.token_bytes
        )

    async def _announce(self, kind: str, subject: str) -> None:
        self.told.append((kind, subject))

    async def account(self, role: Role = "user", **changes: object) -> Account:
        handle = f"u{secrets.token_hex(6)}"
        account = Account(
            id=UserId(make_id(USER, NOW, secrets.token_bytes(RANDOM_BYTES))),
            handle=handle,
            name="Ann",
            email=f"{handle}@example.org",
            role=role,
            created_at=NOW,
        )
        account = msgspec.structs.replace(account, **changes)
        await self.store.create(account, "hash of old")
        return account

    async def now(self, account: Account) -> Account:
        found = await self.store.account(account.id)
        assert found is not None
        return found

    async def recorded(self, account: Account) -> list[AuditEntry]:
        return list(await self.audit.entries(AuditQuery(target=account.id)))


@pytest.fixture
def office() -> Office:
    return Office()


Act = Callable[[Office, Standing | None, str], Awaitable[object]]
ACTS: dict[str, Act] = {
    "admin.user_list": lambda o, by, _: o.admin.list(by, AccountQuery()),
    "admin.user_get": lambda o, by, user: o.admin.get(by, user),
    "admin.user_create": lambda o, by, _: o.admin.create(
        by, NewAccount(handle=f"n{secrets.token_hex(6)}", name="N", password=PASSWORD), HERE
    ),
    "admin.user_update": lambda o, by, user: o.admin.update(
        by, user, AccountChange(name="New"), HERE
    ),
    "admin.user_suspend": lambda o, by, user: o.admin.suspend(by, user, "spam", HERE),
    "admin.user_activate": lambda o, by, user: o.admin.activate(by, user, HERE),
    "admin.user_delete": lambda o, by, user: o.admin.delete(by, user, HERE),
    "admin.user_reset_password": lambda o, by, user: o.admin.mail_reset(by, user, HERE),
    "admin.user_revoke_sessions": lambda o, by, user: o.admin.revoke_sessions(by, user, HERE),
}
LOOKS = {"admin.user_list", "admin.user_get", "admin.user_create"}
MODERATION = {"admin.user_suspend", "admin.user_activate"}


def test_every_operation_on_accounts_is_tried() -> None:
    assert {name for name in RIGHTS if name.startswith("admin.user_")} == set(ACTS)


async def refusal(work: Awaitable[object]) -> str | None:
    try:
        await work
    except StreamHubError as error:
        return error.code
    return None


def allowed(operation: str, by: Role, other: Role) -> bool:
    """As the issue says it, not as the code does."""
    if by == "admin":
        return True
    return by == "moderator" and operation in MODERATION and other == "user"


@pytest.mark.parametrize("operation", ACTS)
@pytest.mark.parametrize("by", ROLES)
@pytest.mark.parametrize("other", ROLES)
async def test_who_may_do_what_to_whom(
    office: Office, operation: str, by: Role, other: Role
) -> None:
    await office.account("admin")  # so that none of these is the last
    actor, target = await office.account(by), await office.account(other)
    found = await refusal(ACTS[operation](office, actor.standing, target.id))
    if allowed(operation, by, other):
        assert found is None
    else:
        assert found == "forbidden"
        assert await office.now(target) == target
        assert await office.recorded(target) == []


@pytest.mark.parametrize("operation", sorted(set(ACTS) - LOOKS))
async def test_nobody_does_it_to_themselves(office: Office, operation: str) -> None:
    await office.account("admin")
    actor = await office.account("admin")
    assert await refusal(ACTS[operation](office, actor.standing, actor.id)) == "forbidden"
    assert await office.now(actor) == actor


@pytest.mark.parametrize("operation", ACTS)
async def test_a_suspended_administrator_only_looks(office: Office, operation: str) -> None:
    actor = await office.account("admin", status="suspended")
    target = await office.account()
    found = await refusal(ACTS[operation](office, actor.standing, target.id))
    assert found == ("suspended" if RIGHTS[operation].writes else None)


@pytest.mark.parametrize("operation", ACTS)
async def test_a_token_without_the_scope_does_nothing(office: Office, operation: str) -> None:
    actor, target = await office.account("admin"), await office.account()
    weak = msgspec.structs.replace(actor.standing, scopes=frozenset({"chat:read", "chat:write"}))
    assert await refusal(ACTS[operation](office, weak, target.id)) == "forbidden"


@pytest.mark.parametrize("operation", sorted(set(ACTS) - {"admin.user_list", "admin.user_create"}))
@pytest.mark.parametrize("user", ["us_01j9zzzzzzzzzzzzzzzzzzzzzz", "ann", ""])
async def test_who_is_not_there_is_not_found(office: Office, operation: str, user: str) -> None:
    actor = await office.account("admin")
    assert await refusal(ACTS[operation](office, actor.standing, user)) == "not_found"


@pytest.mark.parametrize("operation", sorted(set(ACTS) - LOOKS))
async def test_each_change_is_recorded_with_who_did_it(office: Office, operation: str) -> None:
    actor = await office.account("admin")
    for by in (actor.standing, None):
        target = await office.account()
        if operation == "admin.user_update":
            await office.admin.update(by, target.id, AccountChange(role="moderator"), HERE)
        else:
            await ACTS[operation](office, by, target.id)
        (entry,) = await office.recorded(target)
        assert (entry.actor, entry.address, entry.request_id) == (
            by and actor.id,
            "192.0.2.1",
            "request1",
        )
        assert entry.detail.startswith("operator") == (by is None)
        for private in (target.handle, target.email, target.name):
            assert str(private) not in entry.detail


async def test_the_last_administrator_stays_one_even_for_operators(office: Office) -> None:
    ann = await office.account("admin")
    user = AccountChange(role="user")
    for work in (
        office.admin.suspend(None, ann.id, "", HERE),
        office.admin.delete(None, ann.id, HERE),
        office.admin.update(None, ann.id, user, HERE),
    ):
        assert await refusal(work) == "conflict"
    assert await office.now(ann) == ann


async def test_who_was_promoted_meanwhile_is_not_suspended(office: Office) -> None:
    """What counts is the account at the moment of the change."""
    moderator, bob = await office.account("moderator"), await office.account()
    read = office.store.account

    async def stale(user: UserId) -> Account | None:
        found = await read(user)
        await office.store.edit(bob.id, AccountEdit(role="moderator"), [])
        return found

    office.store.account = stale  # type: ignore[method-assign]
    suspending = office.admin.suspend(moderator.standing, bob.id, "", HERE)
    assert await refusal(suspending) == "forbidden"


async def test_a_suspension_says_why_and_ends(office: Office) -> None:
    admin, bob = await office.account("moderator"), await office.account()
    suspended = await office.admin.suspend(admin.standing, bob.id, "spam", HERE)
    assert (suspended.status, suspended.status_note) == ("suspended", "spam")
    check_right(suspended.standing, "message.history")
    with pytest.raises(Refused, match="suspended"):
        check_right(suspended.standing, "message.send")
    activated = await office.admin.activate(admin.standing, bob.id, HERE)
    assert activated == bob
    assert [kind for kind, subject in office.told if subject == bob.id] == ["rights_changed"] * 2


async def test_what_its_owner_closed_only_an_administrator_opens(office: Office) -> None:
    admin, moderator = await office.account("admin"), await office.account("moderator")
    bob = await office.account(status="deactivated")
    assert await refusal(office.admin.activate(moderator.standing, bob.id, HERE)) == "forbidden"
    assert await refusal(office.admin.suspend(admin.standing, bob.id, "", HERE)) == "conflict"
    opened = await office.admin.activate(admin.standing, bob.id, HERE)
    assert opened.status == "active"


async def test_a_deleted_account_stays_deleted(office: Office) -> None:
    admin, bob = await office.account("admin"), await office.account()
    await office.admin.delete(admin.standing, bob.id, HERE)
    assert (await office.admin.get(admin.standing, bob.id)).status == "deleted"
    for operation in sorted(set(ACTS) - LOOKS - {"admin.user_reset_password"}):
        found = await refusal(ACTS[operation](office, admin.standing, bob.id))
        assert found == "not_found", operation


async def test_a_new_address_is_unconfirmed_and_the_old_one_is_told(office: Office) -> None:
    admin = await office.account("admin")
    bob = await office.account(email_confirmed_at=NOW)
    change = AccountChange(email="new@example.org", handle="bobby", name=" Bob ", role="moderator")
    after = await office.admin.update(admin.standing, bob.id, change, HERE)
    assert (after.email, after.email_confirmed_at) == ("new@example.org", None)
    assert (after.handle, after.name, after.role) == ("bobby", "Bob", "moderator")
    assert [(kind, to) for kind, to, _ in office.mails.sent] == [("email_changed", bob.email)]
    assert {entry.kind for entry in await office.recorded(bob)} == {
        "account.role_changed",
        "account.handle_changed",
        "account.email_changed",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (AccountChange(handle="B b"), "bad_request"),
        (AccountChange(handle="everyone"), "conflict"),
        (AccountChange(email="no"), "bad_request"),
        (AccountChange(name="a\u202eb"), "invalid_text"),
    ],
)
async def test_a_wrong_change_is_refused(office: Office, change: AccountChange, code: str) -> None:
    admin, bob = await office.account("admin"), await office.account()
    assert await refusal(office.admin.update(admin.standing, bob.id, change, HERE)) == code
    assert await office.now(bob) == bob


async def test_an_account_is_made_with_its_role(office: Office) -> None:
    admin = await office.account("admin")
    wanted = NewAccount(handle="cid", name="Cid", role="moderator", password=PASSWORD)
    made = await office.admin.create(admin.standing, wanted, HERE)
    assert (made.role, made.email, made.status) == ("moderator", None, "active")
    found = await office.store.credentials("cid", "")
    assert found is not None
    assert found.password_hash == f"hash of {PASSWORD}"
    (entry,) = await office.recorded(made)
    assert (entry.kind, entry.actor) == ("account.created", admin.id)
    assert entry.detail == "as moderator"
    assert PASSWORD not in repr(wanted)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (NewAccount(handle="cid", name="Cid"), "bad_request"),
        (NewAccount(handle="cid", name="Cid", password="password1234"), "bad_request"),
        (NewAccount(handle="cid", name="Cid", password="short"), "bad_request"),
        (NewAccount(handle="here", name="Cid", password=PASSWORD), "conflict"),
        (NewAccount(handle="cid", name="Cid", email="no", password=PASSWORD), "bad_request"),
    ],
)
async def test_a_wrong_account_is_not_made(office: Office, wanted: NewAccount, code: str) -> None:
    assert await refusal(office.admin.create(None, wanted, HERE)) == code
    assert await office.store.credentials("cid", "") is None


async def test_a_reset_is_mailed_and_changes_nothing_yet(office: Office) -> None:
    admin, bob = await office.account("admin"), await office.account()
    await office.admin.mail_reset(admin.standing, bob.id, HERE)
    ((kind, to, values),) = office.mails.sent
    assert (kind, to) == ("password_reset", bob.email)
    assert values["link"].startswith("https://chat.example/reset#shl_")
    found = await office.store.credentials(bob.handle, "")
    assert found is not None
    assert found.password_hash == "hash of old"
    again = [await refusal(office.admin.mail_reset(None, bob.id, HERE)) for _ in range(10)]
    assert again[-1] == "rate_limited"


async def test_there_is_nobody_to_mail_a_reset_to(office: Office) -> None:
    bob = await office.account(email=None)
    assert await refusal(office.admin.mail_reset(None, bob.id, HERE)) == "conflict"


async def test_an_operator_gets_a_password_that_opens_the_account(office: Office) -> None:
    bob = await office.account()
    made = office.admin.made_up_password()
    assert len(made) >= 24
    assert made != office.admin.made_up_password()
    await office.admin.set_password(bob.id, made, HERE)
    found = await office.store.credentials(bob.handle, "")
    assert found is not None
    assert found.password_hash == f"hash of {made}"
    assert [(kind, to) for kind, to, _ in office.mails.sent] == [("password_changed", bob.email)]
    assert {entry.kind for entry in await office.recorded(bob)} == {"password.reset"}
    with pytest.raises(Refused, match="easy to guess"):
        await office.admin.set_password(bob.id, "password1234", HERE)


async def test_an_account_is_found_by_what_people_know_of_it(office: Office) -> None:
    bob = await office.account()
    for login in (bob.id, bob.handle, bob.handle.upper(), bob.email or ""):
        assert await office.admin.find(login) == bob
    with pytest.raises(Refused, match="not_found"):
        await office.admin.find("nobody")


async def test_tokens_are_made_seen_and_revoked(office: Office) -> None:
    bob, other = await office.account(), await office.account()
    made = await office.admin_tokens.create(bob, "backup", ["chat:read"], 30, HERE)
    assert made.token.expires_at == NOW + 30 * 86_400_000
    assert await office.admin_tokens.of(bob) == (made.token,)
    digest = digest_of(made.text)
    assert digest is not None
    bearer = await office.tokens.bearer(digest, NOW)
    assert bearer is not None
    assert bearer.account == bob
    with pytest.raises(Refused, match="not_found"):
        await office.admin_tokens.revoke(other, made.token.id, HERE)
    await office.admin_tokens.revoke(bob, made.token.id, HERE)
    assert (REVOKED, made.token.id) in office.told
    assert await office.tokens.bearer(digest, NOW) is None
    kinds = [(entry.kind, entry.detail) for entry in await office.recorded(bob)]
    assert kinds == [("token.revoked", "operator"), ("token.created", "operator")]


async def test_a_closed_account_gets_no_token(office: Office) -> None:
    bob = await office.account(status="deactivated")
    with pytest.raises(Refused, match="closed"):
        await office.admin_tokens.create(bob, "backup", ["chat:read"], None, HERE)
