"""What every store promises of scheduled sends."""

import pytest
from msgspec.structs import replace
from support.stores import NOW, ChatStores

from streamhub.domain.channels import Loaded
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.errors import Refused
from streamhub.domain.ids import JOB, MESSAGE, ChannelId, JobId, MessageId, UserId, make_id
from streamhub.domain.scheduling import Job

SOON = NOW + 60_000
DIGEST = b"d" * 32


def a_job(user: UserId, channel: ChannelId, number: int, send_at: int = SOON) -> Job:
    id = JobId(make_id(JOB, NOW, number.to_bytes(2) + _own(user)))
    return Job(id=id, user=user, channel=channel, text=f"{number}", send_at=send_at, created_at=NOW)


def _own(user: UserId) -> bytes:
    return user[-8:].encode()


async def kept(chat: ChatStores, *jobs: Job) -> None:
    for job in jobs:
        assert await chat.scheduled.create(job, job.id, DIGEST) == job


async def listed(chat: ChatStores, user: UserId, channel: ChannelId | None = None) -> list[str]:
    return [one.text for one in (await chat.scheduled.jobs(user, channel, None, 50)).items]


async def taken(chat: ChatStores, user: UserId, now: int = SOON) -> list[str]:
    """The texts of what was due of this user; other tests' rows may be due as well."""
    jobs = await chat.scheduled.take_due(now, now + 30_000, 1_000)
    return [job.text for job in jobs if job.user == user]


async def test_a_key_keeps_one_job_whatever_became_of_it(chat: ChatStores) -> None:
    alice, channel = chat.user(), chat.channel_id()
    job = a_job(alice, channel, 1)
    await kept(chat, job)
    again = replace(a_job(alice, channel, 2), text="again")
    assert await chat.scheduled.create(again, job.id, DIGEST) == job
    with pytest.raises(Refused, match="key_reused"):
        await chat.scheduled.create(again, job.id, b"e" * 32)
    cancelled = await chat.scheduled.cancel(alice, job.id, NOW)
    assert cancelled == replace(job, state="cancelled", text="")
    assert await chat.scheduled.create(again, job.id, DIGEST) == cancelled
    assert await chat.scheduled.keyed(alice, job.id, DIGEST) == cancelled
    assert await chat.scheduled.keyed(chat.user(), job.id, DIGEST) is None


async def test_jobs_are_listed_by_their_time_and_by_channel(chat: ChatStores) -> None:
    alice, here, there = chat.user(), chat.channel_id(), chat.channel_id()
    await kept(
        chat,
        a_job(alice, here, 1, SOON + 2),
        a_job(alice, there, 2, SOON + 1),
        a_job(alice, here, 3, SOON + 1),
    )
    assert await listed(chat, alice) == ["2", "3", "1"]
    assert await listed(chat, alice, here) == ["3", "1"]
    assert await listed(chat, chat.user()) == []
    cursor, found = None, []
    for _ in range(3):
        page = await chat.scheduled.jobs(alice, None, cursor, 1)
        found += [one.text for one in page.items]
        cursor = page.next_cursor
    assert (found, cursor) == (["2", "3", "1"], None)
    for wrong in ("", "x", "7.x", f"-1.{a_job(alice, here, 1).id}"):
        with pytest.raises(Refused):
            await chat.scheduled.jobs(alice, None, wrong, 2)


async def test_only_what_is_pending_is_changed_and_only_by_its_author(chat: ChatStores) -> None:
    alice, bob, channel = chat.user(), chat.user(), chat.channel_id()
    job = a_job(alice, channel, 1)
    await kept(chat, job)
    store = chat.scheduled
    assert await store.change(bob, job.id, text="bob was here", send_at=None) is None
    assert await store.cancel(bob, job.id, NOW) is None
    assert await store.job(bob, job.id) is None
    changed = await store.change(alice, job.id, text="new", send_at=None)
    assert changed == replace(job, text="new")
    assert await store.change(alice, job.id, text=None, send_at=SOON + 5) == replace(
        job, text="new", send_at=SOON + 5
    )
    assert await taken(chat, alice, SOON + 4) == []
    assert await taken(chat, alice, SOON + 5) == ["new"]
    assert await store.change(alice, job.id, text="too late", send_at=None) is None
    assert await store.cancel(alice, job.id, NOW) is None
    seen = await store.job(alice, job.id)
    assert seen is not None
    assert (seen.state, seen.text) == ("sending", "new")


async def test_what_is_taken_belongs_to_nobody_else_until_its_time_is_over(
    chat: ChatStores,
) -> None:
    alice = chat.user()
    await kept(chat, a_job(alice, chat.channel_id(), 1))
    assert await taken(chat, alice, SOON - 1) == []
    assert await taken(chat, alice, SOON) == ["1"]
    assert await taken(chat, alice, SOON + 29_999) == []
    assert await taken(chat, alice, SOON + 30_000) == ["1"]


