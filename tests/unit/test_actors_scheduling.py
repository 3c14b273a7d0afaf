"""An inbox keeps scheduled sends one after the other, and tells what became of each."""

import asyncio

import pytest
from support.actor_bench import THERE, Bench, simulated

from streamhub.actors.inbox import InboxActor
from streamhub.domain.envelopes import Interest, Passed
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, JobId, MessageId, UserId
from streamhub.domain.messages import ActorId, Answer, Problem
from streamhub.domain.schedule_messages import (
    CancelJob,
    ChangeJob,
    JobUpdated,
    KeepJob,
    OfSchedule,
    ShowJob,
)
from streamhub.domain.scheduling import Job
from streamhub.persistence.memory import InMemoryChannelStore, InMemoryOutbox, Tables
from streamhub.persistence.memory.kept_drafts import InMemoryDraftStore
from streamhub.persistence.memory.notifications import InMemoryNotificationStore
from streamhub.persistence.memory.scheduling import InMemoryJobStore

ALICE, BOB = UserId("us_alice"), UserId("us_bob")


class Jobs(InMemoryJobStore):
    """The twin; changes take as long as the test says, and may fail."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.takes_s: list[float] = []
        self.error: Exception | None = None

    async def change(
        self, user: UserId, id: JobId, *, text: str | None, send_at: int | None
    ) -> Job | None:
        await asyncio.sleep(self.takes_s.pop(0) if self.takes_s else 0)
        if self.error is not None:
            raise self.error
        return await super().change(user, id, text=text, send_at=send_at)


class Stage:
    """Alice's inbox, in a system where THERE listens."""

    def __init__(self) -> None:
        tables = Tables()
        self.jobs = Jobs(tables)
        channels, outbox = InMemoryChannelStore(tables), InMemoryOutbox(tables)
        drafts = InMemoryDraftStore(tables)

        async def load(key: str) -> UserId:
            return UserId(key)

        notifications = InMemoryNotificationStore(tables)

        def make(user: UserId) -> InboxActor:
            return InboxActor(user, channels, outbox, drafts, self.jobs, notifications, lambda: 1)

        self.host = Bench(load, make)
        self.host.system.interests.on_interest(THERE, Interest(topics=((f"thing:{ALICE}", -1),)))
        self.host.switch.sent.clear()

    def ask(self, asked: OfSchedule) -> list[Answer]:
        return self.host.ask(ALICE, asked)

    def keep(self, name: str) -> list[Answer]:
        job = Job(
            id=JobId(name),
            user=ALICE,
            channel=ChannelId("ch_general"),
            text=name,
            send_at=60_000,
            created_at=0,
        )
        return self.ask(KeepJob(job=job, key=name, digest=b""))

    def told(self) -> list[Job]:
        """What was published since the last look."""
        events = [one.event for one in self.host.switch.to(THERE) if isinstance(one, Passed)]
        return [event.job for event in events if isinstance(event, JobUpdated)]


def code_of(answers: list[Answer]) -> str:
    (answer,) = answers
    assert isinstance(answer, Problem), answer
    return answer.code


@simulated
async def test_what_was_changed_last_is_told_last() -> None:
    stage = Stage()
    stage.keep("jo_1")
    stage.jobs.takes_s = [2.0, 1.0, 0.5]
    answers = [stage.ask(ChangeJob(id=JobId("jo_1"), text=text)) for text in ("a", "b", "c")]
    await asyncio.sleep(5)
    told = stage.told()
    assert [job.text for job in told] == ["jo_1", "a", "b", "c"]
    assert [answer for (answer,) in answers] == [JobUpdated(job=job) for job in told[1:]]


@simulated
async def test_a_change_that_fails_holds_nobody_up_and_nobody_is_told() -> None:
    stage = Stage()
    stage.keep("jo_1")
    stage.jobs.error = TryAgain("unavailable", "away")
    lost = stage.ask(ChangeJob(id=JobId("jo_1"), text="lost"))
    missing = stage.ask(CancelJob(id=JobId("jo_2")))
    stage.ask(ShowJob(id=JobId("jo_3")))
    cancelled = stage.ask(CancelJob(id=JobId("jo_1")))
    await asyncio.sleep(1)
    assert (code_of(lost), code_of(missing)) == ("unavailable", "not_found")
    told = stage.told()
    assert [(job.id, job.state) for job in told] == [("jo_1", "pending"), ("jo_1", "cancelled")]
    assert cancelled == [JobUpdated(job=told[-1])]


@simulated
async def test_what_is_being_sent_or_was_sent_is_not_cancelled() -> None:
    stage = Stage()
    stage.keep("jo_1")
    await asyncio.sleep(1)
    await stage.jobs.take_due(60_000, 90_000, 9)
    sending = stage.ask(CancelJob(id=JobId("jo_1")))
    await asyncio.sleep(1)
    await stage.jobs.sent(JobId("jo_1"), MessageId("me_1"), 60_000)
    sent = stage.ask(CancelJob(id=JobId("jo_1")))
    stage.host.system.tell(ActorId("thing", ALICE), ShowJob(id=JobId("jo_1")))
    await asyncio.sleep(1)
    assert (code_of(sending), code_of(sent)) == ("conflict", "conflict")
    assert [job.state for job in stage.told()] == ["pending", "sent"]


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamhub.persistence.memory.scheduling.MAX_SCHEDULED", 1)

    @simulated
    async def test() -> None:
        stage = Stage()
        stage.keep("jo_1")
        refused = stage.keep("jo_2")
        await asyncio.sleep(1)
        assert code_of(refused) == "limit_reached"

    test()
