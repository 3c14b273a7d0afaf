"""The relay: whom its sessions look at, and which of its own users are away."""

import asyncio
from collections.abc import Mapping, Sequence

from support.actor_bench import ELSEWHERE, THERE, FixedDirectory, RecordingSwitch, simulated
from support.listener import Listener

from streamhub.domain.changes import MembersJoined
from streamhub.domain.channels import Member
from streamhub.domain.envelopes import (
    Away,
    Changed,
    Digest,
    Envelope,
    Interest,
    Listening,
    NoInterest,
    Passed,
    Standing,
)
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import AwayChanged, PresenceUpdated, channel_actor
from streamhub.domain.presence import State
from streamhub.transport.relay import Relay

ALICE, BOB, CAROL = UserId("us_alice"), UserId("us_bob"), UserId("us_carol")
GENERAL = ChannelId("ch_general")
INBOX, CAROLS = f"inbox:{ALICE}", f"presence:{CAROL}"


def is_(state: State) -> PresenceUpdated:
    return PresenceUpdated(user=CAROL, state=state)


class Stage:
    """A relay whose topics are all owned THERE; two sessions of alice's, one of bob's."""

    def __init__(self) -> None:
        self.directory = FixedDirectory(THERE)
        self.switch = RecordingSwitch()
        self.relay = Relay(self.directory, self.switch, self.heads)
        self.alice, self.again, self.bob = Listener(ALICE), Listener(ALICE), Listener(BOB)

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        return {}

    def stands(self, topic: str, presence: PresenceUpdated | None = None) -> None:
        standing = Standing(topic=topic, presence=presence)
        self.relay.on_listening(self.directory.default or THERE, Listening(topics=(standing,)))

    def passed(self, event: PresenceUpdated) -> None:
        self.relay.on_passed(THERE, Passed(topic=CAROLS, event=event))

    async def followed(self) -> None:
        """Alice's inbox is held, for both of her sessions."""
        self.relay.follow_inbox(self.alice)
        self.relay.follow_inbox(self.again)
        await asyncio.sleep(0)
        self.stands(INBOX)
        self.switch.sent.clear()

    def set_away(self, session: Listener, away: bool) -> None:
        session.away = away
        self.relay.away_changed(session)

    async def sent(self) -> list[Envelope]:
        """To the owner, in this pass of the loop and before."""
        await asyncio.sleep(0)
        return self.switch.to(self.directory.default or THERE)


# -- looking ---------------------------------------------------------------------------------


@simulated
async def test_who_looks_first_has_it_asked_and_others_share_the_answer() -> None:
    stage = Stage()
    assert stage.relay.look_at(stage.alice, CAROL) is None
    assert await stage.sent() == [Interest(topics=((CAROLS, -1),))]
    stage.stands(CAROLS, is_("online"))
    assert stage.alice.heard == [is_("online")]
    broadcast = stage.relay.look_at(stage.bob, CAROL)
    assert broadcast is not None
    assert broadcast.event == is_("online")
    assert await stage.sent() == []
    stage.passed(is_("away"))
    assert (stage.alice.heard[-1], stage.bob.heard) == (is_("away"), [is_("away")])


@simulated
async def test_who_looks_away_hears_no_more_and_the_last_one_ends_the_interest() -> None:
    stage = Stage()
    stage.relay.start()
    stage.relay.look_at(stage.alice, CAROL)
    await asyncio.sleep(0)
    stage.stands(CAROLS, is_("online"))
    stage.relay.look_away(stage.alice, CAROL)
    stage.passed(is_("away"))
    assert stage.alice.heard == [is_("online")]
    broadcast = stage.relay.look_at(stage.bob, CAROL)
    assert broadcast is not None
    assert broadcast.event == is_("away"), "what came while nobody looked is known, too"
    stage.relay.look_away(stage.bob, CAROL)
    await asyncio.sleep(12)
    assert NoInterest(topics=(CAROLS,)) in await stage.sent()


