"""A session: what its client has of each channel, and how it gets what it lacks."""

import asyncio
from collections.abc import Mapping

import pytest
from support.actor_bench import THERE, FixedDirectory, RecordingSwitch, simulated

from streamhub.actors import session as sessions
from streamhub.actors.session import SessionActor
from streamhub.domain import sync
from streamhub.domain.changes import Change, Committed, Skipped
from streamhub.domain.channels import Changes, Channel, Overview
from streamhub.domain.drafts import Draft, JoinDraft, LeaveDraft, MessageDraft, React, RevisionDraft
from streamhub.domain.envelopes import Changed, Listening, Passed, Standing
from streamhub.domain.errors import SlowReader, TryAgain
from streamhub.domain.ids import ChannelId, MessageId, SessionId, UserId
from streamhub.domain.messages import (
    ChannelAdded,
    ChannelRemoved,
    Passing,
    PresenceUpdated,
    TypingStarted,
    channel_actor,
    inbox_actor,
    presence_actor,
)
from streamhub.domain.presence import State
from streamhub.persistence.memory import InMemoryChannelStore, Tables
from streamhub.persistence.memory.commits import commit
from streamhub.persistence.memory.presence import InMemoryPresenceStore
from streamhub.transport.broadcast import Broadcast
from streamhub.transport.relay import Relay

ALICE, BOB = UserId("us_alice"), UserId("us_bob")
GENERAL, OTHER = ChannelId("ch_general"), ChannelId("ch_other")
PAUSE_BYTES = 100


class Store(InMemoryChannelStore):
    """The twin; it may be away, and waits at `gate` before it answers."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.away = False
        self.pulls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        self.pulls += 1
        if self.away:
            raise TryAgain("unavailable")
        found = await super().changes(channel, user, since, limit)
        await self.gate.wait()
        return found

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        if self.away:
            raise TryAgain("unavailable")
        found = await super().overviews(user)
        await self.gate.wait()
        return found


class Socket:
    """A client that reads only while `reading`."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.events: list[object] = []
        self.unsent = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self.slow = False
        self.ended = False

    def unsent_bytes(self) -> int:
        return self.unsent

    async def drained(self) -> None:
        if self.unsent <= PAUSE_BYTES:
            return
        try:
            async with asyncio.timeout(30.0):
                await self.reading.wait()
        except TimeoutError:
            raise SlowReader from None
        self.unsent = 0

    def stall(self) -> None:
        self.reading.clear()
        self.unsent = PAUSE_BYTES + 1

    def broadcast(self, event: sessions.Broadcast) -> None:
        self.events.append(event.event)
        self.heard.append(event.rev if event.rev is not None else event.event)

    def page(self, channel: ChannelId, changes: Changes) -> None:
        self.heard.append((changes.since, changes.to))

    def reset(self, channel: ChannelId, rev: int) -> None:
        self.heard.append(("reset", rev))

    def passing(self, event: Passing) -> None:
        self.heard.append(event)

    def too_slow(self) -> None:
        self.slow = True


