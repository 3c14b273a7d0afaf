"""One-time codes and links, over every store of them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from streamhub.config import Secret
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.one_time import (
    CODE_DIGITS,
    LIFE_S,
    MAX_TRIES,
    Offer,
    OneTime,
    OneTimeStore,
    Purpose,
)
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.memory.one_time import InMemoryOneTimeStore
from streamhub.persistence.one_time import RedisOneTimeStore
from streamhub.persistence.redis import open_redis

SECRET = Secret("a secret of at least thirty-two bytes")


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    urls: EmbeddedUrls = request.getfixturevalue("servers")
    return urls.redis


@pytest.fixture
async def store(url: str | None) -> AsyncIterator[OneTimeStore]:
    if url is None:
        yield InMemoryOneTimeStore(time.monotonic)
        return
    client = open_redis(url)
    yield RedisOneTimeStore(client)
    await client.aclose()


@pytest.fixture
def one_time(store: OneTimeStore) -> OneTime:
    return OneTime(store, SECRET, secrets.token_bytes)


@pytest.fixture
def user() -> UserId:
    return UserId(make_id(USER, 1, secrets.token_bytes(RANDOM_BYTES)))


async def offered(one_time: OneTime, user: UserId, purpose: Purpose = "sign_in") -> Offer:
    return await one_time.offer(one_time.request(), purpose, user, b"data")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


async def test_a_code_works_once_with_its_request(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    pending = await one_time.redeem_code("sign_in", offer.request, offer.code)
    assert pending is not None
    assert (pending.user, pending.purpose, pending.data) == (user, "sign_in", b"data")
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is None
    assert await one_time.redeem_link("sign_in", offer.link) is None


async def test_a_link_works_once(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    pending = await one_time.redeem_link("sign_in", offer.link)
    assert pending is not None
    assert pending.user == user
    assert await one_time.redeem_link("sign_in", offer.link) is None
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is None


async def test_a_hundred_parallel_uses_succeed_once(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    uses = (one_time.redeem_code("sign_in", offer.request, offer.code) for _ in range(100))
    assert sum(found is not None for found in await asyncio.gather(*uses)) == 1


async def test_a_code_of_another_request_is_wrong(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    assert await one_time.redeem_code("sign_in", one_time.request(), offer.code) is None
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is not None


async def test_after_five_wrong_codes_the_right_one_is_too(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    for _ in range(MAX_TRIES - 1):
        assert await one_time.redeem_code("sign_in", offer.request, wrong(offer.code)) is None
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is not None
    offer = await offered(one_time, user)
    for _ in range(MAX_TRIES):
        assert await one_time.redeem_code("sign_in", offer.request, wrong(offer.code)) is None
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is None


async def test_parallel_guesses_are_no_more_than_five(one_time: OneTime, user: UserId) -> None:
    offer = await offered(one_time, user)
    guesses = [f"{n:06}" for n in range(200) if f"{n:06}" != offer.code]
    tries = (one_time.redeem_code("sign_in", offer.request, guess) for guess in guesses)
    assert set(await asyncio.gather(*tries)) == {None}
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is None


async def test_only_the_newest_of_a_purpose_works(one_time: OneTime, user: UserId) -> None:
    old, other = await offered(one_time, user), await offered(one_time, user, "password_reset")
    new = await offered(one_time, user)
    assert await one_time.redeem_code("sign_in", old.request, old.code) is None
    assert await one_time.redeem_link("sign_in", old.link) is None
    assert await one_time.redeem_code("sign_in", new.request, new.code) is not None
    assert await one_time.redeem_link("password_reset", other.link) is not None


async def test_what_was_made_for_one_purpose_serves_no_other(
    one_time: OneTime, user: UserId
) -> None:
    offer = await offered(one_time, user)
    assert await one_time.redeem_code("password_reset", offer.request, offer.code) is None
    assert await one_time.redeem_link("email_change", offer.link) is None
    assert await one_time.redeem_link("sign_in", offer.link) is not None


async def test_one_users_requests_leave_anothers_alone(one_time: OneTime, user: UserId) -> None:
    mine = await offered(one_time, user)
    await offered(one_time, UserId(make_id(USER, 2, secrets.token_bytes(RANDOM_BYTES))))
    assert await one_time.redeem_link("sign_in", mine.link) is not None


async def test_another_secret_opens_nothing(store: OneTimeStore, user: UserId) -> None:
    offer = await offered(OneTime(store, SECRET, secrets.token_bytes), user)
    other = OneTime(store, Secret("another secret of thirty-two bytes!!"), secrets.token_bytes)
    assert await other.redeem_code("sign_in", offer.request, offer.code) is None


@pytest.mark.parametrize("text", ["", "shl_", "x" * 68, "shl_" + "é" * 64, "shl_" + "A" * 65])
async def test_what_is_no_link_is_none(one_time: OneTime, text: str) -> None:
    assert await one_time.redeem_link("sign_in", text) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "12345 "])
async def test_what_is_no_code_counts_as_no_try(one_time: OneTime, user: UserId, code: str) -> None:
    offer = await offered(one_time, user)
    for _ in range(MAX_TRIES):
        assert await one_time.redeem_code("sign_in", offer.request, code) is None
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is not None


async def test_a_request_is_over_after_ten_minutes(user: UserId) -> None:
    now = [0.0]
    one_time = OneTime(InMemoryOneTimeStore(lambda: now[0]), SECRET, secrets.token_bytes)
    offer = await offered(one_time, user)
    now[0] = LIFE_S
    assert await one_time.redeem_code("sign_in", offer.request, offer.code) is None


async def test_redis_forgets_it_then_and_holds_no_code(servers: EmbeddedUrls, user: UserId) -> None:
    client = open_redis(servers.redis)
    one_time = OneTime(RedisOneTimeStore(client), SECRET, secrets.token_bytes)
    offer = await offered(one_time, user)
    for key in (f"once:{offer.request}", f"once-newest:sign_in:{user}"):
        assert LIFE_S - 10 <= await client.ttl(key) <= LIFE_S
    held = await client.hgetall(f"once:{offer.request}")
    assert all(offer.code.encode() not in value for value in held.values())
    await client.aclose()
