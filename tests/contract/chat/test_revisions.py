"""What every journal and store promise of messages that are changed."""

from support.stores import NOW, ChatStores, committed, created, join, message, revise, revised

from streamhub.domain.changes import (
    Committed,
    Declined,
    MessageDeleted,
    MessageUpdated,
    Outcome,
    Unchanged,
)
from streamhub.domain.drafts import Delete, Draft, Edit, Pin, React
from streamhub.domain.reactions import MAX_KINDS, SHOWN_USERS, Reaction


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Declined), outcome
    return outcome.code


async def test_an_edit_is_the_whole_message_and_keeps_what_it_said(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (first,) = await chat.post(channel, alice, "one")
    outcome = committed(await chat.store(revise(channel, first, alice, Edit(text="two"), at=9)))
    assert isinstance(outcome.change, MessageUpdated)
    edited = outcome.change.message
    assert (edited.id, edited.seq, edited.nth, edited.text) == (first.id, 1, 1, "two")
    assert edited.edited_at is not None
    assert edited.edited_at > first.created_at, "whatever the clock says"
    assert (edited.rev, outcome.head.rev, outcome.head.nth) == (first.rev + 1, first.rev + 1, 1)
    await chat.store(revise(channel, first, alice, Edit(text="three"), at=NOW + 7))
    found = await chat.channels.message(first.id, bob)
    assert found is not None
    assert (found.text, found.edited_at) == ("three", NOW + 7)
    editions = await chat.channels.editions(first.id, bob)
    assert editions is not None
    assert [one.text for one in editions] == ["one", "two"]
    assert [one.written_at for one in editions] == [NOW, edited.edited_at]


async def test_only_the_author_edits_and_within_the_time(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (first,) = await chat.post(channel, alice, "one")
    other = revise(channel, first, bob, Edit(text="x"), moderates=True)
    assert code(await chat.store(other)) == "forbidden"
    late = revise(channel, first, alice, Edit(text="x", within_ms=4), at=NOW + 5)
    assert code(await chat.store(late)) == "forbidden"
    in_time = revise(channel, first, alice, Edit(text="x", within_ms=5), at=NOW + 5)
    assert revised(await chat.store(in_time)).text == "x"


async def test_a_deleted_message_keeps_its_place_and_nothing_else(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    draft = message(channel, alice, "@bob", mentions=(bob,))
    first = created(await chat.store(draft))
    await chat.store(revise(channel, first, bob, React(kind="+", on=True)))
    await chat.store(revise(channel, first, bob, Pin(on=True)))
    assert code(await chat.store(revise(channel, first, bob, Delete()))) == "forbidden"
    outcome = committed(await chat.store(revise(channel, first, bob, Delete(), moderates=True)))
    assert isinstance(outcome.change, MessageDeleted)
    gone = outcome.change.message
    assert (gone.seq, gone.nth, gone.text, gone.mentions) == (1, 1, "", ())
    assert (gone.reactions, gone.pinned_at, gone.deleted_at) == ((), None, NOW + 5)
    assert outcome.head.nth == 1, "what was unread stays counted"
    assert [(hint.user, hint.kind) for hint in outcome.hints] == [(bob, "unmentioned")]
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert (overview.nth - overview.read_nth, overview.mentions) == (1, 0)
    assert await chat.channels.message(first.id, bob) == gone
    assert await chat.channels.editions(first.id, alice) == ()
    again = await chat.store(revise(channel, first, alice, Delete()))
    assert again == Unchanged(message=gone)
    for operation in (Edit(text="x"), React(kind="+", on=True), Pin(on=True)):
        assert code(await chat.store(revise(channel, first, alice, operation))) == "gone"
    repeated = await chat.store(draft)
    assert getattr(repeated, "message", None) == gone, "its key is still used"


async def test_an_edit_that_names_somebody_no_more_takes_the_mention_back(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    first = created(await chat.store(message(channel, alice, "@bob", mentions=(bob,))))
    outcome = committed(await chat.store(revise(channel, first, alice, Edit(text="nobody"))))
    assert [(hint.user, hint.kind) for hint in outcome.hints] == [(bob, "unmentioned")]
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert (overview.mentions, overview.nth) == (0, 1)


async def test_a_reaction_is_given_once_and_taken_back_once(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (first,) = await chat.post(channel, alice, "one")
    give, take = React(kind="+", on=True), React(kind="+", on=False)
    one = revised(await chat.store(revise(channel, first, bob, give)))
    assert one.reactions == (Reaction(kind="+", count=1, users=(bob,)),)
    assert await chat.store(revise(channel, first, bob, give)) == Unchanged(message=one)
    two = revised(await chat.store(revise(channel, first, alice, give)))
    assert two.reactions == (Reaction(kind="+", count=2, users=(bob, alice)),)
    await chat.store(revise(channel, first, bob, take))
    none = revised(await chat.store(revise(channel, first, alice, take)))
    assert (none.reactions, none.edited_at) == ((), None)
    assert await chat.store(revise(channel, first, alice, take)) == Unchanged(message=none)


async def test_kinds_are_limited_and_keep_their_places(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (first,) = await chat.post(channel, alice, "one")
    kinds = [f":{number}:" for number in range(MAX_KINDS)]
    for kind in kinds:
        await chat.store(revise(channel, first, bob, React(kind=kind, on=True)))
    more = revise(channel, first, alice, React(kind="more", on=True))
    assert code(await chat.store(more)) == "limit_reached"
    known = revised(await chat.store(revise(channel, first, alice, React(kind=":7:", on=True))))
    assert [one.kind for one in known.reactions] == kinds
    assert known.reactions[7].count == 2


async def test_hundreds_at_once_are_counted_and_the_first_are_shown(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (first,) = await chat.post(channel, alice, "one")
    users = [chat.user() for _ in range(400)]
    give, take = React(kind="+", on=True), React(kind="+", on=False)
    drafts: list[Draft] = [revise(channel, first, user, give) for user in users]
    outcomes = await chat.store_all([*drafts, *drafts])
    revs = {one.change.rev for one in outcomes if isinstance(one, Committed)}
    assert len(outcomes) == 800
    assert sorted(revs) == list(range(first.rev + 1, first.rev + 1 + len(revs))), "dense"
    found = await chat.channels.message(first.id, alice)
    assert found is not None
    assert found.rev == max(revs)
    (reaction,) = found.reactions
    assert (reaction.count, len(set(reaction.users))) == (400, SHOWN_USERS)
    back: list[Draft] = [revise(channel, first, user, take) for user in reaction.users[5:]]
    await chat.store_all(back)
    found = await chat.channels.message(first.id, alice)
    assert found is not None
    (fewer,) = found.reactions
    assert (fewer.count, len(set(fewer.users))) == (385, SHOWN_USERS), "others move up"
    assert fewer.users[:5] == reaction.users[:5]
    assert not {*fewer.users} & {*reaction.users[5:]}


async def test_of_contrary_reactions_at_once_the_last_one_holds(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (first,) = await chat.post(channel, alice, "one")
    drafts = [revise(channel, first, alice, React(kind="+", on=on)) for on in (True, False) * 5]
    await chat.store_all(drafts)
    found = await chat.channels.message(first.id, alice)
    assert found is not None
    assert found.reactions == ()


async def test_pins_are_listed_newest_first_by_pages(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob, visibility="private")
    stored = await chat.post(channel, alice, "a", "b", "c", "d")
    for at, one in enumerate(stored[:3]):
        pinned = revised(await chat.store(revise(channel, one, bob, Pin(on=True), at=NOW + at)))
        assert (pinned.pinned_at, pinned.pinned_by) == (NOW + at, bob)
    await chat.store(revise(channel, stored[1], alice, Pin(on=False)))
    page = await chat.channels.pins(channel.channel.id, bob, None, 1)
    assert page is not None
    assert [one.text for one in page.items] == ["c"]
    page = await chat.channels.pins(channel.channel.id, bob, page.next_cursor, 1)
    assert page is not None
    assert ([one.text for one in page.items], page.next_cursor) == (["a"], None)
    late = chat.user()
    await chat.store(join(channel, late, floor_seq=2))
    page = await chat.channels.pins(channel.channel.id, late, None, 9)
    assert page is not None
    assert [one.text for one in page.items] == ["c"]
    assert await chat.channels.pins(channel.channel.id, chat.user(), None, 9) is None


async def test_below_ones_floor_and_elsewhere_there_is_nothing(chat: ChatStores) -> None:
    alice = chat.user()
    channel, elsewhere = await chat.channel(alice), await chat.channel(alice)
    first, second = await chat.post(channel, alice, "a", "b")
    low = revise(channel, first, alice, React(kind="+", on=True), floor_seq=1)
    assert code(await chat.store(low)) == "not_found"
    assert code(await chat.store(revise(elsewhere, second, alice, Delete()))) == "not_found"
    assert await chat.channels.editions(first.id, chat.user()) is None


async def test_a_reader_gets_the_last_state_of_what_was_changed(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    first, second, third = await chat.post(channel, alice, "a", "b", "c")
    await chat.store(revise(channel, first, alice, Edit(text="A")))
    await chat.store(revise(channel, first, bob, React(kind="+", on=True)))
    await chat.store(revise(channel, second, alice, Delete()))
    changes = await chat.channels.changes(channel.channel.id, bob, third.rev, 10)
    assert changes is not None
    assert [(m.seq, m.text, len(m.reactions)) for m in changes.messages] == [
        (1, "A", 1),
        (2, "", 0),
    ]
    assert changes.to == third.rev + 3
    history = await chat.channels.history(channel.channel.id, bob)
    assert history is not None
    assert [m.text for m in history.messages] == ["A", "", "c"]


async def test_an_older_owner_revises_nothing(chat: ChatStores) -> None:
    alice = chat.user()
    older = await chat.channel(alice)
    (first,) = await chat.post(older, alice, "a")
    newer = await chat.take_over(older.channel.id)
    stale = await chat.store(revise(older, first, alice, Edit(text="x")))
    assert getattr(stale, "reason", None) == "stale"
    assert revised(await chat.store(revise(newer, first, alice, Edit(text="y")))).text == "y"


async def test_revisions_among_messages_keep_the_numbers_dense(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    first, second = await chat.post(channel, alice, "a", "b")
    drafts: list[Draft] = []
    for number in range(60):
        drafts.append(message(channel, alice))
        target = (first, second)[number % 2]
        drafts.append(revise(channel, target, alice, Edit(text=f"{number}")))
    outcomes = [committed(one) for one in await chat.store_all(drafts)]
    revs = sorted({one.change.rev for one in outcomes})
    assert revs == list(range(second.rev + 1, second.rev + 1 + len(revs)))
    posted = [created(one).seq for one in outcomes[::2]]
    assert posted == list(range(3, 63))
    assert (await chat.take_over(channel.channel.id)).head.rev == revs[-1]