class Stage:
    """A database with a channel of alice and bob, its owner THERE, and alice's session here."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.store = Store(self.tables)
        self.directory = FixedDirectory(THERE)
        self.switch = RecordingSwitch()
        self.relay = Relay(self.directory, self.switch, self.store.heads)
        self.socket = Socket()
        self.session = SessionActor(
            SessionId("se_alice"),
            ALICE,
            socket=self.socket,
            relay=self.relay,
            store=self.store,
            pause_bytes=PAUSE_BYTES,
        )
        self._messages = 0

    async def channel(self, name: ChannelId = GENERAL) -> None:
        made = Channel(
            id=name, kind="channel", visibility="public", created_by=ALICE, created_at=0, name=name
        )
        await self.store.create(made, key=name, digest=b"")
        self.commit(JoinDraft(channel=name, term=0, users=(BOB,), role="member", at=0))

    def commit(self, draft: Draft) -> Change:
        outcome = commit(self.tables, draft)
        assert isinstance(outcome, Committed)
        return outcome.change

    def posted(self, channel: ChannelId = GENERAL) -> Change:
        """A message is committed; nobody was told yet."""
        self._messages += 1
        number = self._messages
        draft = MessageDraft(
            channel=channel,
            term=0,
            id=MessageId(f"me_{number}"),
            author=BOB,
            key=str(number),
            digest=b"",
            text="hi",
            created_at=0,
        )
        return self.commit(draft)

    def reacted(self, message: str) -> Change:
        draft = RevisionDraft(
            channel=GENERAL,
            term=0,
            message=MessageId(message),
            by=BOB,
            moderates=False,
            floor_seq=0,
            at=1,
            operation=React(kind="+", on=True),
        )
        return self.commit(draft)

    def left(self, user: UserId, channel: ChannelId = GENERAL) -> Change:
        return self.commit(LeaveDraft(channel=channel, term=0, users=(user,), at=1))

    def told(self, change: Change) -> None:
        topic = str(channel_actor(change.channel))
        self.relay.on_changed(THERE, Changed(topic=topic, term=1, change=change))

    def stands(self, channel: ChannelId = GENERAL, rev: int | None = None) -> None:
        rev = self.rev(channel) if rev is None else rev
        standing = Standing(topic=str(channel_actor(channel)), term=1, rev=rev)
        self.relay.on_listening(THERE, Listening(topics=(standing,)))

    def inbox_stands(self) -> None:
        standing = Standing(topic=str(inbox_actor(ALICE)))
        self.relay.on_listening(THERE, Listening(topics=(standing,)))

    def inbox_says(self, event: Passing) -> None:
        self.relay.on_passed(THERE, Passed(topic=str(inbox_actor(ALICE)), event=event))

    def rev(self, channel: ChannelId = GENERAL) -> int:
        return self.tables.channels[channel].head.rev

    async def started(self, since: Mapping[ChannelId, int] | None = None) -> None:
        self.session.start(await self.store.overviews(ALICE), since)
        await settled()

    async def live(self) -> None:
        """Alice follows the channel and has all of it, rev 2."""
        await self.channel()
        await self.started()
        self.stands()
        self.inbox_stands()
        await settled()
        self.socket.heard.clear()

    async def overview(self, channel: ChannelId = GENERAL) -> Overview:
        found = await self.store.overview(channel, ALICE)
        assert found is not None
        return found


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


# -- coming --------------------------------------------------------------------------------------


@simulated
async def test_who_comes_for_the_first_time_gets_what_comes_from_now_on() -> None:
    stage = Stage()
    await stage.live()
    stage.told(stage.posted())
    assert stage.socket.heard == [3]
    assert stage.store.pulls == 0


@simulated
async def test_who_comes_back_gets_what_it_lacks_once() -> None:
    stage = Stage()
    await stage.channel()
    for _ in range(3):
        stage.posted()
    await stage.started({GENERAL: 3})
    stage.stands()
    await settled()
    stage.told(stage.posted())
    assert stage.socket.heard == [(3, 5), 6]


@simulated
async def test_who_has_all_pulls_nothing() -> None:
    stage = Stage()
    await stage.channel()
    await stage.started({GENERAL: 2})
    stage.stands()
    await settled()
    assert (stage.socket.heard, stage.store.pulls) == ([], 0)


@simulated
async def test_what_was_committed_while_it_connected_is_pulled() -> None:
    stage = Stage()
    await stage.channel()
    await stage.started()
    stage.posted()
    stage.stands()
    await settled()
    assert stage.socket.heard == [(2, 3)]


@simulated
async def test_who_holds_more_than_there_is_begins_anew() -> None:
    stage = Stage()
    await stage.channel()
    await stage.started({GENERAL: 2**53 - 1})
    assert stage.socket.heard == [("reset", 2)]


@simulated
async def test_who_is_far_behind_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "RESET_AFTER", 5)
    stage = Stage()
    await stage.channel()
    for _ in range(6):
        stage.posted()
    await stage.started({GENERAL: 2})
    stage.stands()
    await settled()
    stage.told(stage.posted())
    assert stage.socket.heard == [("reset", 8), 9]


@simulated
async def test_pages_follow_each_other_until_it_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PAGE_CHANGES", 2)
    stage = Stage()
    await stage.channel()
    for _ in range(5):
        stage.posted()
    await stage.started({GENERAL: 2})
    stage.stands()
    await settled()
    stage.told(stage.posted())
    assert stage.socket.heard == [(2, 4), (4, 6), (6, 7), 8]


@simulated
async def test_a_page_that_promises_another_is_followed_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The relay may know of no more than the page had: the store is ahead of what was told."""
    monkeypatch.setattr(sessions, "PAGE_CHANGES", 2)
    stage = Stage()
    await stage.channel()
    await stage.started({GENERAL: 2})
    for _ in range(3):
        stage.posted()
    stage.stands(rev=4)
    await settled()
    assert stage.socket.heard == [(2, 4), (4, 5)]


