"""What every store of channels promises to those who read."""

import asyncio

import pytest
from msgspec.structs import replace
from support.stores import NOW, ChatStores, committed, join, leave, message

from streamhub.domain.channels import Channel, Member, Message, ReadMarker
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import MessageId, UserId
from streamhub.domain.reading import Marking, read_up_to, unread_from

NEVER_A_VIEW, NEWEST_VIEW = -1, 2**62


def new_channel(chat: ChatStores, creator: UserId) -> Channel:
    return Channel(
        id=chat.channel_id(),
        kind="channel",
        visibility="public",
        created_by=creator,
        created_at=NOW,
        name="general",
        topic="all of it",
    )


async def test_a_new_channel_is_at_rev_1_with_its_creator_as_owner(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channels.create(new_channel(chat, alice), key="k", digest=b"1")
    assert channel.rev == 1
    loaded = await chat.take_over(channel.id)
    assert loaded.channel == channel
    (owner,) = loaded.members
    assert (owner.user, owner.role, owner.joined_at, owner.rev) == (alice, "owner", NOW, 1)
    assert (loaded.head.term, loaded.head.rev, loaded.head.seq, loaded.head.nth) == (1, 1, 0, 0)


async def test_the_same_key_gives_the_first_channel(chat: ChatStores) -> None:
    alice = chat.user()
    first, *others = await asyncio.gather(
        *(chat.channels.create(new_channel(chat, alice), key="k", digest=b"1") for _ in range(10))
    )
    assert others == [first] * 9
    with pytest.raises(Refused) as caught:
        await chat.channels.create(new_channel(chat, alice), key="k", digest=b"2")
    assert caught.value.code == "key_reused"
    bobs = await chat.channels.create(new_channel(chat, chat.user()), key="k", digest=b"2")
    assert bobs.id != first.id, "a key is its creator's"


async def test_each_take_over_raises_the_term(chat: ChatStores) -> None:
    channel = (await chat.channel()).channel.id
    terms = [loaded.head.term for loaded in [await chat.take_over(channel) for _ in range(3)]]
    assert terms == [terms[0], terms[0] + 1, terms[0] + 2]
    assert await chat.channels.take_over(chat.channel_id(), view=1) is None


async def test_an_owner_by_an_older_view_does_not_take_a_channel_back(chat: ChatStores) -> None:
    channel = (await chat.channel()).channel.id
    newer = await chat.channels.take_over(channel, view=7)
    with pytest.raises(TryAgain, match="newer view"):
        await chat.channels.take_over(channel, view=6)
    again = await chat.channels.take_over(channel, view=7)
    assert newer is not None
    assert again is not None
    assert again.head.term == newer.head.term + 1


async def test_an_overview_counts_what_is_unread(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    await chat.post(channel, alice, "one", "two")
    await chat.store(message(channel, alice, mentions=(bob,)))
    (overview,) = await chat.channels.overviews(bob)
    assert overview == await chat.channels.overview(channel.channel.id, bob)
    told = (overview.id, overview.kind, overview.name)
    assert told == (channel.channel.id, channel.channel.kind, channel.channel.name)
    assert (overview.role, overview.mentions) == ("member", 1)
    assert (overview.read_seq, overview.read_nth) == (0, 0)
    assert (overview.seq, overview.nth, overview.rev) == (3, 3, 5)
    assert await chat.channels.overview(channel.channel.id, chat.user()) is None


async def test_many_who_read_their_overviews_at_once_get_each_their_own(chat: ChatStores) -> None:
    readers = [chat.user() for _ in range(40)]
    for number, user in enumerate(readers):
        for _ in range(number % 3):
            await chat.channel(user)
    alone = [await chat.channels.overviews(user) for user in readers]
    together = await asyncio.gather(*(chat.channels.overviews(user) for user in readers * 2))
    assert [len(theirs) for theirs in alone] == [number % 3 for number in range(40)]
    assert [set(theirs) for theirs in together] == [set(theirs) for theirs in alone * 2]


async def test_who_left_sees_no_more(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob, visibility="private")
    (posted,) = await chat.post(channel, alice, "one")
    id, store = channel.channel.id, chat.channels
    assert await store.message(posted.id, bob) == posted
    await chat.store(leave(channel, bob))
    assert await store.overviews(bob) == ()
    assert await store.overview(id, bob) is None
    assert await store.get(id, bob) is None
    assert await store.members(id, bob, None, 10) is None
    assert await store.changes(id, bob, 0, 10) is None
    assert await store.history(id, bob) is None
    assert await store.message(posted.id, bob) is None
    assert await store.mark_read(bob, [(id, read_up_to(1))]) == ()
    assert await store.memberships([alice, bob]) == {alice: 1, bob: 0}


async def test_a_public_channel_is_known_to_all_and_read_by_members(chat: ChatStores) -> None:
    stranger = chat.user()
    channel = (await chat.channel()).channel
    assert await chat.channels.get(channel.id, stranger) == channel
    assert await chat.channels.history(channel.id, stranger) is None
    assert await chat.channels.message(MessageId("me_unknown"), stranger) is None
    assert await chat.channels.get(chat.channel_id(), stranger) is None


async def test_heads_are_the_present_revs_of_known_channels(chat: ChatStores) -> None:
    alice = chat.user()
    first, second = await chat.channel(alice), await chat.channel(alice)
    await chat.post(second, alice, "one", "two")
    ids = [first.channel.id, second.channel.id]
    heads = await chat.channels.heads([*ids, chat.channel_id()])
    assert heads == {ids[0]: 1, ids[1]: 3}


async def test_discovery_shows_mine_and_public_ones_newest_first(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    mine = (await chat.channel(alice, visibility="private")).channel
    public = (await chat.channel(bob, visibility="public")).channel
    foreign = (await chat.channel(bob, visibility="private")).channel
    seen: list[Channel] = []
    cursor = None
    while not {mine.id, public.id} <= {channel.id for channel in seen}:
        page = await chat.channels.discover(alice, cursor, 1)
        seen += page.items
        cursor = page.next_cursor
    ids = [channel.id for channel in seen]
    assert ids == sorted(ids, reverse=True)
    assert mine in seen
    assert public in seen
    assert foreign not in seen


async def test_members_come_in_order_of_joining_page_by_page(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    users = [chat.user() for _ in range(7)]
    for at, user in enumerate(reversed(users)):
        await chat.store(join(channel, user, at=NOW + 1 + at // 2))
    await chat.store(leave(channel, users[3]))
    seen: list[Member] = []
    cursor = None
    while True:
        page = await chat.channels.members(channel.channel.id, alice, cursor, 3)
        assert page is not None
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
    order = [(member.joined_at, member.user) for member in seen]
    assert order == sorted(order)
    assert {member.user for member in seen} == {alice, *users} - {users[3]}


@pytest.mark.parametrize("cursor", ["", "x", "1.2.3", "-1.us_x", "ch_0", "9" * 30 + ".us_x"])
async def test_a_cursor_of_another_make_is_refused(chat: ChatStores, cursor: str) -> None:
    alice = chat.user()
    channel = (await chat.channel(alice)).channel.id
    for reading in (
        chat.channels.discover(alice, cursor, 10),
        chat.channels.members(channel, alice, cursor, 10),
    ):
        with pytest.raises(Refused) as caught:
            await reading
        assert (caught.value.code, caught.value.field) == ("bad_request", "cursor")


async def test_changes_are_state_and_pages_join_without_a_gap(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice)
    await chat.post(channel, alice, "one", "two")
    await chat.store(join(channel, bob, carol))
    await chat.post(channel, bob, "three")
    await chat.store(leave(channel, carol))
    whole = await chat.channels.changes(channel.channel.id, alice, 0, 100)
    assert whole is not None
    assert (whole.since, whole.to, whole.behind, whole.more) == (0, 6, 6, False)
    assert [m.text for m in whole.messages] == ["one", "two", "three"]
    assert [(m.rev, m.user, m.left_at) for m in whole.members] == [
        (1, alice, None),
        (4, bob, None),
        (6, carol, NOW + 1),
    ]
    assert whole.channel == channel.channel
    messages: list[Message] = []
    members: list[Member] = []
    since, more = 0, True
    while more:
        page = await chat.channels.changes(channel.channel.id, alice, since, 2)
        assert page is not None
        assert page.since == since < page.to
        assert (page.channel is None) == (since > 0)
        messages += page.messages
        members += page.members
        since, more = page.to, page.more
    assert (tuple(messages), tuple(members), since) == (whole.messages, whole.members, 6)


async def test_who_lacks_nothing_gets_nothing(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    changes = await chat.channels.changes(channel.channel.id, alice, 1, 100)
    assert changes is not None
    assert (changes.to, changes.behind, changes.more) == (1, 0, False)
    assert (changes.messages, changes.members, changes.channel) == ((), (), None)


async def test_below_the_floor_nothing_is_shown_but_revs_advance(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice)
    hidden = await chat.post(channel, alice, "one", "two", "three")
    await chat.store(join(channel, bob, floor_seq=None))
    shown = await chat.post(channel, alice, "four")
    changes = await chat.channels.changes(channel.channel.id, bob, 0, 2)
    assert changes is not None
    assert (changes.to, changes.more, changes.messages) == (5, True, ())
    rest = await chat.channels.changes(channel.channel.id, bob, changes.to, 2)
    assert rest is not None
    assert (rest.to, rest.more, rest.messages) == (6, False, tuple(shown))
    for anchor in ({}, {"before": 99}, {"after": 0}, {"around": 2}):
        history = await chat.channels.history(channel.channel.id, bob, **anchor)
        assert history is not None
        assert (history.messages, history.has_before) == (tuple(shown), False)
    assert await chat.channels.message(hidden[0].id, bob) is None
    assert await chat.channels.message(hidden[0].id, alice) == hidden[0]


async def test_changes_under_load_are_one_snapshot(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    writing = asyncio.create_task(chat.post(channel, alice, *(str(n) for n in range(1500))))
    since, seqs = 1, list[int]()
    while len(seqs) < 1500:
        changes = await chat.channels.changes(channel.channel.id, alice, since, 100)
        assert changes is not None
        assert [m.rev for m in changes.messages] == list(range(since + 1, changes.to + 1))
        seqs += [m.seq for m in changes.messages]
        since = changes.to
        await asyncio.sleep(0)
    assert seqs == list(range(1, 1501))
    await writing


@pytest.mark.parametrize(
    ("anchor", "seqs", "has_before", "has_after"),
    [
        ({}, [7, 8, 9, 10], True, False),
        ({"before": 4}, [1, 2, 3], False, True),
        ({"before": 6}, [2, 3, 4, 5], True, True),
        ({"before": 1}, [], False, True),
        ({"after": 0}, [1, 2, 3, 4], False, True),
        ({"after": 6}, [7, 8, 9, 10], True, False),
        ({"after": 10}, [], True, False),
        ({"around": 5}, [3, 4, 5, 6], True, True),
        ({"around": 1}, [1, 2], False, True),
        ({"around": 10}, [8, 9, 10], True, False),
    ],
)
async def test_history_pages(
    chat: ChatStores, anchor: dict[str, int], seqs: list[int], has_before: bool, has_after: bool
) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await chat.post(channel, alice, *(str(n) for n in range(10)))
    history = await chat.channels.history(channel.channel.id, alice, **anchor, limit=4)
    assert history is not None
    assert [m.seq for m in history.messages] == seqs
    assert (history.has_before, history.has_after, history.rev) == (has_before, has_after, 11)


async def test_an_empty_channel_has_an_empty_history(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    history = await chat.channels.history(channel.channel.id, alice)
    assert history is not None
    assert (history.messages, history.has_before, history.has_after) == ((), False, False)


async def test_read_markers_never_go_back_nor_beyond_the_head(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    id = channel.channel.id
    for counts, named in ((True, ()), (False, ()), (True, (bob,)), (True, (bob,))):
        await chat.store(message(channel, alice, counts=counts, mentions=named))

    async def mark(seq: int) -> tuple[int, int, int, int]:
        (marker,) = await chat.channels.mark_read(bob, [(id, read_up_to(seq))])
        assert isinstance(marker, ReadMarker)
        assert marker.nth == 3
        return marker.read_seq, marker.read_nth, marker.unread, marker.mentions

    assert await mark(0) == (0, 0, 3, 2)
    assert await mark(2) == (2, 1, 2, 2)
    assert await mark(3) == (3, 2, 1, 1)
    assert await mark(1) == (3, 2, 1, 1)
    assert await mark(999) == (4, 3, 0, 0)
    assert await mark(-5) == (4, 3, 0, 0)
    overview = await chat.channels.overview(id, bob)
    assert overview is not None
    assert (overview.read_seq, overview.read_nth, overview.mentions) == (4, 3, 0)


async def test_a_read_marker_is_moved_back_and_never_forward_by_that(chat: ChatStores) -> None:
    alice, bob, late = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    id = channel.channel.id
    await chat.post(channel, alice, "one")
    await chat.store(message(channel, alice, counts=False))
    await chat.store(message(channel, alice, mentions=(bob,)))
    await chat.store(join(channel, late, floor_seq=None))
    await chat.post(channel, alice, "four")

    async def mark(user: UserId, *markings: Marking) -> tuple[int, int, int, int]:
        marks = [(id, marking) for marking in markings]
        (marker,) = await chat.channels.mark_read(user, marks)
        return marker.read_seq, marker.read_nth, marker.unread, marker.mentions

    assert await mark(bob, unread_from(3)) == (0, 0, 3, 1), "it was not read yet"
    assert await mark(bob, read_up_to(4)) == (4, 3, 0, 0)
    assert await mark(bob, unread_from(3)) == (2, 1, 2, 1)
    assert await mark(bob, read_up_to(4), unread_from(2), read_up_to(1)) == (1, 1, 2, 1)
    assert await mark(bob, unread_from(1), read_up_to(3)) == (3, 2, 1, 0)
    assert await mark(bob, unread_from(1)) == (0, 0, 3, 1)
    assert await mark(late, unread_from(1)) == (3, 2, 1, 0), "what is hidden is not unread"


async def test_many_channels_are_marked_at_once(chat: ChatStores) -> None:
    alice = chat.user()
    channels = [await chat.channel(alice) for _ in range(5)]
    for channel in channels:
        await chat.post(channel, alice, "one", "two")
    ids = [channel.channel.id for channel in channels]
    foreign = (await chat.channel()).channel.id
    marks = [(id, read_up_to(seq)) for id in reversed(ids) for seq in (2, 1)]
    others = [(foreign, read_up_to(1)), (chat.channel_id(), read_up_to(1))]
    markers = await chat.channels.mark_read(alice, [*marks, *others])
    assert [(m.channel, m.read_seq) for m in markers] == [(id, 2) for id in reversed(ids)]


async def test_the_creators_other_sessions_are_told_of_a_new_channel(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channels.create(new_channel(chat, alice), key="k", digest=b"1")
    hints = [hint for hint in await chat.outbox.due(0, 10_000) if hint.user == alice]
    assert [(hint.kind, hint.channel) for hint in hints] == [("channel_added", channel.id)]


async def test_hints_wait_in_the_outbox_until_they_are_taken(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    outcome = committed(await chat.store(message(channel, alice, mentions=(bob,))))
    (hint,) = outcome.hints
    assert (hint.user, hint.kind, hint.channel) == (bob, "mentioned", channel.channel.id)
    due = await chat.outbox.due(0, 10_000)
    assert hint in due
    numbers = [one.number for one in due]
    assert numbers == sorted(numbers)
    assert hint not in await chat.outbox.due(60_000, 10_000)
    assert len(await chat.outbox.due(0, 1)) == 1
    await chat.outbox.taken([hint.number], view=NEVER_A_VIEW)
    assert hint in await chat.outbox.due(0, 10_000), "an outdated owner takes none"
    await chat.outbox.taken([hint.number, hint.number], view=NEWEST_VIEW)
    await chat.outbox.taken([], view=NEWEST_VIEW)
    assert hint not in await chat.outbox.due(0, 10_000)


async def test_who_joins_again_has_the_new_role_and_floor(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    await chat.store(leave(channel, bob))
    await chat.store(replace(join(channel, bob, floor_seq=None), role="moderator"))
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert overview.role == "moderator"
