"""One channel as a client holds it: changes, pages, resets and counts, one by one."""

from msgspec import structs

from streamhub.client.channel_state import ChannelState, Need
from streamhub.client.events import (
    ChannelAdded,
    ChannelRemoved,
    ChannelReset,
    ChannelUpdated,
    ClientEvent,
    MemberLeft,
    MessageChanged,
    MessagePosted,
    PresenceUpdated,
    ReadUpdated,
    TypingStarted,
)
from streamhub.client.model import Model
from streamhub.protocol import frames
from streamhub.protocol.connection import Rules
from streamhub.protocol.frames import (
    ChannelObject,
    ChannelOverview,
    ChannelSync,
    Event,
    History,
    MemberEvent,
    MemberObject,
    MessageEvent,
    MessageHistory,
    MessageObject,
    NotificationCounts,
    ReadState,
    Ready,
    SyncPage,
    UserObject,
)
from streamhub.protocol.presence import PresenceObject

CHANNEL = "ch_" + "0" * 26
ALICE = "us_" + "a" * 26


def overview(rev: int = 0, seq: int = 0, read: int = 0) -> ChannelOverview:
    return ChannelOverview(
        id=CHANNEL,
        kind="channel",
        name="general",
        role="member",
        rev=rev,
        last_seq=seq,
        nth=seq,
        read_seq=read,
        read_nth=read,
        unread=seq - read,
        mentions=0,
    )


def message(seq: int, rev: int | None = None) -> MessageObject:
    return MessageObject(
        id=f"me_{seq:026d}",
        channel=CHANNEL,
        seq=seq,
        nth=seq,
        rev=rev or seq,
        author=ALICE,
        text=f"{seq} at {rev or seq}",
        created_at=seq,
    )


def page(start: int, to: int, *messages: MessageObject, more: bool = False) -> SyncPage:
    return SyncPage(
        channel=CHANNEL, from_rev=start, to_rev=to, messages=messages, members=(), more=more
    )


def need_of(state: ChannelState) -> Need | None:
    return state.need


def posted(happened: object) -> list[int]:
    assert isinstance(happened, list)
    return [event.message.seq for event in happened if isinstance(event, MessagePosted)]


def live(state: ChannelState, posting: MessageObject) -> list[int]:
    return posted(state.change(posting.rev, MessageEvent(message=posting), None))


def ready(*channels: ChannelOverview) -> Ready:
    return Ready(
        session="se_" + "0" * 26,
        user=UserObject(id=ALICE, handle="alice", name="Alice"),
        channels=channels,
        notifications=NotificationCounts(unread=0),
        limits=Rules().as_limits,
    )


def test_what_was_there_before_is_history_and_not_posted() -> None:
    state = ChannelState(overview(rev=7, seq=5), keep=10)
    assert live(state, message(6, rev=8)) == [6]
    assert state.recent == (message(6, rev=8),)


def test_a_hole_is_asked_for_and_nothing_is_posted_before_it_is_filled() -> None:
    state = ChannelState(overview(), keep=10)
    assert live(state, message(2)) == []
    assert state.need == ChannelSync(channel=CHANNEL, rev=0)
    assert posted(state.page(page(0, 2, message(1), message(2)))) == [1, 2]
    assert state.need is None


def test_a_change_heard_while_a_page_was_on_its_way_is_asked_for() -> None:
    state = ChannelState(overview(), keep=10)
    live(state, message(2))
    live(state, message(3))
    state.page(page(0, 2, message(1), message(2)))
    assert state.need == ChannelSync(channel=CHANNEL, rev=2)


def test_a_message_that_was_edited_since_is_waited_for_between_two_pages() -> None:
    state = ChannelState(overview(), keep=10)
    live(state, message(4))
    assert posted(state.page(page(0, 2, message(2), more=True))) == []
    assert live(state, message(3)) == []  # an event that was older than the page
    assert posted(state.page(page(2, 5, message(3), message(4), message(1, rev=5)))) == [1, 2, 3, 4]


def test_pages_of_the_server_follow_without_being_asked_for() -> None:
    state = ChannelState(overview(), keep=10)
    state.stands(overview(rev=3, seq=3))
    assert state.need is None
    assert posted(state.pushed(page(0, 2, message(1), message(2), more=True))) == [1, 2]
    assert state.need is None
    state.lost()
    assert state.need == ChannelSync(channel=CHANNEL, rev=2)


def test_after_a_reset_messages_come_from_history_and_then_live_again() -> None:
    state = ChannelState(overview(), keep=10)
    assert state.reset(6000) == [ChannelReset(CHANNEL)]
    assert not state.resumable
    assert state.need == MessageHistory(channel=CHANNEL, after=0, limit=200)
    first = History(items=(message(1), message(2)), has_before=False, has_after=True, rev=6000)
    assert posted(state.filled(first)) == [1, 2]
    assert live(state, message(4, rev=6002)) == []  # later than the history we are about to get
    last = History(items=(message(3),), has_before=True, has_after=False, rev=6001)
    assert posted(state.filled(last)) == [3]
    assert need_of(state) == ChannelSync(channel=CHANNEL, rev=6001)
    assert posted(state.page(page(6001, 6002, message(4, rev=6002)))) == [4]


def test_a_message_that_is_known_in_this_form_has_not_changed() -> None:
    state = ChannelState(overview(), keep=10)
    live(state, message(1))
    assert state.page(page(0, 1, message(1))) == []
    assert state.page(page(1, 2, message(1, rev=2))) == [MessageChanged(message(1, rev=2))]
    assert state.recent == (message(1, rev=2),)