@simulated
async def test_a_channel_that_is_no_longer_its_own_is_taken_away() -> None:
    stage = Stage()
    await stage.channel()
    await stage.started({GENERAL: 2, OTHER: 7})
    assert stage.socket.heard == [ChannelRemoved(channel=OTHER)]


@simulated
async def test_who_is_ahead_of_the_relay_waits_for_it_and_hears_nothing_twice() -> None:
    stage = Stage()
    await stage.channel()
    first = stage.posted()
    await stage.started()
    stage.stands(rev=2)
    stage.told(first)
    assert stage.socket.heard == []
    stage.told(stage.posted())
    assert stage.socket.heard == [4]


@simulated
async def test_what_happens_to_messages_from_before_one_joined_is_a_number_and_no_more() -> None:
    stage = Stage()
    await stage.live()
    old = stage.posted()
    stage.told(old)
    gone = stage.left(ALICE)
    stage.told(gone)
    again = JoinDraft(channel=GENERAL, term=0, users=(ALICE,), role="member", at=2, floor_seq=None)
    stage.told(stage.commit(again))
    stage.inbox_says(ChannelAdded(overview=await stage.overview()))
    await settled()
    new = stage.posted()
    stage.told(new)
    stage.socket.events.clear()
    stage.told(stage.reacted("me_1"))
    seen = stage.reacted("me_2")
    stage.told(seen)
    assert stage.socket.events == [Skipped(channel=GENERAL, rev=7), seen]


# -- slow readers --------------------------------------------------------------------------------


@simulated
async def test_who_does_not_read_is_written_nothing_and_then_pages() -> None:
    stage = Stage()
    await stage.live()
    stage.socket.stall()
    for _ in range(3):
        stage.told(stage.posted())
    await settled()
    assert (stage.socket.heard, stage.store.pulls) == ([], 0)
    lagged = stage.session.lagging
    stage.socket.reading.set()
    await settled()
    assert stage.socket.heard == [(2, 5)]
    assert (lagged, stage.session.lagging) == (True, False)
    stage.told(stage.posted())
    assert stage.socket.heard == [(2, 5), 6]


@simulated
async def test_what_comes_while_a_page_is_fetched_comes_after_it() -> None:
    stage = Stage()
    await stage.live()
    stage.socket.stall()
    stage.told(stage.posted())
    stage.store.gate.clear()
    stage.socket.reading.set()
    await settled()
    stage.told(stage.posted())
    stage.stands(rev=3)
    assert stage.socket.heard == []
    stage.store.gate.set()
    await settled()
    stage.told(stage.posted())
    assert stage.socket.heard == [(2, 3), (3, 4), 5]


@simulated
async def test_who_reads_nothing_for_too_long_is_closed() -> None:
    stage = Stage()
    await stage.live()
    stage.socket.stall()
    stage.told(stage.posted())
    await asyncio.sleep(29.0)
    assert not stage.socket.slow
    await asyncio.sleep(2.0)
    assert stage.socket.slow


@simulated
async def test_what_is_ephemeral_is_dropped_while_the_client_lags() -> None:
    stage = Stage()
    await stage.live()
    stage.session.focus([GENERAL])
    typing = Passed(
        topic=str(channel_actor(GENERAL)), event=TypingStarted(channel=GENERAL, user=BOB)
    )
    stage.relay.on_passed(THERE, typing)
    assert stage.socket.heard == [typing.event]
    stage.socket.stall()
    stage.relay.on_passed(THERE, typing)
    assert len(stage.socket.heard) == 1


