"""Registering, signing in and out, on stores in memory and a limiter that can be told."""

import os
import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pyotp
import pytest

from streamhub.config import Secret
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.audit import AuditQuery
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.domain.families import REPEAT_MS
from streamhub.domain.ids import UserId
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.mail import MailKind
from streamhub.domain.origin import Origin
from streamhub.domain.passwords import Verified
from streamhub.domain.principals import Principals
from streamhub.domain.second_factors import SecondFactors
from streamhub.domain.sign_in import Applicant, SignIn
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import Revocations, TokenIssuer, TokenVerifier
from streamhub.persistence.admin_account import ensure_admin
from streamhub.persistence.memory.accounts import InMemoryAccountStore
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.personal_tokens import InMemoryPersonalTokens
from streamhub.persistence.memory.second_factors import InMemorySecondFactors

SECRET = Secret(secrets.token_urlsafe(32))
PASSWORD = "correct horse battery"
HOME, AWAY = "192.0.2.1", "198.51.100.9"
DAY = 86_400_000


class PlainHasher:
    """A PasswordHasher whose hashes can be read, and which counts its work."""

    def __init__(self) -> None:
        self.generation = 1
        self.work: list[str | None] = []
        self.busy = False

    async def hash(self, password: str) -> str:
        if self.busy:
            raise TryAgain("overloaded")
        return f"{self.generation}:{password}"

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        self.work.append(password_hash)
        generation, _, stored = (password_hash or "0:").partition(":")
        return Verified(
            password_hash is not None and stored == password, int(generation) < self.generation
        )


