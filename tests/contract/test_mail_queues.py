"""What every queue of mails promises. Tests share a database; each begins with an empty queue."""

import asyncio
import secrets

import pytest

from streamhub.config import Secret
from streamhub.domain.mail import CLAIM_MS, Mail, MailQueue
from streamhub.domain.sealing import Sealer
from streamhub.persistence.mail import PostgresMailQueue
from streamhub.persistence.memory.mail import InMemoryMailQueue
from streamhub.persistence.postgres import Pool

NOW = 1_764_000_000_000
SECRET = Secret("a secret of at least thirty-two bytes")


@pytest.fixture(params=["memory", "postgres"])
def queue(request: pytest.FixtureRequest) -> MailQueue:
    if request.param == "memory":
        return InMemoryMailQueue()
    sealer = Sealer(SECRET, "mail", secrets.token_bytes)
    return PostgresMailQueue(request.getfixturevalue("pool"), sealer)


@pytest.fixture(autouse=True)
async def emptied(queue: MailQueue) -> None:
    await queue.forget_before(2 * NOW)


def mail(at: int = NOW, to: str = "ann@example.org") -> Mail:
    return Mail(
        id=f"tk_{secrets.token_hex(8)}",
        kind="sign_in",
        to=to,
        subject="Your code",
        text="It is 123456",
        html="<p>It is 123456</p>",
        queued_at=at,
    )


async def test_what_is_due_is_claimed_once_the_oldest_first(queue: MailQueue) -> None:
    mails = [mail(NOW + n) for n in range(3)]
    for one in reversed(mails):
        await queue.put(one)
    assert await queue.claim(NOW - 1, 10) == ()
    first = await queue.claim(NOW + 5, 2)
    assert [queued.mail for queued in first] == mails[:2]
    assert [queued.mail for queued in await queue.claim(NOW + 5, 10)] == mails[2:]
    assert await queue.claim(NOW + 5, 10) == ()


async def test_of_many_who_claim_each_mail_goes_to_one(queue: MailQueue) -> None:
    for _ in range(20):
        await queue.put(mail())
    claims = await asyncio.gather(*(queue.claim(NOW, 3) for _ in range(20)))
    claimed = [queued.mail.id for claim in claims for queued in claim]
    assert len(claimed) == len(set(claimed)) == 20


async def test_what_was_sent_is_forgotten(queue: MailQueue) -> None:
    await queue.put(one := mail())
    await queue.claim(NOW, 1)
    await queue.sent(one.id)
    assert await queue.kept(10) == ()
    assert await queue.claim(NOW + CLAIM_MS, 10) == ()


async def test_a_mail_whose_host_is_gone_is_claimed_by_another(queue: MailQueue) -> None:
    await queue.put(mail())
    await queue.claim(NOW, 1)
    assert await queue.claim(NOW + CLAIM_MS - 1, 1) == ()
    (again,) = await queue.claim(NOW + CLAIM_MS, 1)
    assert again.tries == 1


async def test_a_mail_that_was_put_off_comes_again_in_time(queue: MailQueue) -> None:
    await queue.put(one := mail())
    await queue.claim(NOW, 1)
    await queue.put_off(one.id, "the server is busy", NOW + 10)
    (kept,) = await queue.kept(10)
    assert (kept.mail, kept.tries, kept.problem) == (one, 1, "the server is busy")
    assert await queue.claim(NOW + 9, 1) == ()
    assert [queued.mail for queued in await queue.claim(NOW + 10, 1)] == [one]


async def test_a_mail_that_was_given_up_is_only_kept(queue: MailQueue) -> None:
    await queue.put(one := mail())
    await queue.claim(NOW, 1)
    await queue.put_off(one.id, "there is no such address", None)
    assert await queue.claim(NOW + 10**12, 1) == ()
    assert [kept.mail for kept in await queue.kept(10)] == [one]


async def test_the_newest_are_shown_first_and_the_old_are_forgotten(queue: MailQueue) -> None:
    old, new = mail(NOW), mail(NOW + 1)
    await queue.put(new)
    await queue.put(old)
    assert [kept.mail for kept in await queue.kept(10)] == [new, old]
    assert [kept.mail for kept in await queue.kept(1)] == [new]
    await queue.forget_before(NOW + 1)
    assert [kept.mail for kept in await queue.kept(10)] == [new]


async def test_a_mail_is_found_while_it_is_kept(queue: MailQueue) -> None:
    await queue.put(one := mail())
    found = await queue.find(one.id)
    assert found is not None
    assert (found.mail, found.tries, found.problem) == (one, 0, "")
    await queue.sent(one.id)
    assert await queue.find(one.id) is None


async def test_the_database_holds_neither_address_nor_code(pool: Pool) -> None:
    queue: MailQueue = PostgresMailQueue(pool, Sealer(SECRET, "mail", secrets.token_bytes))
    await queue.put(one := mail())
    row = await pool.fetchrow("SELECT mails::text AS row, sealed FROM mails WHERE id = $1", one.id)
    assert row is not None
    for private in ("ann@example.org", "123456", "Your code"):
        assert private not in row["row"]
        assert private.encode() not in row["sealed"]
