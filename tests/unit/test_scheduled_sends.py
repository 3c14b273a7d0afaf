"""Sending what is due: what is refused fails, what may pass is tried again, nothing goes twice."""

from collections.abc import Collection, Mapping

import pytest
from support.actor_bench import HERE, FixedDirectory

from streamhub.actors.scheduled_sends import LEASE_MS, ScheduledSends
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.domain.ids import ChannelId, JobId, MessageId, UserId
from streamhub.domain.messages import ActorId, Answer, Message, Post, Receipt
from streamhub.domain.people import Person
from streamhub.domain.schedule_messages import ShowJob
from streamhub.domain.scheduling import GIVEN_UP_MS, Job
from streamhub.persistence.memory.scheduling import InMemoryJobStore
from streamhub.persistence.memory.tables import Tables

ALICE, BOB = UserId("us_alice"), UserId("us_bob")
GENERAL = ChannelId("ch_general")
HOUR_MS = 3_600_000
DUE = 10 * HOUR_MS


class Everybody:
    """They are all there, but who is suspended."""

    def __init__(self) -> None:
        self.suspended: set[UserId] = set()

    async def by_ids(self, users: Collection[UserId]) -> Mapping[UserId, Person]:
        return {}

    async def reachable(self, users: Collection[UserId]) -> frozenset[UserId]:
        return frozenset(users) - self.suspended

    async def by_handles(self, handles: Collection[str]) -> Mapping[str, Person]:
        return {"bob": Person(id=BOB, handle="bob", name="Bob")} if "bob" in handles else {}


class Channels:
    """Posts each key once, as channels do. `error`: what is answered instead; with `lost`, after
    the message was stored."""

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.asked = 0
        self.error: StreamHubError | None = None
        self.lost = False
        self.told: list[JobId] = []

    def tell(self, to: ActorId, message: Message) -> None:
        assert isinstance(message, ShowJob)
        self.told.append(message.id)

    async def request(self, to: ActorId, message: Message) -> Answer:
        assert isinstance(message, Post)
        self.asked += 1
        if self.error is None or self.lost:
            first = self.posts.setdefault(message.key, message)
            assert first.digest == message.digest
        if self.error is not None:
            raise self.error
        seq = [*self.posts].index(message.key) + 1
        return Receipt(id=MessageId(f"me_{seq}"), seq=seq, nth=seq, rev=seq, created_at=0)


class Stage:
    def __init__(self) -> None:
        self.now = DUE
        self.store = InMemoryJobStore(Tables())
        self.people = Everybody()
        self.channels = Channels()
        self.sends = self.host()

    def host(self) -> ScheduledSends:
        return ScheduledSends(
            HERE, self.store, self.people, self.channels, FixedDirectory(), lambda: self.now
        )

    async def job(self, name: str = "1", text: str = "hi", send_at: int = DUE) -> Job:
        job = Job(
            id=JobId(f"jo_{name}"),
            user=ALICE,
            channel=GENERAL,
            text=text,
            send_at=send_at,
            created_at=0,
        )
        assert await self.store.create(job, name, b"")
        return job

    async def state(self, job: Job) -> str:
        seen = await self.store.job(ALICE, job.id)
        assert seen is not None
        return f"{seen.state} {seen.code}".strip()


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_what_is_due_is_posted_in_its_order_and_the_author_is_told(stage: Stage) -> None:
    late, early = await stage.job("1", "a"), await stage.job("2", "@bob", DUE - 1)
    waiting = await stage.job("3", "c", DUE + 1)
    while await stage.sends.send_due():
        pass
    posts = list(stage.channels.posts.values())
    assert [post.text for post in posts] == ["@bob", "a"]
    assert [mention.user for mention in posts[0].mentions] == [BOB]
    assert stage.channels.told == [early.id, late.id]
    assert [await stage.state(job) for job in (early, late, waiting)] == ["sent", "sent", "pending"]