@simulated
async def test_typing_comes_only_of_what_is_on_screen_and_not_of_oneself() -> None:
    stage = Stage()
    await stage.live()
    for user in (BOB, ALICE):
        typing = TypingStarted(channel=GENERAL, user=user)
        stage.relay.on_passed(THERE, Passed(topic=str(channel_actor(GENERAL)), event=typing))
    stage.session.focus([GENERAL])
    own = TypingStarted(channel=GENERAL, user=ALICE)
    stage.relay.on_passed(THERE, Passed(topic=str(channel_actor(GENERAL)), event=own))
    assert stage.socket.heard == []


@simulated
async def test_a_store_that_is_away_is_asked_again() -> None:
    stage = Stage()
    await stage.channel()
    stage.posted()
    overviews = await stage.store.overviews(ALICE)
    stage.store.away = True
    stage.session.start(overviews, {GENERAL: 2})
    stage.stands()
    await asyncio.sleep(2.5)
    assert (stage.socket.heard, stage.store.pulls) == ([], 3)
    stage.store.away = False
    await asyncio.sleep(1.0)
    assert stage.socket.heard == [(2, 3)]


@simulated
async def test_a_relay_that_knows_of_more_than_the_store_is_no_busy_loop() -> None:
    stage = Stage()
    await stage.channel()
    await stage.started()
    stage.stands(rev=9)
    await asyncio.sleep(5.5)
    assert stage.store.pulls == 6


# -- leaving and coming back ---------------------------------------------------------------------


@simulated
async def test_who_is_removed_gets_that_and_nothing_later() -> None:
    stage = Stage()
    await stage.live()
    stage.told(stage.left(ALICE))
    stage.told(stage.posted())
    await settled()
    assert stage.socket.heard == [3]
    assert list(stage.session.channels) == []


@simulated
async def test_who_is_removed_while_behind_is_told_when_it_pulls() -> None:
    stage = Stage()
    await stage.live()
    stage.socket.stall()
    stage.told(stage.posted())
    stage.told(stage.left(ALICE))
    stage.told(stage.posted())
    stage.socket.reading.set()
    await settled()
    assert stage.socket.heard == [ChannelRemoved(channel=GENERAL)]


@simulated
async def test_who_is_removed_while_its_page_is_fetched_gets_no_page() -> None:
    stage = Stage()
    await stage.channel()
    await stage.channel(OTHER)
    await stage.started({GENERAL: 1, OTHER: 1})
    stage.socket.heard.clear()
    stage.store.gate.clear()
    stage.posted()
    stage.stands()
    await settled()
    stage.session.pass_on(Broadcast.of_passing(ChannelRemoved(channel=GENERAL)))
    stage.store.gate.set()
    await settled()
    assert ChannelRemoved(channel=GENERAL) in stage.socket.heard
    assert (2, 3) not in stage.socket.heard


@simulated
async def test_who_was_removed_and_is_back_is_told_so() -> None:
    stage = Stage()
    await stage.live()
    gone = stage.left(ALICE)
    back = stage.commit(JoinDraft(channel=GENERAL, term=0, users=(ALICE,), role="member", at=2))
    stage.inbox_says(ChannelAdded(overview=await stage.overview()))
    stage.socket.heard.clear()
    stage.told(gone)
    stage.told(back)
    await settled()
    assert stage.socket.heard == [3, ChannelAdded(overview=await stage.overview())]
    stage.told(stage.posted())
    assert stage.socket.heard[-1] == 5


@simulated
async def test_a_new_channel_is_followed_from_where_it_stands() -> None:
    stage = Stage()
    await stage.live()
    await stage.channel(OTHER)
    added = ChannelAdded(overview=await stage.overview(OTHER))
    stage.inbox_says(added)
    stage.stands(OTHER)
    stage.told(stage.posted(OTHER))
    assert stage.socket.heard == [added, 3]
    stage.inbox_says(added)
    assert list(stage.session.channels) == [GENERAL, OTHER]


@simulated
async def test_a_channel_added_while_the_inbox_was_not_heard_is_found() -> None:
    stage = Stage()
    await stage.live()
    await stage.channel(OTHER)
    stage.relay.on_link_lost(THERE)
    stage.inbox_stands()
    await settled()
    assert stage.socket.heard == [ChannelAdded(overview=await stage.overview(OTHER))]