class CountingLimiter:
    """A Limiter that never gives anything back."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.away = False

    async def take(self, key: str, rate: float, burst: int) -> int:
        if self.away:
            raise TryAgain("unavailable", "The rate limits are away.", retry_after_ms=1000)
        if self.taken[key] >= burst:
            return round(1000 / rate)
        self.taken[key] += 1
        return 0


class NotedMails:
    """A Mailer that only takes note."""

    def __init__(self) -> None:
        self.sent: list[tuple[MailKind, str, Mapping[str, str]]] = []

    async def send(self, kind: MailKind, to: str, values: Mapping[str, str]) -> None:
        self.sent.append((kind, to, values))


class House:
    """Everything that signing in needs, and a clock to turn."""

    def __init__(self) -> None:
        self.now_ms = 1_764_000_000_000
        self.log: list[tuple[str, str]] = []
        self.audit = InMemoryAuditLog()
        self.mailer = NotedMails()
        self.store = InMemoryAccountStore(self._announce, self.audit)
        self.hasher = PlainHasher()
        self.limiter = CountingLimiter()
        self.revocations = Revocations(900)
        verifier = TokenVerifier(TokenKeys(SECRET), "streamhub")
        self.principals = Principals(
            verifier=verifier,
            revocations=self.revocations,
            families=self.store,
            tokens=InMemoryPersonalTokens(self.store, self.audit, self._announce),
            now_ms=lambda: self.now_ms,
        )
        self.log_ins = LogIns(
            families=self.store,
            issuer=TokenIssuer(TokenKeys(SECRET), "streamhub", 900),
            secret=SECRET,
            refresh_ttl_s=30 * 86_400,
            session_ttl_s=90 * 86_400,
            now_ms=lambda: self.now_ms,
            random_bytes=secrets.token_bytes,
        )
        self.second_factors = SecondFactors(
            InMemorySecondFactors(self.audit),
            secret=SECRET,
            issuer="StreamHub",
            now_ms=lambda: self.now_ms,
            random_bytes=secrets.token_bytes,
        )
        self.sign_in = SignIn(
            accounts=self.store,
            log_ins=self.log_ins,
            second_factors=self.second_factors,
            audit=self.audit,
            mailer=self.mailer,
            hasher=self.hasher,
            limiter=self.limiter,
            common_passwords={"password1234"},
            now_ms=lambda: self.now_ms,
            random_bytes=secrets.token_bytes,
        )

    async def _announce(self, kind: str, subject: str) -> None:
        self.log.append((kind, subject))

    async def register(self, handle: str = "ann", **changes: str) -> Grant:
        body = {
            "email": f"{handle}@example.com",
            "handle": handle,
            "name": "Ann",
            "password": PASSWORD,
        }
        return await self.sign_in.register(Applicant(**{**body, **changes}), Origin(HOME))

    async def log_in(
        self,
        login: str = "ann",
        password: str = PASSWORD,
        address: str = HOME,
        code: str | None = None,
    ) -> Grant:
        return await self.sign_in.log_in(login, password, code, Origin(address, "Firefox"))

    async def refresh(self, token: str) -> Grant:
        return await self.log_ins.refresh(token, Origin(HOME))

    async def log_out(self, token: str) -> None:
        await self.log_ins.log_out(token, Origin(HOME))

    async def recorded(self) -> list[str]:
        return [entry.kind for entry in reversed(await self.audit.entries(AuditQuery()))]


@pytest.fixture
def house() -> House:
    return House()


class Shown(NamedTuple):
    """All that a failed log-in tells."""

    code: str
    detail: str
    field: str | None
    retry_after_ms: int | None


async def refusal(house: House, login: str, given: str = "wrong", address: str = AWAY) -> Shown:
    with pytest.raises(StreamHubError) as refused:
        await house.log_in(login, given, address)
    error = refused.value
    return Shown(error.code, error.detail, error.field, error.retry_after_ms)


async def test_who_registers_is_signed_in(house: House) -> None:
    grant = await house.register()

    admitted = await house.principals.admit(grant.access_token)
    caller, account = admitted.principal, admitted.account
    assert account == grant.account
    assert (account.handle, account.email, account.role) == ("ann", "ann@example.com", "user")
    assert caller.user == account.id
    assert caller.expires_at == house.now_ms + 900_000
    assert grant.expires_in == 900


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("handle", "Ann"),
        ("email", "ann"),
        ("name", " "),
        ("password", "short"),
        ("password", "password1234"),
        ("password", "ann1234567890"),
    ],
)
async def test_what_is_wrong_is_named_and_nobody_is_registered(
    house: House, field: str, value: str
) -> None:
    with pytest.raises(Refused) as refused:
        await house.register(**{field: value})
    assert refused.value.field == field
    assert await house.store.credentials("ann", HOME) is None


async def test_a_taken_handle_email_and_a_reserved_handle_look_the_same(house: House) -> None:
    await house.register()

    shown = set()
    attempts = [("ann", "new@example.com"), ("bob", "ANN@example.com"), ("admin", "c@example.com")]
    for handle, email in attempts:
        with pytest.raises(Refused) as refused:
            await house.register(handle, email=email)
        shown.add((refused.value.code, refused.value.detail, refused.value.field))
    assert shown == {("conflict", "the handle or the e-mail address is already in use", None)}


async def test_a_log_in_is_by_handle_or_email_and_opens_a_family_of_its_own(house: House) -> None:
    first = await house.register()
    grants = [await house.log_in(login) for login in ("ann", "ANN", "ann@example.com")]

    assert {grant.account for grant in grants} == {first.account}
    families = {
        (await house.principals.principal(grant.access_token)).family for grant in [first, *grants]
    }
    assert len(families) == 4


async def test_a_failed_log_in_does_not_tell_whether_somebody_is_there(house: House) -> None:
    await house.register()

    shown = [await refusal(house, login) for login in ("ann", "ann@example.com", "bob", "", "\0")]
    assert set(shown) == {
        Shown("unauthenticated", "the login or the password is wrong", None, None)
    }
    assert await refusal(house, "ann", "\ud800") == await refusal(house, "ann", "x" * 2000)


async def test_every_failed_log_in_costs_one_verification(house: House) -> None:
    await house.register()
    for login, password in [("ann", "wrong"), ("bob", "wrong"), ("ann", "\0"), ("\ud800", "x")]:
        await refusal(house, login, password)

    assert house.hasher.work == [f"1:{PASSWORD}", None, None, None]


async def test_a_password_works_however_it_is_composed(house: House) -> None:
    await house.register(password="cafe\u0301 au lait matin")
    await house.log_in(password="caf\u00e9 au lait matin")


async def test_a_cheap_hash_is_replaced_at_the_next_log_in(house: House) -> None:
    await house.register()
    house.hasher.generation = 2
    house.hasher.busy = True
    await house.log_in()  # too busy to hash again is no reason to refuse
    house.hasher.busy = False
    await house.log_in()

    found = await house.store.credentials("ann", HOME)
    assert found is not None
    assert found.password_hash == f"2:{PASSWORD}"
    await house.log_in()


# Limits


async def test_guessing_at_one_account_is_bounded_over_all_addresses(house: House) -> None:
    await house.register()
    shown = [await refusal(house, "ann", address=f"198.51.100.{n}") for n in range(12)]

    codes = [each.code for each in shown]
    assert codes == ["unauthenticated"] * 10 + ["rate_limited"] * 2
    assert len(house.hasher.work) == 10


async def test_guessing_does_not_lock_the_owner_out(house: House) -> None:
    await house.register()
    for n in range(12):
        await refusal(house, "ann", address=f"198.51.100.{n}")

    assert (await house.log_in()).account.handle == "ann"


async def test_the_handle_and_the_email_share_one_allowance(house: House) -> None:
    await house.register()
    for _ in range(5):
        await refusal(house, "ann")
        await refusal(house, "ann@example.com")

    assert (await refusal(house, "ann")).code == "rate_limited"


async def test_an_account_that_does_not_exist_is_limited_like_one_that_does(house: House) -> None:
    await house.register()
    known = [await refusal(house, "ann") for _ in range(12)]
    unknown = [await refusal(house, "Bob" if n % 2 else "bob") for n in range(12)]
    assert known == unknown


async def test_an_address_is_limited_over_all_accounts(house: House) -> None:
    shown = [await refusal(house, f"user{n}", address=f"2001:db8::{n:x}") for n in range(101)]

    assert shown[99].code == "unauthenticated"
    assert (shown[100].code, shown[100].retry_after_ms) == ("rate_limited", 2000)


async def test_limits_hold_no_name_and_no_address_of_mail(house: House) -> None:
    await house.register()
    for login in ("ann@example.com", "carol@example.com", "carol"):
        await refusal(house, login)
    parts = [part for key in house.limiter.taken for part in key.split(":")]  # ids hold anything
    assert not [part for part in parts if "@" in part or part in ("ann", "carol")]


async def test_without_limits_nobody_logs_in_and_nobody_is_logged_out(house: House) -> None:
    grant = await house.register()
    house.limiter.away = True

    for attempt in (house.log_in(), house.register("bob")):
        with pytest.raises(TryAgain) as refused:
            await attempt
        assert (refused.value.code, refused.value.retry_after_ms) == ("unavailable", 1000)
    assert await house.principals.admit(grant.access_token)
    assert await house.refresh(grant.refresh_token)
    await house.log_out(grant.refresh_token)


# Refreshing and signing out


async def test_a_refresh_gives_new_tokens_for_the_same_family(house: House) -> None:
    grant = await house.register()
    house.now_ms += DAY
    second = await house.refresh(grant.refresh_token)

    before = TokenVerifier(TokenKeys(SECRET), "streamhub").verify(grant.access_token, 0)
    after = TokenVerifier(TokenKeys(SECRET), "streamhub").verify(second.access_token, 0)
    assert (after.user, after.family) == (before.user, before.family)
    assert after.token != before.token
    assert second.refresh_token != grant.refresh_token
    assert second.account == grant.account


async def test_a_repeated_refresh_gives_the_same_successor(house: House) -> None:
    grant = await house.register()
    first = await house.refresh(grant.refresh_token)
    house.now_ms += REPEAT_MS
    again = await house.refresh(grant.refresh_token)

    assert again.refresh_token == first.refresh_token
    assert again.access_token != first.access_token


async def test_a_stolen_token_that_is_used_late_ends_the_family(house: House) -> None:
    grant = await house.register()
    second = await house.refresh(grant.refresh_token)
    house.now_ms += REPEAT_MS + 1

    for token in (grant.refresh_token, second.refresh_token):
        with pytest.raises(Refused) as refused:
            await house.refresh(token)
        assert refused.value.code == "unauthenticated"
    family = TokenVerifier(TokenKeys(SECRET), "streamhub").verify(second.access_token, 0).family
    assert house.log == [("sessions_revoked", family)]
    with pytest.raises(Refused):
        await house.principals.admit(second.access_token)


@pytest.mark.parametrize("text", ["", "x", "shr_" + "A" * 64, "eyJhbGciOiJIUzI1NiJ9.e30.x"])
async def test_what_is_no_refresh_token_is_refused_and_revokes_nothing(
    house: House, text: str
) -> None:
    with pytest.raises(Refused) as refused:
        await house.refresh(text)
    assert refused.value.code == "unauthenticated"
    await house.log_out(text)
    assert house.log == []


async def test_tokens_work_only_where_their_kind_belongs(house: House) -> None:
    grant = await house.register()

    with pytest.raises(Refused):
        await house.principals.principal(grant.refresh_token)
    with pytest.raises(Refused):
        await house.refresh(grant.access_token)


async def test_signing_out_closes_the_gate_at_once_for_sockets_and_with_the_log_for_all(
    house: House,
) -> None:
    grant, other = await house.register(), await house.log_in()
    await house.log_out(grant.refresh_token)

    with pytest.raises(Refused):
        await house.principals.admit(grant.access_token)
    for _, subject in house.log:
        house.revocations.add(subject, house.now_ms)
    with pytest.raises(Refused) as refused:
        await house.principals.principal(grant.access_token)
    assert refused.value.code == "unauthenticated"
    assert await house.principals.admit(other.access_token)


# The first administrator


async def test_the_administrator_is_made_once_with_a_password_only_the_file_knows(
    house: House, tmp_path: Path
) -> None:
    made = await ensure_admin(house.store, house.hasher, tmp_path, lambda: house.now_ms)
    assert made.password_file == tmp_path / "admin-password"
    assert made.password_file.stat().st_mode & 0o777 == 0o600
    password = made.password_file.read_text().strip()
    assert len(password) >= 24

    assert await ensure_admin(house.store, house.hasher, tmp_path, lambda: 0) == made
    assert made.password_file.read_text().strip() == password
    assert (await house.log_in("admin", password)).account.role == "admin"
    assert os.listdir(tmp_path) == ["admin-password"]


async def test_another_data_folder_has_no_password_of_the_administrator(
    house: House, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    await ensure_admin(house.store, house.hasher, first, lambda: 0)

    assert (await ensure_admin(house.store, house.hasher, second, lambda: 0)).password_file is None
    assert not os.listdir(second)


async def test_a_start_that_was_cut_off_before_the_account_was_made_begins_anew(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "admin-password").write_text("of an account that was never made\n")
    (tmp_path / ".admin-password.new").write_text("half")

    made = await ensure_admin(house.store, house.hasher, tmp_path, lambda: 0)

    assert made.password_file is not None
    await house.log_in("admin", made.password_file.read_text().strip())


async def test_what_is_granted_does_not_show_itself(house: House) -> None:
    grant = await house.register()
    found = await house.store.credentials("ann", HOME)

    for value in (grant, grant.account, found):
        shown = f"{value!r} {value}"
        for secret in (grant.access_token, grant.refresh_token, "ann@", PASSWORD):
            assert secret not in shown


async def test_a_second_factor_is_asked_for_only_once_the_password_was_right(house: House) -> None:
    grant = await house.register()
    user = grant.account.id
    enrolment = await house.second_factors.begin(user, "ann")
    assert enrolment is not None
    app = pyotp.TOTP(enrolment.secret)
    await house.log_in()  # not asked for before it was confirmed
    codes = await house.second_factors.confirm(user, app.at(house.now_ms // 1000), Origin(HOME))
    assert codes is not None
    with pytest.raises(Refused, match="second_factor_required"):
        await house.log_in()
    assert (await refusal(house, "ann", "wrong")).code == "unauthenticated"
    with pytest.raises(Refused, match="unauthenticated"):
        await house.log_in(code="000000")
    house.now_ms += 60_000
    await house.log_in(code=app.at(house.now_ms // 1000))
    await house.log_in(code=codes[0])
    with pytest.raises(Refused, match="unauthenticated"):
        await house.log_in(code=codes[0])
    assert (await house.recorded()).count("second_factor.recovery_used") == 1


async def test_guessing_at_a_second_factor_is_bounded(house: House) -> None:
    grant = await house.register()
    enrolment = await house.second_factors.begin(grant.account.id, "ann")
    assert enrolment is not None
    code = pyotp.TOTP(enrolment.secret).at(house.now_ms // 1000)
    await house.second_factors.confirm(grant.account.id, code, Origin(HOME))
    refused = []
    for guess in range(20):
        with pytest.raises(StreamHubError) as error:
            await house.log_in(code=f"{guess:06}", address=f"198.51.100.{guess}")
        refused.append(error.value.code)
    assert set(refused[10:]) == {"rate_limited"}


async def test_the_owner_is_told_of_a_log_in_from_a_new_address(house: House) -> None:
    await house.register()
    await house.log_in()
    assert house.mailer.sent == []
    await house.log_in(address=AWAY)
    ((kind, to, values),) = house.mailer.sent
    assert (kind, to) == ("signed_in", "ann@example.com")
    assert (values["address"], values["client"]) == (AWAY, "Firefox")
    await house.log_in(address=AWAY)
    assert len(house.mailer.sent) == 1


async def test_signing_in_and_out_is_recorded_with_where_it_came_from(house: House) -> None:
    grant = await house.register()
    with pytest.raises(Refused):
        await house.log_in(password="wrong", address=AWAY)
    with pytest.raises(Refused):
        await house.log_in(login="nobody", address=AWAY)
    await house.log_out(grant.refresh_token)
    assert await house.recorded() == [
        "account.registered",
        "sign_in.succeeded",
        "sign_in.failed",
        "sign_in.failed",
        "sign_out",
    ]
    failed = await house.audit.entries(AuditQuery(kind="sign_in.failed"))
    assert [(entry.target, entry.address) for entry in failed] == [
        (None, AWAY),
        (grant.account.id, AWAY),
    ]


async def test_a_log_in_knows_its_client_and_its_last_use_and_its_owner_ends_it(
    house: House,
) -> None:
    first = await house.register()
    await house.log_in()
    house.now_ms += 1000
    await house.refresh(first.refresh_token)
    user = first.account.id
    registered, logged_in = sorted(await house.log_ins.of(user), key=lambda one: one.client)
    assert (registered.client, logged_in.client) == ("", "Firefox")
    assert (registered.last_used_at, registered.last_address) == (house.now_ms, HOME)
    with pytest.raises(Refused, match="not_found"):
        await house.log_ins.end(UserId("us_other"), logged_in.id, Origin(HOME))
    await house.log_ins.end(user, logged_in.id, Origin(HOME))
    assert [family.id for family in await house.log_ins.of(user)] == [registered.id]


async def test_nobody_signs_in_to_a_closed_account(house: House) -> None:
    grant = await house.register()
    shown = await refusal(house, "nobody")
    await house.store.edit(grant.account.id, AccountEdit(status="deactivated"), [])
    assert await refusal(house, "ann", PASSWORD) == shown
    with pytest.raises(Refused, match="unauthenticated"):
        await house.refresh(grant.refresh_token)