def test_only_the_newest_messages_are_kept() -> None:
    state = ChannelState(overview(), keep=3)
    for seq in range(1, 8):
        live(state, message(seq))
    assert [held.seq for held in state.recent] == [5, 6, 7]


def test_unread_is_counted_from_nth_and_set_by_what_was_read() -> None:
    state = ChannelState(overview(rev=5, seq=5, read=3), keep=10)
    live(state, message(6))
    assert state.overview.unread == 3
    read = ReadState(channel=CHANNEL, read_seq=6, read_nth=6, unread=0, mentions=0)
    assert state.read(read) == [ReadUpdated(read)]
    assert state.read(read) == []
    assert (state.overview.unread, state.overview.read_seq) == (0, 6)


def test_a_count_from_before_the_newest_message_does_not_hide_it() -> None:
    state = ChannelState(overview(), keep=10)
    for seq in (1, 2, 3):
        live(state, message(seq))
    late = ReadState(channel=CHANNEL, read_seq=0, read_nth=0, unread=2, mentions=1)
    assert state.read(late) == [ReadUpdated(structs.replace(late, unread=3))]
    assert (state.overview.unread, state.overview.mentions) == (3, 1)
    state.added(overview(rev=2, seq=2))
    assert (state.overview.unread, state.overview.mentions) == (3, 1)


def test_members_and_properties_come_in_the_order_of_their_revs() -> None:
    state = ChannelState(overview(), keep=10)
    gone = MemberObject(user=ALICE, role="member", joined_at=1, left=True, rev=1)
    info = ChannelObject(
        id=CHANNEL,
        kind="channel",
        name="renamed",
        visibility="public",
        created_at=1,
        created_by=ALICE,
        rev=2,
    )
    assert state.change(1, MemberEvent(channel=CHANNEL, members=(gone,)), None) == [
        MemberLeft(CHANNEL, gone)
    ]
    body = frames.ChannelEvent(channel=info)
    assert state.change(2, body, None) == [ChannelUpdated(info)]
    assert state.overview.name == "renamed"


def test_channels_come_and_go_once() -> None:
    model = Model(10)
    model.ready(ready(), epoch=1)
    added = Event(name="channel.added", body=frames.ChannelAdded(channel=overview(rev=1)))
    removed = Event(name="channel.removed", body=frames.ChannelRef(channel=CHANNEL))
    assert model.take(added) == [ChannelAdded(overview(rev=1))]
    assert model.take(added) == []
    assert model.take(removed) == [ChannelRemoved(CHANNEL)]
    assert model.take(removed) == []


def test_a_new_connection_tells_what_came_and_went_meanwhile() -> None:
    model = Model(10)
    model.ready(ready(overview()), epoch=1)
    assert model.ready(ready(), epoch=1) == [ChannelRemoved(CHANNEL)]
    assert model.ready(ready(overview(rev=4)), epoch=1) == [ChannelAdded(overview(rev=4))]


def test_under_another_epoch_a_channel_begins_anew_where_it_stands() -> None:
    model = Model(10)
    model.ready(ready(overview(rev=9, seq=9)), epoch=1)
    assert model.ready(ready(overview(rev=4, seq=4)), epoch=2) == [ChannelReset(CHANNEL)]
    since = model.since()
    assert since is not None
    assert (since.epoch, since.channels) == (2, {CHANNEL: 4})
    reset = Event(name="sync.reset", body=frames.SyncReset(channel=CHANNEL, rev=4))
    assert model.take(reset) == []
    event = Event(name="message.created", rev=5, body=MessageEvent(message=message(5)))
    assert posted(model.take(event)) == [5]


def test_who_is_busy_hears_later_what_can_be_told_later() -> None:
    model = Model(10)
    model.ready(ready(overview()), epoch=1)
    typing = Event(name="typing.started", body=frames.Typing(channel=CHANNEL, user=ALICE))
    event = Event(name="message.created", rev=1, body=MessageEvent(message=message(1)))
    assert model.take(typing) == [TypingStarted(CHANNEL, ALICE)]
    assert model.take(typing, busy=True) == []
    assert model.take(event, busy=True) == []
    need = model.next_need()
    assert need == ChannelSync(channel=CHANNEL, rev=0)
    happened: list[ClientEvent] = list(model.answer(need, page(0, 1, message(1))))
    assert posted(happened) == [1]
    assert model.next_need() is None


def test_presence_is_held_of_those_one_looks_at_while_there_is_a_connection() -> None:
    model = Model(10)
    model.ready(ready(overview()), epoch=1)
    away = PresenceObject(user=ALICE, state="away")
    event = Event(name="presence.updated", body=away)
    assert model.take(event) == []
    model.look_at((ALICE,))
    assert model.take(event) == [PresenceUpdated(away)]
    assert model.take(event, busy=True) == []
    assert model.presences == {ALICE: away}
    model.lost()
    assert model.presences == {}
    model.take(event)
    model.look_at(())
    assert model.presences == {}


def test_a_hidden_conversation_stays_so_until_something_is_unread() -> None:
    state = ChannelState(overview(3, 3, 3), keep=9)
    seen = [state.hidden]
    state.added(structs.replace(overview(3, 3, 3), hidden_nth=3))
    seen.append(state.hidden)
    state.change(4, MessageEvent(message=message(4)), None)
    assert [*seen, state.hidden] == [False, True, False]


def test_what_is_told_late_hides_a_conversation_and_takes_nothing_else_back() -> None:
    state = ChannelState(overview(3, 3, 3), keep=9)
    state.change(4, MessageEvent(message=structs.replace(message(4), nth=3)), None)
    assert state.rev == 4
    state.added(structs.replace(overview(3, 3, 3), hidden_nth=3))
    assert state.hidden
    assert state.overview.last_seq == 4
