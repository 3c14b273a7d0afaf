"""The relay's topics: asked, looking, held; what is dropped, asked for again, repaired."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from support.actor_bench import HERE, THERE, FixedDirectory, RecordingSwitch, simulated
from support.listener import Listener

from streamhub.domain.changes import Change, MembersJoined, MembersLeft
from streamhub.domain.channels import Member
from streamhub.domain.envelopes import (
    Changed,
    Digest,
    Interest,
    Listening,
    NoInterest,
    NotOwner,
    Passed,
    Standing,
)
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import ChannelRemoved, TypingStarted, channel_actor, inbox_actor
from streamhub.transport.relay import Relay

ALICE, BOB = UserId("us_alice"), UserId("us_bob")
GENERAL, QUIET = ChannelId("ch_general"), ChannelId("ch_quiet")
TOPIC = str(channel_actor(GENERAL))


class Stage:
    """A relay whose topics are all owned THERE."""

    def __init__(self) -> None:
        self.directory = FixedDirectory(THERE)
        self.switch = RecordingSwitch()
        self.revs: dict[ChannelId, int] = {}
        self.looked_up: list[ChannelId] = []
        self.store_is_away = False
        self.relay = Relay(self.directory, self.switch, self.heads)
        self.alice, self.bob = Listener(ALICE), Listener(BOB)

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        self.looked_up += channels
        await asyncio.sleep(0.01)
        if self.store_is_away:
            raise TryAgain("unavailable")
        return {channel: self.revs[channel] for channel in channels if channel in self.revs}

    async def held(self, rev: int, term: int = 1, *, live: bool = True) -> None:
        """The channel stands at `rev`, and alice follows it."""
        self.relay.start()
        self.relay.enter(self.alice, GENERAL, rev)
        await asyncio.sleep(0)
        self.switch.sent.clear()
        self.stands(rev, term)
        if live:
            assert self.relay.settle(self.alice, GENERAL, rev)
        self.alice.heard.clear()

    def stands(self, rev: int, term: int = 1, changes: tuple[Change, ...] | None = None) -> None:
        standing = Standing(topic=TOPIC, term=term, rev=rev, changes=changes)
        self.relay.on_listening(THERE, Listening(topics=(standing,)))

    def sleeps(self) -> None:
        self.relay.on_listening(THERE, Listening(topics=(Standing(topic=TOPIC),)))

    def changed(self, rev: int, term: int = 1, change: Change | None = None) -> None:
        what = change or joined(rev)
        self.relay.on_changed(THERE, Changed(topic=TOPIC, term=term, change=what))

    def asks(self) -> list[Interest]:
        return [e for e in self.switch.to(THERE) if isinstance(e, Interest)]

    def is_held(self) -> bool:
        return self.relay.held(GENERAL)


def joined(rev: int) -> MembersJoined:
    return MembersJoined(channel=GENERAL, rev=rev, members=())


def left(rev: int, *users: UserId) -> MembersLeft:
    members = tuple(
        Member(user=user, role="member", joined_at=0, rev=rev, left_at=1) for user in users
    )
    return MembersLeft(channel=GENERAL, rev=rev, members=members)


# -- asking ------------------------------------------------------------------------------------


@simulated
async def test_all_that_is_asked_in_one_pass_goes_in_one_message() -> None:
    stage = Stage()
    stage.relay.enter(stage.alice, GENERAL, 5)
    stage.relay.enter(stage.bob, GENERAL, 5)
    stage.relay.enter(stage.alice, QUIET, 1)
    await asyncio.sleep(0)
    [interest] = stage.asks()
    assert interest.topics == ((TOPIC, -1), (str(channel_actor(QUIET)), -1))


@simulated
async def test_what_is_not_answered_is_asked_again_every_second() -> None:
    stage = Stage()
    stage.relay.start()
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(3.5)
    assert len(stage.asks()) == 4


@simulated
async def test_an_answer_makes_it_held_and_those_who_follow_are_told() -> None:
    stage = Stage()
    assert not stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    stage.stands(5)
    assert stage.is_held()
    assert stage.alice.heard == [("stands", 5)]
    assert stage.relay.settle(stage.alice, GENERAL, 5)
    assert stage.relay.enter(stage.bob, GENERAL, 5), "held already: live at once"


@simulated
async def test_an_answer_of_who_is_not_the_owner_is_dropped() -> None:
    stage = Stage()
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    stage.directory.default = HERE
    stage.relay.on_view()
    stage.stands(5)
    assert not stage.is_held()


@simulated
async def test_an_answer_of_an_older_term_is_dropped() -> None:
    stage = Stage()
    await stage.held(5, term=4)
    stage.relay.on_link_lost(THERE)
    stage.stands(7, term=3)
    assert not stage.is_held()


@simulated
async def test_who_does_not_own_it_is_asked_again_later() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.on_not_owner(THERE, NotOwner(topics=(TOPIC,), version=2))
    assert not stage.is_held()
    await asyncio.sleep(1.1)
    assert [interest.topics for interest in stage.asks()] == [((TOPIC, 5),)]


@simulated
async def test_without_an_owner_nobody_is_asked_until_there_is_one() -> None:
    stage = Stage()
    stage.directory.default = None
    stage.relay.start()
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(2.5)
    assert stage.switch.sent == []
    stage.directory.default = THERE
    await asyncio.sleep(1.0)
    assert len(stage.asks()) == 1


# -- sleeping topics ------------------------------------------------------------------------------


@simulated
async def test_where_a_sleeping_channel_stands_the_store_knows() -> None:
    stage = Stage()
    stage.revs[GENERAL] = 8
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    stage.sleeps()
    assert not stage.is_held()
    await asyncio.sleep(0.1)
    assert stage.is_held()
    assert stage.alice.heard == [("stands", 8)]


@simulated
async def test_a_channel_that_wakes_while_it_is_looked_up_stands_at_its_event() -> None:
    stage = Stage()
    stage.revs[GENERAL] = 8
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    stage.sleeps()
    stage.changed(9)
    assert stage.alice.heard == [("stands", 9)]
    await asyncio.sleep(0.1)
    assert stage.alice.heard == [("stands", 9)], "what the store said is older"


@simulated
async def test_what_cannot_be_looked_up_is_asked_again() -> None:
    stage = Stage()
    stage.store_is_away = True
    stage.relay.start()
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    stage.switch.sent.clear()
    stage.sleeps()
    await asyncio.sleep(1.1)
    assert not stage.is_held()
    assert len(stage.asks()) == 1


@simulated
async def test_a_channel_that_sleeps_on_is_looked_up_early_and_then_rarely() -> None:
    stage = Stage()
    stage.revs[GENERAL] = 5
    stage.relay.enter(stage.alice, GENERAL, 5)
    await asyncio.sleep(0)
    for _ in range(24):
        stage.sleeps()
        await asyncio.sleep(0.1)
    assert len(stage.looked_up) == 3 + 2


@simulated
async def test_what_a_sleeping_channel_hid_is_asked_for() -> None:
    stage = Stage()
    stage.revs[GENERAL] = 7
    await stage.held(5)
    stage.sleeps()
    await asyncio.sleep(0.1)
    assert [interest.topics for interest in stage.asks()] == [((TOPIC, 5),)]


# -- events -----------------------------------------------------------------------------------


@simulated
async def test_events_reach_those_who_are_live_in_order() -> None:
    stage = Stage()
    await stage.held(5)
    for rev in (6, 7, 8):
        stage.changed(rev)
    assert stage.alice.heard == [6, 7, 8]


@simulated
async def test_what_is_held_already_is_dropped() -> None:
    stage = Stage()
    await stage.held(5)
    for rev in (6, 6, 4, 7):
        stage.changed(rev)
    assert stage.alice.heard == [6, 7]


@simulated
async def test_an_event_of_an_older_term_is_dropped() -> None:
    stage = Stage()
    await stage.held(5, term=4)
    stage.changed(6, term=3)
    assert stage.alice.heard == []
    stage.changed(6, term=5)
    stage.changed(7, term=4)
    assert stage.alice.heard == [6]


@simulated
async def test_a_gap_is_asked_for_and_nothing_passes_until_it_is_answered() -> None:
    stage = Stage()
    await stage.held(5)
    stage.changed(7)
    stage.changed(8)
    assert not stage.is_held()
    await asyncio.sleep(0)
    assert [interest.topics for interest in stage.asks()] == [((TOPIC, 5),)]
    stage.stands(8, changes=(joined(6), joined(7), joined(8)))
    stage.changed(9)
    assert stage.alice.heard == [6, 7, 8, 9]
    assert stage.relay.repairs == 0


@simulated
async def test_what_the_owner_no_longer_has_at_hand_must_be_pulled() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.on_link_lost(THERE)
    stage.stands(300)
    assert stage.alice.heard == [("behind", 5), ("stands", 300)]
    stage.changed(301)
    assert stage.alice.heard[2:] == [("stands", 301)], "not live, and told how far it goes"
    assert stage.relay.settle(stage.alice, GENERAL, 301)
    stage.changed(302)
    assert stage.alice.heard[3:] == [302]


@simulated
async def test_a_session_that_is_ahead_does_not_act_again_on_what_it_has() -> None:
    stage = Stage()
    await stage.held(5)
    assert not stage.relay.enter(stage.bob, GENERAL, 7), "the store told it of more"
    stage.changed(6, change=left(6, BOB))
    assert "left" not in stage.bob.heard
    assert 6 not in stage.bob.heard
    stage.changed(7)
    assert stage.bob.heard[-1] == ("stands", 7)
    assert stage.relay.settle(stage.bob, GENERAL, 7)
    stage.changed(8)
    assert stage.bob.heard[1:] == [("stands", 7), 8]


@simulated
async def test_who_is_removed_gets_that_event_and_nothing_later() -> None:
    stage = Stage()
    await stage.held(5)
    assert stage.relay.enter(stage.bob, GENERAL, 5)
    stage.changed(6, change=left(6, BOB))
    stage.changed(7)
    assert stage.bob.heard == [6, "left"]
    assert stage.alice.heard == [6, 7]


@simulated
async def test_a_session_that_fell_behind_gets_nothing_live() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.fall_behind(stage.alice, GENERAL)
    stage.changed(6)
    assert stage.alice.heard == [("stands", 6)]
    assert stage.relay.lacks(GENERAL, 5)
    assert not stage.relay.lacks(GENERAL, 6)


@simulated
async def test_what_passes_reaches_everybody_who_follows() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.enter(stage.bob, GENERAL, 3)
    typing = TypingStarted(channel=GENERAL, user=ALICE)
    stage.relay.on_passed(THERE, Passed(topic=TOPIC, event=typing))
    assert (stage.alice.heard[-1], stage.bob.heard[-1]) == (typing, typing)


# -- lost links, views, digests ---------------------------------------------------------------


@simulated
async def test_after_a_lost_link_the_owner_is_asked_for_what_was_missed() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.on_link_lost(HERE)
    assert stage.is_held()
    stage.relay.on_link_lost(THERE)
    stage.changed(6)
    assert stage.alice.heard == []
    await asyncio.sleep(1.1)
    assert [interest.topics for interest in stage.asks()] == [((TOPIC, 5),)]
    stage.stands(6, changes=(joined(6),))
    assert stage.alice.heard == [6]


@simulated
async def test_a_new_owner_is_asked_at_once() -> None:
    stage = Stage()
    await stage.held(5)
    stage.directory.default = HERE
    stage.relay.on_view()
    await asyncio.sleep(0)
    assert not stage.is_held()
    assert stage.switch.to(HERE) == [Interest(topics=((TOPIC, 5),))]


@simulated
async def test_a_digest_names_the_channels_that_were_quiet() -> None:
    stage = Stage()
    await stage.held(5)
    await asyncio.sleep(5.5)
    assert stage.switch.to(THERE) == [], "it was not quiet for a whole turn yet"
    await asyncio.sleep(5.0)
    assert stage.switch.to(THERE) == [Digest(topics=((TOPIC, 5),))]
    stage.changed(6)
    await asyncio.sleep(5.0)
    assert stage.switch.to(THERE) == []


@simulated
async def test_what_only_a_digest_found_is_counted() -> None:
    stage = Stage()
    await stage.held(5)
    stage.stands(6, changes=(joined(6),))
    assert (stage.alice.heard, stage.relay.repairs) == ([6], 1)
    stage.stands(6)
    assert stage.relay.repairs == 1


@simulated
async def test_what_a_new_owner_tells_by_itself_is_no_repair() -> None:
    stage = Stage()
    await stage.held(5, term=1)
    stage.stands(6, term=2)
    assert (stage.alice.heard[0], stage.relay.repairs) == (("behind", 5), 0)


# -- coming and going -----------------------------------------------------------------------------


@simulated
async def test_a_topic_without_sessions_is_kept_for_a_while_and_then_given_up() -> None:
    stage = Stage()
    await stage.held(5)
    stage.relay.leave(stage.alice, [GENERAL])
    await asyncio.sleep(9.5)
    assert stage.relay.enter(stage.bob, GENERAL, 5)
    stage.relay.leave(stage.bob, [GENERAL])
    stage.switch.sent.clear()
    await asyncio.sleep(12.0)
    assert len(stage.relay) == 0
    assert NoInterest(topics=(TOPIC,)) in stage.switch.to(THERE)


@simulated
async def test_what_was_forgotten_is_not_asked_for() -> None:
    stage = Stage()
    stage.directory.default = None
    stage.relay.start()
    stage.relay.enter(stage.alice, GENERAL, 5)
    stage.relay.leave(stage.alice, [GENERAL])
    await asyncio.sleep(10.5)
    stage.directory.default = THERE
    await asyncio.sleep(5.0)
    assert stage.asks() == []


@simulated
async def test_a_users_inbox_is_heard_once_its_owner_listens() -> None:
    stage = Stage()
    topic = str(inbox_actor(ALICE))
    assert not stage.relay.follow_inbox(stage.alice)
    stage.relay.on_listening(THERE, Listening(topics=(Standing(topic=topic),)))
    assert stage.alice.heard == ["inbox stands"]
    assert stage.relay.follow_inbox(stage.alice)
    removed = ChannelRemoved(channel=GENERAL)
    stage.relay.on_passed(THERE, Passed(topic=topic, event=removed))
    assert stage.alice.heard[-1] == removed
    stage.relay.leave_inbox(stage.alice)
    stage.relay.on_passed(THERE, Passed(topic=topic, event=removed))
    assert len(stage.alice.heard) == 2


@simulated
async def test_an_inbox_that_was_not_listened_to_after_all_is_told_of() -> None:
    stage = Stage()
    topic = str(inbox_actor(ALICE))
    stage.relay.follow_inbox(stage.alice)
    for _ in range(2):  # the second answers a digest: our interest had been forgotten there
        stage.relay.on_listening(THERE, Listening(topics=(Standing(topic=topic),)))
    assert stage.alice.heard == ["inbox stands", "inbox stands"]


@simulated
async def test_closing_ends_what_runs() -> None:
    stage = Stage()
    await stage.held(5)
    stage.sleeps()
    await stage.relay.close()
    stage.switch.sent.clear()
    await asyncio.sleep(20.0)
    assert stage.switch.sent == []


@pytest.mark.parametrize("rev", [-1, 0])
def test_a_topic_that_is_not_known_lacks_nothing(rev: int) -> None:
    assert not Stage().relay.lacks(GENERAL, rev)
