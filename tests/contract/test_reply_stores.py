"""What every store of replies promises."""

import secrets
import time

import pytest

from streamhub.domain.errors import Refused
from streamhub.domain.ids import USER, UserId, make_id
from streamhub.domain.replies import KEPT_S, ReplyStore
from streamhub.persistence.memory.replies import InMemoryReplyStore
from streamhub.persistence.postgres import Pool
from streamhub.persistence.replies import PostgresReplyStore


@pytest.fixture(params=["memory", "postgres"])
def replies(request: pytest.FixtureRequest) -> ReplyStore:
    if request.param == "memory":
        return InMemoryReplyStore(time.monotonic)
    pool: Pool = request.getfixturevalue("pool")
    return PostgresReplyStore(pool)


@pytest.fixture
def user() -> UserId:
    return UserId(make_id(USER, 1_700_000_000_000, secrets.token_bytes(10)))


async def test_the_first_reply_is_kept_and_given_again(replies: ReplyStore, user: UserId) -> None:
    assert await replies.first(user, "k", b"body") is None
    assert await replies.keep(user, "k", b"body", b"reply") == b"reply"
    assert await replies.first(user, "k", b"body") == b"reply"


async def test_of_two_at_once_the_faster_is_kept(replies: ReplyStore, user: UserId) -> None:
    await replies.keep(user, "k", b"body", b"first")
    assert await replies.keep(user, "k", b"body", b"second") == b"first"


async def test_a_key_serves_one_command(replies: ReplyStore, user: UserId) -> None:
    await replies.keep(user, "k", b"body", b"reply")
    with pytest.raises(Refused, match="key_reused"):
        await replies.first(user, "k", b"another")
    with pytest.raises(Refused, match="key_reused"):
        await replies.keep(user, "k", b"another", b"reply")


async def test_keys_belong_to_their_user(replies: ReplyStore, user: UserId) -> None:
    await replies.keep(user, "k", b"body", b"reply")
    other = UserId(make_id(USER, 1_700_000_000_000, secrets.token_bytes(10)))
    assert await replies.first(other, "k", b"another") is None


async def test_a_day_later_the_twin_has_forgotten(user: UserId) -> None:
    now_s = [0.0]
    replies = InMemoryReplyStore(lambda: now_s[0])
    await replies.keep(user, "k", b"body", b"reply")
    now_s[0] = KEPT_S
    assert await replies.first(user, "k", b"another") is None


async def test_a_day_later_postgres_has_forgotten(pool: Pool, user: UserId) -> None:
    replies = PostgresReplyStore(pool)
    await replies.keep(user, "old", b"body", b"reply")
    await pool.execute(
        "UPDATE kept_replies SET kept_at = now() - interval '25 hours' WHERE user_id = $1", user
    )
    assert await replies.first(user, "old", b"another") is None
    assert await replies.keep(user, "old", b"another", b"new") == b"new"
