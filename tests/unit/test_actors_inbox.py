"""An inbox: marks merged and never lost, hints forgotten only when they were told."""

import asyncio
from collections.abc import Sequence

from support.actor_bench import THERE, Bench, simulated

from streamhub.actors.inbox import InboxActor
from streamhub.domain.changes import Hint
from streamhub.domain.channels import Channel, Mention, Overview, ReadMarker
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.envelopes import Interest, Passed
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, MessageId, NotificationId, UserId
from streamhub.domain.kept_drafts import KeptDraft
from streamhub.domain.messages import (
    BROKEN,
    ActorId,
    Answer,
    AwayChanged,
    ChannelAdded,
    ChannelRemoved,
    Done,
    DraftUpdated,
    KeepDraft,
    Marked,
    MarkRead,
    MarkUnread,
    NotificationCreated,
    NotificationsRead,
    NotifyUpdated,
    Problem,
    ReadNotifications,
    ReadUpdated,
    SetAway,
    SetNotify,
    TakeHint,
)
from streamhub.domain.reading import Marking
from streamhub.persistence.memory import InMemoryChannelStore, InMemoryOutbox, Tables
from streamhub.persistence.memory.commits import commit
from streamhub.persistence.memory.kept_drafts import InMemoryDraftStore
from streamhub.persistence.memory.notifications import InMemoryNotificationStore
from streamhub.persistence.memory.scheduling import InMemoryJobStore

ALICE, BOB = UserId("us_alice"), UserId("us_bob")
GENERAL, SECRET = ChannelId("ch_general"), ChannelId("ch_secret")


class Store(InMemoryChannelStore):
    """The twin; it writes markers down, takes a second, and may fail."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.marked: list[tuple[tuple[ChannelId, Marking], ...]] = []
        self.error: Exception | None = None

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        self.marked.append(tuple(marks))
        await asyncio.sleep(1.0)
        if self.error is not None:
            raise self.error
        return await super().mark_read(user, marks)

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        await asyncio.sleep(1.0)
        if self.error is not None:
            raise self.error
        return await super().overview(channel, user)


class Drafts(InMemoryDraftStore):
    """The twin; the first of what it keeps takes longest, and some fail."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.takes_s = [1.5, 1.0, 0.5]
        self.error: Exception | None = None

    async def keep(self, user: UserId, draft: KeptDraft) -> bool | None:
        await asyncio.sleep(self.takes_s.pop(0))
        if self.error is not None:
            raise self.error
        return await super().keep(user, draft)