@simulated
async def test_a_channel_added_while_channels_are_compared_is_found() -> None:
    stage = Stage()
    await stage.live()
    stage.store.gate.clear()
    stage.inbox_stands()
    await settled()
    await stage.channel(OTHER)
    stage.inbox_stands()
    stage.store.gate.set()
    await settled()
    assert stage.socket.heard == [ChannelAdded(overview=await stage.overview(OTHER))]


@simulated
async def test_news_of_the_inbox_before_the_start_comes_after_it() -> None:
    stage = Stage()
    await stage.channel()
    listening = asyncio.ensure_future(stage.session.listen(3.0))
    await settled()
    assert not listening.done()
    stage.inbox_stands()
    await listening
    overviews = await stage.store.overviews(ALICE)
    await stage.channel(OTHER)
    added = ChannelAdded(overview=await stage.overview(OTHER))
    stage.inbox_says(added)
    assert stage.socket.heard == []
    stage.session.start(overviews, None)
    assert stage.socket.heard == [added]
    assert list(stage.session.channels) == [GENERAL, OTHER]


@simulated
async def test_without_an_owner_of_the_inbox_it_does_not_begin() -> None:
    stage = Stage()
    with pytest.raises(TimeoutError):
        await stage.session.listen(3.0)


@simulated
async def test_closed_it_is_told_nothing_and_leaves_nothing() -> None:
    stage = Stage()
    await stage.live()
    stage.socket.stall()
    stage.told(stage.posted())
    stage.session.close()
    stage.socket.reading.set()
    await settled()
    stage.told(stage.posted())
    stage.inbox_says(ChannelRemoved(channel=GENERAL))
    assert stage.socket.heard == []


# -- who is looked at --------------------------------------------------------------------------


class Looking(Stage):
    """Alice's session looks at bob, with whom she is in a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.session.close()
        presences = InMemoryPresenceStore(self.tables)
        self.session = SessionActor(
            SessionId("se_alice"),
            ALICE,
            socket=self.socket,
            relay=self.relay,
            store=self.store,
            pause_bytes=PAUSE_BYTES,
            sharing=presences.sharing,
        )

    async def begin(self) -> None:
        await self.live()
        self.session.focus([], [BOB])
        await settled()
        self.says("online")

    def says(self, state: State) -> None:
        topic, event = str(presence_actor(BOB)), PresenceUpdated(user=BOB, state=state)
        self.relay.on_passed(THERE, Passed(topic=topic, event=event))

    def states(self) -> list[str]:
        return [e.state for e in self.socket.events if isinstance(e, PresenceUpdated)]


@simulated
async def test_presence_comes_of_those_who_are_looked_at() -> None:
    stage = Looking()
    await stage.begin()
    assert stage.states() == ["online"]
    stage.session.focus([GENERAL])
    stage.says("away")
    await asyncio.sleep(2.0)
    assert stage.states() == ["online"]


@simulated
async def test_presence_waits_while_the_client_lags() -> None:
    stage = Looking()
    await stage.begin()
    stage.socket.stall()
    for state in ("away", "dnd"):
        stage.says(state)
        await asyncio.sleep(2.0)
    assert stage.states() == ["online"]
    stage.socket.unsent = 0
    await asyncio.sleep(1.5)
    assert stage.states() == ["online", "dnd"]


@simulated
async def test_who_left_the_last_channel_in_common_is_not_seen_any_more() -> None:
    stage = Looking()
    await stage.begin()
    stage.told(stage.left(BOB))
    await settled()
    stage.says("away")
    await asyncio.sleep(2.0)
    assert stage.states() == ["online"]


@simulated
async def test_who_leaves_sees_those_no_more_who_stay() -> None:
    stage = Looking()
    await stage.begin()
    stage.told(stage.left(ALICE))
    await settled()
    stage.says("away")
    await asyncio.sleep(2.0)
    assert stage.states() == ["online"]


@simulated
async def test_where_presence_is_switched_off_nobody_is_looked_at() -> None:
    stage = Stage()
    await stage.live()
    topics = len(stage.relay)
    stage.session.focus([GENERAL], [BOB])
    await settled()
    assert len(stage.relay) == topics