@pytest.mark.parametrize("code", ["not_a_member", "channel_archived", "muted", "forbidden"])
async def test_what_the_channel_refuses_fails_with_its_reason(stage: Stage, code: str) -> None:
    job = await stage.job()
    stage.channels.error = Refused(code, "why")
    assert await stage.sends.send_due() == 1
    assert await stage.state(job) == f"failed {code}"
    assert stage.channels.told == [job.id]
    stage.now += HOUR_MS
    assert await stage.sends.send_due() == 0


async def test_a_suspended_account_posts_nothing(stage: Stage) -> None:
    job = await stage.job()
    stage.people.suspended = {ALICE}
    await stage.sends.send_due()
    assert await stage.state(job) == "failed suspended"
    assert stage.channels.asked == 0


async def test_slow_mode_puts_it_off_as_long_as_it_says(stage: Stage) -> None:
    job = await stage.job()
    stage.channels.error = Refused("slow_mode", "slowly", retry_after_ms=5_000)
    await stage.sends.send_due()
    assert await stage.state(job) == "pending"
    stage.channels.error = None
    stage.now += 4_999
    assert await stage.sends.send_due() == 0
    stage.now += 1
    assert await stage.sends.send_due() == 1
    assert await stage.state(job) == "sent"


async def test_what_could_not_be_done_is_tried_less_and_less_often(stage: Stage) -> None:
    job = await stage.job()
    stage.channels.error = TryAgain("unavailable", "away")
    tries = []
    for _ in range(200):
        if await stage.sends.send_due():
            tries.append((stage.now - DUE) // 1_000)
            assert await stage.state(job) == "sending", "it may have been posted"
        stage.now += 1_000
    assert tries == [0, 1, 2, 4, 8, 16, 32, 64, 124, 184]


async def test_after_an_hour_it_is_still_sent_and_after_a_day_no_more(stage: Stage) -> None:
    job = await stage.job()
    stage.now = DUE + HOUR_MS
    await stage.sends.send_due()
    assert await stage.state(job) == "sent"
    late = await stage.job("2")
    stage.now = DUE + GIVEN_UP_MS + 1
    await stage.sends.send_due()
    assert await stage.state(late) == "failed timeout"
    assert stage.channels.asked == 1


async def test_a_lost_answer_leaves_one_message(stage: Stage) -> None:
    job = await stage.job()
    stage.channels.error, stage.channels.lost = TryAgain("unknown"), True
    await stage.sends.send_due()
    stage.channels.error = None
    stage.now += LEASE_MS
    await stage.sends.send_due()
    assert await stage.state(job) == "sent"
    assert (stage.channels.asked, len(stage.channels.posts)) == (2, 1)


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS])
async def test_a_clock_that_jumps_sends_nothing_twice(stage: Stage, jump_ms: int) -> None:
    """In the middle of a try: a lease that seems to be over, or one that seems to last."""
    sent, caught = await stage.job("1"), await stage.job("2", "two")
    await stage.sends.send_due()
    (taken,) = await stage.store.take_due(stage.now, stage.now + LEASE_MS, 9)
    assert taken.id == caught.id
    stage.now += jump_ms
    other = stage.host()
    while await other.send_due():
        pass
    await stage.sends._settle(taken)
    while await other.send_due():
        pass
    assert [post.text for post in stage.channels.posts.values()] == ["hi", "two"]
    assert [await stage.state(job) for job in (sent, caught)] == ["sent", "sent"]


async def test_a_defect_in_one_leaves_the_others(stage: Stage) -> None:
    poison = await stage.job("1", "poison")
    other = Job(id=JobId("jo_2"), user=BOB, channel=GENERAL, text="hi", send_at=DUE, created_at=0)
    await stage.store.create(other, "2", b"")
    ask = stage.channels.request

    async def break_one(to: ActorId, message: Message) -> Answer:
        if isinstance(message, Post) and message.text == "poison":
            raise RuntimeError("a defect")
        return await ask(to, message)

    stage.channels.request = break_one  # type: ignore[method-assign]
    assert await stage.sends.send_due() == 2
    assert await stage.state(poison) == "sending"
    assert [post.text for post in stage.channels.posts.values()] == ["hi"]