class Stage:
    """Alice's inbox, in a system where THERE listens; ten messages in a channel of hers."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.tables.view = 4
        self.view = 4
        self.store = Store(self.tables)
        self.outbox = InMemoryOutbox(self.tables)
        self.drafts = Drafts(self.tables)
        self.jobs = InMemoryJobStore(self.tables)
        self.notifications = InMemoryNotificationStore(self.tables)

        async def load(key: str) -> UserId:
            return UserId(key)

        self.host = Bench(
            load,
            lambda user: InboxActor(
                user,
                self.store,
                self.outbox,
                self.drafts,
                self.jobs,
                self.notifications,
                lambda: self.view,
            ),
        )

    async def begin(self) -> None:
        for name, owner in ((GENERAL, ALICE), (SECRET, BOB)):
            made = Channel(
                id=name, kind="channel", visibility="private", created_by=owner, created_at=0
            )
            await self.store.create(made, key=name, digest=b"")
        self.tables.outbox.clear()
        for number in range(10):
            self.post(number)
        self.host.system.interests.on_interest(THERE, Interest(topics=((f"thing:{ALICE}", -1),)))
        self.host.switch.sent.clear()

    def post(self, number: int, *mentioned: UserId) -> tuple[Hint, ...]:
        commit(
            self.tables,
            MessageDraft(
                channel=GENERAL,
                term=0,
                id=MessageId(f"me_{number}"),
                author=BOB,
                key=str(number),
                digest=b"",
                text="hi",
                created_at=0,
                mentions=tuple(Mention(user=user, offset=0, length=1) for user in mentioned),
            ),
        )
        return tuple(hint for hint, _ in self.tables.outbox.values())

    def mark(self, seq: int, channel: ChannelId = GENERAL) -> list[Answer]:
        return self.host.ask(ALICE, MarkRead(channel=channel, seq=seq))

    def unmark(self, seq: int) -> list[Answer]:
        return self.host.ask(ALICE, MarkUnread(channel=GENERAL, seq=seq))

    def write(self, text: str, channel: ChannelId = GENERAL) -> list[Answer]:
        return self.host.ask(ALICE, KeepDraft(channel=channel, text=text))

    def hint(self, hint: Hint) -> None:
        self.host.system.tell(ActorId("thing", ALICE), TakeHint(hint=hint))

    def published(self) -> list[object]:
        return [e.event for e in self.host.switch.to(THERE) if isinstance(e, Passed)]


def read_up_to(answers: list[Answer]) -> int | None:
    [answer] = answers
    return answer.marker.read_seq if isinstance(answer, Marked) else None


@simulated
async def test_a_mark_is_answered_and_published_with_the_counts() -> None:
    stage = Stage()
    await stage.begin()
    answers = stage.mark(7)
    await asyncio.sleep(1.5)
    [answer] = answers
    assert isinstance(answer, Marked)
    assert (answer.marker.read_seq, answer.marker.unread) == (7, 3)
    assert stage.published() == [ReadUpdated(marker=answer.marker)]


@simulated
async def test_what_was_read_is_unread_again_from_there_on() -> None:
    stage = Stage()
    await stage.begin()
    stage.mark(9)
    answers = [stage.unmark(4), stage.unmark(6), stage.mark(5)]
    await asyncio.sleep(3.0)
    assert [read_up_to(answer) for answer in answers] == [5, 5, 5]
    assert len(stage.store.marked) == 2, "what waits is written together, in its order"
    *_, last = stage.published()
    assert isinstance(last, ReadUpdated)
    assert (last.marker.read_seq, last.marker.unread) == (5, 5)


@simulated
async def test_marks_that_come_while_one_is_written_are_written_together() -> None:
    stage = Stage()
    await stage.begin()
    answers = [stage.mark(3)]
    await asyncio.sleep(0.5)
    answers += [stage.mark(seq) for seq in (5, 9, 4)]
    await asyncio.sleep(3.0)
    assert stage.store.marked == [((GENERAL, Marking(3)),), ((GENERAL, Marking(9)),)]
    assert [read_up_to(one) for one in answers] == [3, 9, 9, 9]


@simulated
async def test_a_marker_never_goes_back() -> None:
    stage = Stage()
    await stage.begin()
    stage.mark(8)
    await asyncio.sleep(1.5)
    lower = stage.mark(2)
    await asyncio.sleep(1.5)
    assert read_up_to(lower) == 8


@simulated
async def test_a_channel_that_is_not_ones_own_is_none() -> None:
    stage = Stage()
    await stage.begin()
    answers = [stage.mark(1, SECRET), stage.mark(1, ChannelId("ch_none"))]
    await asyncio.sleep(3.0)
    assert answers[0] == answers[1]
    assert [problem.code for problem in answers[0] if isinstance(problem, Problem)] == ["not_found"]


@simulated
async def test_a_failed_write_is_said_and_what_came_meanwhile_is_written() -> None:
    stage = Stage()
    await stage.begin()
    stage.store.error = TryAgain("unavailable")
    failed = stage.mark(3)
    await asyncio.sleep(0.5)
    later = stage.mark(5)
    await asyncio.sleep(0.6)
    stage.store.error = None
    await asyncio.sleep(3.0)
    assert [problem.code for problem in failed if isinstance(problem, Problem)] == ["unavailable"]
    assert read_up_to(later) == 5


@simulated
async def test_a_defect_of_the_store_is_said_as_one() -> None:
    stage = Stage()
    await stage.begin()
    stage.store.error = KeyError("defect")
    answers = stage.mark(3)
    await asyncio.sleep(1.5)
    assert answers == [BROKEN]


@simulated
async def test_a_mention_is_published_as_counts_and_then_forgotten() -> None:
    stage = Stage()
    await stage.begin()
    [hint] = stage.post(11, ALICE)
    stage.hint(hint)
    await asyncio.sleep(0.9)
    assert stage.tables.outbox, "not before it was published"
    await asyncio.sleep(1.0)
    event, created = stage.published()
    assert isinstance(event, ReadUpdated)
    assert event.marker.mentions == 1
    assert isinstance(created, NotificationCreated)
    assert (created.notification.kind, created.notification.seq, created.unread) == (
        "mention",
        11,
        1,
    )
    assert not stage.tables.outbox


@simulated
async def test_a_hint_that_comes_again_notifies_once() -> None:
    stage = Stage()
    await stage.begin()
    [hint] = stage.post(11, ALICE)
    for _ in range(3):
        stage.hint(hint)
        await asyncio.sleep(2.0)
    created = [one for one in stage.published() if isinstance(one, NotificationCreated)]
    assert len(created) == 1
    assert await stage.notifications.unread(ALICE) == 1


@simulated
async def test_reading_the_channel_or_the_notification_tells_how_many_are_left() -> None:
    stage = Stage()
    await stage.begin()
    hints = stage.post(11, ALICE), stage.post(12, ALICE)
    for hint in hints[-1]:
        stage.hint(hint)
    await asyncio.sleep(3.0)
    made = [one for one in stage.published() if isinstance(one, NotificationCreated)]
    assert [(one.notification.seq, one.unread) for one in made] == [(11, 1), (12, 2)]
    stage.host.switch.sent.clear()
    stage.mark(11)
    await asyncio.sleep(2.0)
    first, second = (one.notification.id for one in made)
    assert stage.published()[-1] == NotificationsRead(notifications=(first,), unread=1)
    answers = [
        stage.host.ask(ALICE, read)
        for read in (
            ReadNotifications(notifications=(second,)),
            ReadNotifications(up_to=NotificationId("no_none")),
        )
    ]
    await asyncio.sleep(2.0)
    [done], [unknown] = answers
    assert isinstance(done, NotificationsRead)
    assert done.unread == 0
    assert isinstance(unknown, Problem)
    assert unknown.code == "not_found"


@simulated
async def test_how_much_one_hears_of_is_told_and_a_muted_channel_notifies_of_nothing() -> None:
    stage = Stage()
    await stage.begin()
    answers = [
        stage.host.ask(ALICE, SetNotify(channel=channel, level="none"))
        for channel in (GENERAL, SECRET)
    ]
    await asyncio.sleep(2.0)
    assert stage.published() == answers[0] == [NotifyUpdated(channel=GENERAL, level="none")]
    [stranger] = answers[1]
    assert isinstance(stranger, Problem)
    assert stranger.code == "not_found"
    [hint] = stage.post(11, ALICE)
    stage.hint(hint)
    await asyncio.sleep(2.0)
    assert await stage.notifications.unread(ALICE) == 0


@simulated
async def test_being_added_or_removed_is_told_as_the_rows_say_it_now() -> None:
    stage = Stage()
    await stage.begin()
    for number, channel in ((1, GENERAL), (2, SECRET)):
        stage.hint(Hint(number=number, user=ALICE, kind="channel_added", channel=channel))
    await asyncio.sleep(4.0)
    added, removed = stage.published()
    assert isinstance(added, ChannelAdded)
    assert added.overview.id == GENERAL
    assert removed == ChannelRemoved(channel=SECRET)


@simulated
async def test_a_hint_whose_rows_could_not_be_read_is_kept() -> None:
    stage = Stage()
    await stage.begin()
    [hint] = stage.post(11, ALICE)
    stage.store.error = TryAgain("unavailable")
    stage.hint(hint)
    await asyncio.sleep(1.5)
    assert stage.tables.outbox
    stage.store.error = None
    stage.hint(hint)
    await asyncio.sleep(1.5)
    assert not stage.tables.outbox


@simulated
async def test_hints_that_come_while_others_fail_are_read() -> None:
    stage = Stage()
    await stage.begin()
    [hint] = stage.post(11, ALICE)
    stage.store.error = TryAgain("unavailable")
    stage.mark(3)
    await asyncio.sleep(0.5)
    stage.hint(hint)
    await asyncio.sleep(0.6)
    stage.store.error = None
    await asyncio.sleep(1.5)
    assert not stage.tables.outbox


@simulated
async def test_an_owner_that_a_newer_view_replaced_forgets_no_hint() -> None:
    stage = Stage()
    await stage.begin()
    [hint] = stage.post(11, ALICE)
    stage.view = 3
    stage.hint(hint)
    await asyncio.sleep(1.5)
    assert stage.tables.outbox
    stage.view = 4
    stage.hint(hint)
    await asyncio.sleep(1.5)
    assert not stage.tables.outbox


@simulated
async def test_all_sessions_are_told_that_their_user_is_away() -> None:
    stage = Stage()
    await stage.begin()
    answers = stage.host.ask(ALICE, SetAway(away=True))
    await asyncio.sleep(0.1)
    assert answers == [Done()]
    assert stage.published() == [AwayChanged(away=True)]


@simulated
async def test_the_last_draft_that_was_said_is_the_last_one_kept() -> None:
    stage = Stage()
    await stage.begin()
    answers = [stage.write(text) for text in ("h", "hi", "")]
    await asyncio.sleep(3.5)
    told = stage.published()
    assert [one.draft.text for one in told if isinstance(one, DraftUpdated)] == ["h", "hi", ""]
    assert [answer for (answer,) in answers] == told
    assert (await stage.drafts.drafts(ALICE, None, 9)).items == ()


@simulated
async def test_a_draft_that_cannot_be_kept_holds_nobody_up_and_nobody_is_told() -> None:
    stage = Stage()
    await stage.begin()
    stage.drafts.error = TryAgain("unavailable", "away", retry_after_ms=7)
    away = stage.write("lost")
    await asyncio.sleep(3.5)
    stage.drafts.error = None
    strange, kept = stage.write("no", SECRET), stage.write("yes")
    await asyncio.sleep(3.5)
    codes = [one.code for (one,) in (away, strange) if isinstance(one, Problem)]
    assert codes == ["unavailable", "not_found"]
    assert kept == stage.published()
