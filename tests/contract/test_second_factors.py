"""Second factors, over every store of them."""

import asyncio
import secrets
from collections.abc import Callable

import pyotp
import pytest

from streamhub.config import Secret
from streamhub.domain.accounts import Account
from streamhub.domain.audit import AuditLog, AuditQuery
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.origin import Origin
from streamhub.domain.second_factors import (
    RECOVERY_CODES,
    STEP_S,
    SecondFactors,
    SecondFactorStore,
)
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.second_factors import InMemorySecondFactors
from streamhub.persistence.postgres import Pool
from streamhub.persistence.second_factors import PostgresSecondFactors

SECRET = Secret("a secret of at least thirty-two bytes")
NOW_S = 1_764_000_000
HERE = Origin("192.0.2.1")


class World:
    """A store, a clock that stands, and an app."""

    def __init__(self, store: SecondFactorStore, audit: AuditLog, pool: Pool | None) -> None:
        self.now_s = NOW_S
        self.store = store
        self.audit = audit
        self.pool = pool
        self.user = UserId(make_id(USER, 1, secrets.token_bytes(RANDOM_BYTES)))
        self.factors = SecondFactors(
            store,
            secret=SECRET,
            issuer="StreamHub",
            now_ms=lambda: self.now_s * 1000,
            random_bytes=secrets.token_bytes,
        )

    async def recorded(self) -> list[str]:
        entries = await self.audit.entries(AuditQuery(target=self.user))
        return [entry.kind for entry in reversed(entries)]

    async def enrolled(self) -> pyotp.TOTP:
        if self.pool is not None:
            account = Account(
                id=self.user,
                handle=f"u{secrets.token_hex(8)}",
                name="x",
                email=None,
                role="user",
                created_at=1,
            )
            await PostgresAccountStore(self.pool).create(account, None)
        enrolment = await self.factors.begin(self.user, "ann")
        assert enrolment is not None
        app = pyotp.parse_uri(enrolment.uri)
        assert isinstance(app, pyotp.TOTP)
        assert app.secret == enrolment.secret
        return app

    async def turned_on(self) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        app = await self.enrolled()
        codes = await self.factors.confirm(self.user, app.at(self.now_s), HERE)
        assert codes is not None
        self.now_s += 10 * STEP_S
        return app, codes

    async def takes(self, code: str) -> bool:
        return await self.factors.check(self.user, code, HERE)


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        audit = InMemoryAuditLog()
        return World(InMemorySecondFactors(audit), audit, None)
    pool: Pool = request.getfixturevalue("pool")
    return World(PostgresSecondFactors(pool), PostgresAuditLog(pool), pool)


async def test_it_is_asked_for_only_once_it_was_confirmed(world: World) -> None:
    app = await world.enrolled()
    assert not await world.factors.is_on(world.user)
    assert await world.takes("000000")
    assert await world.factors.confirm(world.user, "12345", HERE) is None
    wrong = f"{(int(app.at(NOW_S)) + 1) % 10**6:06}"
    assert await world.factors.confirm(world.user, wrong, HERE) is None
    codes = await world.factors.confirm(world.user, app.at(NOW_S), HERE)
    assert codes is not None
    assert len(set(codes)) == RECOVERY_CODES
    assert await world.factors.is_on(world.user)
    assert await world.recorded() == ["second_factor.enabled"]


async def test_one_that_is_on_cannot_be_put_in_anothers_place(world: World) -> None:
    app, _ = await world.turned_on()
    assert await world.factors.begin(world.user, "ann") is None
    code = app.at(world.now_s)
    assert await world.factors.confirm(world.user, code, HERE) is None
    assert await world.takes(code)


async def test_a_code_works_once_and_so_does_the_one_that_confirmed(world: World) -> None:
    app = await world.enrolled()
    code = app.at(world.now_s)
    assert await world.factors.confirm(world.user, code, HERE) is not None
    assert not await world.takes(code)
    world.now_s += STEP_S
    code = app.at(world.now_s)
    assert [await world.takes(code) for _ in range(2)] == [True, False]
    world.now_s += STEP_S
    older = app.at(world.now_s - STEP_S)
    assert not await world.takes(older)


async def test_of_parallel_uses_one_succeeds(world: World) -> None:
    app, codes = await world.turned_on()
    for code in (app.at(world.now_s), codes[0]):
        assert sum(await asyncio.gather(*(world.takes(code) for _ in range(30)))) == 1


@pytest.mark.parametrize(
    ("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
async def test_a_phones_clock_may_be_half_a_minute_off(
    world: World, steps: int, taken: bool
) -> None:
    app, _ = await world.turned_on()
    assert await world.takes(app.at(world.now_s + steps * STEP_S)) is taken


async def test_each_recovery_code_works_once_however_it_is_typed(world: World) -> None:
    _, codes = await world.turned_on()
    typed: list[Callable[[str], str]] = [str, str.upper, lambda c: c.replace("-", " ")]
    for code, change in zip(codes, typed, strict=False):
        assert await world.takes(change(code))
        assert not await world.takes(code)
    assert await world.store.recovery_left(world.user) == RECOVERY_CODES - 3
    assert (await world.recorded()).count("second_factor.recovery_used") == 3
    assert not await world.takes("aaaa-aaaa-aaaa-aaaa")
    assert not await world.takes("")


async def test_new_recovery_codes_end_the_old_ones(world: World) -> None:
    _, old = await world.turned_on()
    new = await world.factors.renew_recovery(world.user)
    assert not await world.takes(old[0])
    assert await world.takes(new[0])


async def test_one_users_recovery_codes_open_nobody_else(world: World) -> None:
    _, codes = await world.turned_on()
    other = World(world.store, world.audit, world.pool)
    await other.turned_on()
    assert not await other.takes(codes[0])


async def test_what_was_removed_is_asked_for_no_more(world: World) -> None:
    _, codes = await world.turned_on()
    for _ in range(2):
        await world.factors.remove(world.user, HERE)
    assert not await world.factors.is_on(world.user)
    assert await world.store.recovery_left(world.user) == 0
    assert (await world.recorded()).count("second_factor.disabled") == 1
    assert await world.factors.begin(world.user, "ann") is not None
    assert len(codes) == RECOVERY_CODES


async def test_the_store_holds_neither_secret_nor_codes(world: World) -> None:
    app, codes = await world.turned_on()
    factor = await world.store.get(world.user)
    assert factor is not None
    assert app.byte_secret() not in factor.sealed
    assert app.secret.encode() not in factor.sealed
    if world.pool is not None:
        rows = await world.pool.fetch(
            "SELECT digest FROM recovery_codes WHERE user_id = $1", world.user
        )
        assert len(rows) == RECOVERY_CODES
        assert all(codes[0].replace("-", "").encode() not in row["digest"] for row in rows)