async def test_the_jobs_of_one_user_in_one_channel_go_one_after_the_other(
    chat: ChatStores,
) -> None:
    alice, here, there = chat.user(), chat.channel_id(), chat.channel_id()
    first, second = a_job(alice, here, 9), a_job(alice, here, 1)
    await kept(chat, first, second, a_job(alice, there, 5), a_job(alice, here, 2, SOON - 1))
    assert sorted(await taken(chat, alice)) == ["2", "5"], "the earliest of each channel"
    assert await taken(chat, alice) == []
    early = (await chat.scheduled.jobs(alice, here, None, 1)).items[0]
    await chat.scheduled.sent(early.id, _message(1), SOON)
    assert await taken(chat, alice) == ["9"], "the same time: as they were created"
    await chat.scheduled.later(first.id, SOON + 50, pending=True)
    assert await taken(chat, alice, SOON + 49) == [], "the next one does not overtake it"
    assert await taken(chat, alice, SOON + 50) == ["9"]
    await chat.scheduled.failed(first.id, "muted", "you may only read")
    assert await taken(chat, alice, SOON + 50) == ["1"]


async def test_what_was_put_off_can_be_changed_only_if_it_surely_was_not_sent(
    chat: ChatStores,
) -> None:
    alice = chat.user()
    job = a_job(alice, chat.channel_id(), 1)
    await kept(chat, job)
    assert await taken(chat, alice) == ["1"]
    await chat.scheduled.later(job.id, SOON + 50, pending=False)
    assert await chat.scheduled.change(alice, job.id, text="new", send_at=None) is None
    assert await taken(chat, alice, SOON + 50) == ["1"]
    await chat.scheduled.later(job.id, SOON + 99, pending=True)
    assert await chat.scheduled.change(alice, job.id, text="new", send_at=None)


async def test_what_was_sent_is_off_the_list_and_what_failed_stays_until_dismissed(
    chat: ChatStores,
) -> None:
    alice = chat.user()
    one, other = a_job(alice, chat.channel_id(), 1), a_job(alice, chat.channel_id(), 2)
    await kept(chat, one, other)
    assert sorted(await taken(chat, alice)) == ["1", "2"]
    await chat.scheduled.sent(one.id, _message(1), SOON)
    await chat.scheduled.failed(other.id, "channel_archived", "it can only be read")
    (left,) = (await chat.scheduled.jobs(alice, None, None, 9)).items
    assert left == replace(
        other, state="failed", code="channel_archived", detail="it can only be read"
    )
    sent = await chat.scheduled.job(alice, one.id)
    assert sent == replace(one, state="sent", text="", message=_message(1))
    assert await taken(chat, alice, SOON + 999_999) == []
    await chat.scheduled.failed(one.id, "muted", "a host that woke up late says so")
    assert await chat.scheduled.job(alice, one.id) == sent
    assert await chat.scheduled.cancel(alice, other.id, SOON)
    assert await listed(chat, alice) == []


async def test_what_an_earlier_try_posted_did_not_fail(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    job = a_job(alice, channel.channel.id, 1)
    await kept(chat, job)
    assert await taken(chat, alice) == ["1"]
    posted = await _post(chat, channel, job)
    await chat.scheduled.failed(job.id, "not_a_member", "join the channel first")
    assert await chat.scheduled.job(alice, job.id) == replace(
        job, state="sent", text="", message=posted
    )


async def test_a_list_has_an_end(chat: ChatStores, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("scheduling", "memory.scheduling"):
        monkeypatch.setattr(f"streamhub.persistence.{module}.MAX_SCHEDULED", 2)
    alice, channel = chat.user(), chat.channel_id()
    one, two, three = [a_job(alice, channel, number) for number in range(3)]
    await kept(chat, one, two)
    assert await chat.scheduled.create(three, "third", DIGEST) is None
    assert await chat.scheduled.create(one, one.id, DIGEST) == one, "its key is known"
    await chat.scheduled.cancel(alice, one.id, NOW)
    assert await chat.scheduled.create(three, "third", DIGEST) == three


async def test_what_ended_is_forgotten_after_a_while(chat: ChatStores) -> None:
    alice, channel = chat.user(), chat.channel_id()
    old, new, waiting = [a_job(alice, channel, number) for number in range(3)]
    await kept(chat, old, new, waiting)
    await chat.scheduled.cancel(alice, old.id, 1_000)
    await chat.scheduled.cancel(alice, new.id, 2_000)
    assert await chat.scheduled.forget(2_000, 1_000) >= 1
    assert await chat.scheduled.job(alice, old.id) is None
    assert await chat.scheduled.job(alice, new.id)
    assert await listed(chat, alice) == ["2"]
    assert await chat.scheduled.create(old, old.id, DIGEST) == old


def _message(number: int) -> MessageId:
    return MessageId(make_id(MESSAGE, NOW, number.to_bytes(10)))


async def _post(chat: ChatStores, channel: Loaded, job: Job) -> MessageId:
    draft = MessageDraft(
        channel=job.channel,
        term=channel.head.term,
        id=_message(int.from_bytes(_own(job.user))),
        author=job.user,
        key=job.key,
        digest=b"",
        text=job.text,
        created_at=NOW,
    )
    await chat.store(draft)
    return draft.id