@simulated
async def test_what_is_out_of_date_is_not_told() -> None:
    stage = Stage()
    stage.relay.look_at(stage.alice, CAROL)
    await asyncio.sleep(0)
    stage.stands(CAROLS, is_("online"))
    stage.relay.on_link_lost(THERE)
    assert stage.relay.look_at(stage.bob, CAROL) is None
    stage.stands(CAROLS)
    assert stage.relay.look_at(stage.bob, CAROL) is None, "its owner is in doubt"
    stage.passed(is_("offline"))
    assert stage.bob.heard == [is_("offline")]


@simulated
async def test_what_is_held_is_compared_so_that_its_owner_stays_awake() -> None:
    stage = Stage()
    stage.relay.start()
    stage.relay.look_at(stage.alice, CAROL)
    await asyncio.sleep(0)
    stage.stands(CAROLS, is_("online"))
    await asyncio.sleep(11)
    assert Digest(topics=((CAROLS, -1),)) in await stage.sent()


@simulated
async def test_sessions_are_told_who_came_into_their_channels() -> None:
    stage = Stage()
    stage.relay.enter(stage.alice, GENERAL, 0)
    await asyncio.sleep(0)
    topic = str(channel_actor(GENERAL))
    standing = Standing(topic=topic, term=1, rev=0)
    stage.relay.on_listening(THERE, Listening(topics=(standing,)))
    member = Member(user=CAROL, role="member", joined_at=0, rev=1)
    change = MembersJoined(channel=GENERAL, rev=1, members=(member,))
    stage.relay.on_changed(THERE, Changed(topic=topic, term=1, change=change))
    assert stage.alice.company == [frozenset({CAROL})]


# -- being away ------------------------------------------------------------------------------


@simulated
async def test_the_inbox_is_told_when_all_sessions_are_away_and_when_one_is_not() -> None:
    stage = Stage()
    await stage.followed()
    stage.set_away(stage.alice, True)
    assert await stage.sent() == []
    stage.set_away(stage.again, True)
    assert await stage.sent() == [Away(topics=(INBOX,), away=True)]
    stage.relay.leave_inbox(stage.again)
    stage.relay.leave_inbox(stage.alice)
    assert await stage.sent() == [], "who was away is so until it is gone"
    stage.relay.follow_inbox(Listener(ALICE))
    assert await stage.sent() == [Away(topics=(INBOX,), away=False)]


@simulated
async def test_when_the_session_that_was_there_goes_the_others_are_away() -> None:
    stage = Stage()
    await stage.followed()
    stage.set_away(stage.alice, True)
    stage.relay.leave_inbox(stage.again)
    assert await stage.sent() == [Away(topics=(INBOX,), away=True)]


@simulated
async def test_a_new_owner_is_told_who_is_away() -> None:
    stage = Stage()
    await stage.followed()
    for session in (stage.alice, stage.again):
        stage.set_away(session, True)
    await stage.sent()
    stage.directory.default = ELSEWHERE
    stage.relay.on_view()
    assert await stage.sent() == [
        Interest(topics=((INBOX, -1),)),
        Away(topics=(INBOX,), away=True),
    ]


@simulated
async def test_an_owner_that_forgot_us_is_told_who_is_away() -> None:
    stage = Stage()
    await stage.followed()
    for session in (stage.alice, stage.again):
        stage.set_away(session, True)
    await stage.sent()
    stage.stands(INBOX)  # the answer to a digest
    assert await stage.sent() == [Away(topics=(INBOX,), away=True)]


@simulated
async def test_what_a_user_says_for_all_sessions_reaches_them_and_not_the_client() -> None:
    stage = Stage()
    await stage.followed()
    stage.alice.heard.clear()
    stage.relay.on_passed(THERE, Passed(topic=INBOX, event=AwayChanged(away=True)))
    assert stage.alice.heard == [("away", True)]
