"""What every journal promises."""

import asyncio

from msgspec.structs import replace
from support.stores import NOW, ChatStores, committed, created, join, leave, message

from streamhub.domain.changes import (
    Committed,
    MembersJoined,
    MembersLeft,
    NotStored,
    Outcome,
    Repeated,
)
from streamhub.domain.channels import Head
from streamhub.domain.drafts import Draft


async def test_messages_are_numbered_densely_in_the_order_of_the_calls(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    messages = await chat.post(channel, alice, *(f"text {n}" for n in range(600)))
    assert [m.text for m in messages] == [f"text {n}" for n in range(600)]
    assert [m.seq for m in messages] == list(range(1, 601))
    assert [m.nth for m in messages] == list(range(1, 601))
    assert [m.rev for m in messages] == list(range(channel.head.rev + 1, channel.head.rev + 601))


async def test_a_commit_carries_the_whole_message_its_key_and_the_head(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    draft = message(channel, alice, "hi @bob", mentions=(bob,))
    outcome = committed(await chat.store(draft))
    stored = created(outcome)
    assert stored.text == "hi @bob"
    assert (stored.id, stored.author, stored.mentions) == (draft.id, alice, draft.mentions)
    assert (stored.created_at, stored.thread, stored.files) == (NOW, None, ())
    assert outcome.head == Head(term=channel.head.term, rev=stored.rev, seq=1, nth=1)
    assert outcome.change.rev == stored.rev
    assert await chat.channels.message(draft.id, bob) == stored


async def test_what_does_not_count_raises_seq_but_not_nth(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    drafts = [message(channel, alice, counts=counts) for counts in (True, False, True, False)]
    stored = [created(outcome) for outcome in await chat.store_all(drafts)]
    assert [(m.seq, m.nth) for m in stored] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert (await chat.take_over(channel.channel.id)).head.nth == 2


async def test_the_same_key_gives_the_first_message_and_its_digest(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    first_draft = message(channel, alice, "first", key="k")
    first = created(await chat.store(first_draft))
    repeats = [message(channel, alice, "first", key="k"), message(channel, alice, "new")]
    repeated, new = await chat.store_all([*repeats])
    assert repeated == Repeated(message=first, digest=first_draft.digest)
    assert created(new).seq == 2, "a repeat takes no number"
    other_body = await chat.store(message(channel, alice, "other", key="k"))
    assert other_body == Repeated(message=first, digest=first_draft.digest)


async def test_a_key_belongs_to_its_author_and_channel(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel, elsewhere = await chat.channel(alice, bob), await chat.channel(alice)
    drafts = [
        message(channel, alice, key="k"),
        message(channel, bob, key="k"),
        message(elsewhere, alice, key="k"),
    ]
    assert [created(outcome).seq for outcome in await chat.store_all(drafts)] == [1, 2, 1]


async def test_a_key_twice_in_one_batch_is_stored_once(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    drafts = [message(channel, alice, text, key="k") for text in ("a", "b")]
    outcomes = await chat.store_all([*drafts, message(channel, alice, "after")])
    assert isinstance(outcomes[0], Committed)
    assert outcomes[1] == Repeated(message=created(outcomes[0]), digest=drafts[0].digest)
    assert created(outcomes[2]).seq == 2


async def test_a_hundred_parallel_sends_of_one_key_over_two_hosts_give_one_message(
    chat: ChatStores,
) -> None:
    alice = chat.user()
    stale = await chat.channel(alice)
    channel = await chat.take_over(stale.channel.id)
    drafts = [message(channel, alice, key="k") for _ in range(50)]
    theirs = [replace(draft, id=message(stale, alice).id, term=stale.head.term) for draft in drafts]
    outcomes, others = await asyncio.gather(
        chat.store_all(drafts), chat.store_all(theirs, chat.other_journal)
    )
    first = created(next(one for one in outcomes if isinstance(one, Committed)))
    assert sum(isinstance(one, Committed) for one in outcomes) == 1
    for outcome in others:
        is_first = isinstance(outcome, Repeated) and outcome.message == first
        assert is_first or outcome == NotStored(reason="stale")
    history = await chat.channels.history(channel.channel.id, alice)
    assert history is not None
    assert history.messages == (first,)


async def test_an_older_owner_is_stale_and_takes_no_number(chat: ChatStores) -> None:
    alice = chat.user()
    older = await chat.channel(alice)
    newer = await chat.take_over(older.channel.id)
    stale = await chat.store_all(
        [message(older, alice), join(older, chat.user()), leave(older, alice)]
    )
    assert stale == [NotStored(reason="stale")] * 3
    assert created(await chat.store(message(newer, alice))).seq == 1
    assert (await chat.take_over(older.channel.id)).head.rev == newer.head.rev + 1


async def test_two_live_owners_are_never_both_accepted(chat: ChatStores) -> None:
    alice = chat.user()
    first = await chat.channel(alice)
    channel = first.channel.id
    mine, theirs = [message(first, alice) for _ in range(300)], []
    ours = asyncio.create_task(chat.store_all(mine))
    second = await chat.take_over(channel)
    theirs = await chat.store_all([message(second, alice) for _ in range(300)], chat.other_journal)
    accepted = [one for one in await ours if isinstance(one, Committed)]
    assert all(created(one).seq <= second.head.seq for one in accepted)
    assert len(accepted) == second.head.seq, "the new owner saw all that was accepted"
    seqs = [created(one).seq for one in theirs]
    assert seqs == list(range(second.head.seq + 1, second.head.seq + 301))


async def test_an_unknown_channel_is_stale(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    unknown = replace(message(channel, alice), channel=chat.channel_id())
    assert await chat.store(unknown) == NotStored(reason="stale")


async def test_a_refused_draft_fails_alone_and_leaves_no_hole(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    drafts = [message(channel, alice, f"text {n}") for n in range(50)]
    for poisoned, text in ((7, "nul \0"), (30, "lone \ud800"), (31, "\0")):
        drafts[poisoned] = message(channel, alice, text)
    outcomes = await chat.store_all(drafts)
    for number, outcome in enumerate(outcomes):
        if number in (7, 30, 31):
            assert isinstance(outcome, NotStored)
            assert outcome.reason == "refused"
    stored = [created(outcome) for outcome in outcomes if isinstance(outcome, Committed)]
    assert [m.seq for m in stored] == list(range(1, 48))
    assert (await chat.take_over(channel.channel.id)).head.seq == 47


async def test_members_of_one_draft_share_a_rev(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice)
    outcome = committed(await chat.store(join(channel, carol, bob, alice, floor_seq=None)))
    assert isinstance(outcome.change, MembersJoined)
    assert [member.user for member in outcome.change.members] == [carol, bob]
    assert {member.rev for member in outcome.change.members} == {channel.head.rev + 1}
    assert outcome.head.rev == channel.head.rev + 1
    loaded = await chat.take_over(channel.channel.id)
    assert {member.user for member in loaded.members} == {alice, bob, carol}
    assert loaded.head.rev == outcome.head.rev


async def test_who_left_is_a_tombstone_and_may_join_again(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    left = committed(await chat.store(leave(channel, bob, chat.user())))
    assert isinstance(left.change, MembersLeft)
    (gone,) = left.change.members
    assert (gone.user, gone.left_at, gone.rev) == (bob, NOW + 1, channel.head.rev + 1)
    await chat.post(channel, alice, "one", "two")
    again = committed(await chat.store(join(channel, bob, floor_seq=None, at=NOW + 2)))
    assert isinstance(again.change, MembersJoined)
    (back,) = again.change.members
    assert (back.left_at, back.joined_at, back.floor_seq) == (None, NOW + 2, 2)
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert (overview.read_seq, overview.read_nth) == (2, 2), "what was there counts as read"


async def test_a_draft_that_changes_no_member_takes_no_rev(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    for draft in (join(channel, alice, bob), leave(channel, chat.user())):
        outcome = committed(await chat.store(draft))
        assert isinstance(outcome.change, MembersJoined | MembersLeft)
        assert outcome.change.members == ()
        assert outcome.change.rev == channel.head.rev
        assert outcome.head == channel.head
        assert outcome.hints == ()


async def test_drafts_of_all_kinds_keep_their_order(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice)
    drafts: list[Draft] = [
        message(channel, alice, "before"),
        join(channel, bob, floor_seq=None),
        message(channel, alice, "@bob", mentions=(bob,)),
        leave(channel, bob),
        message(channel, alice, "@bob", mentions=(bob,)),
    ]
    outcomes = [committed(one) for one in await chat.store_all(drafts)]
    assert [one.change.rev for one in outcomes] == [2, 3, 4, 5, 6]
    kinds = [[hint.kind for hint in one.hints] for one in outcomes]
    assert kinds == [[], ["channel_added"], ["mentioned"], ["channel_removed"], []]


async def test_mentions_hint_members_but_neither_authors_nor_strangers(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    draft = message(channel, alice, mentions=(bob, alice, carol, chat.user(), bob))
    other = message(channel, bob, mentions=(carol,))
    first, second = [committed(one) for one in await chat.store_all([draft, other])]
    assert {hint.user for hint in first.hints} == {bob, carol}
    assert [hint.user for hint in second.hints] == [carol]
    overview = await chat.channels.overview(channel.channel.id, carol)
    assert overview is not None
    assert overview.mentions == 2


async def test_what_does_not_count_mentions_nobody(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (root,) = await chat.post(channel, alice, "root")
    for thread in (None, root.id):
        draft = message(channel, alice, mentions=(bob,), counts=False, thread=thread)
        silent = committed(await chat.store(draft))
        assert silent.hints == ()
        assert created(silent).mentions == draft.mentions, "it is shown all the same"
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert (overview.mentions, overview.nth) == (0, 1)


async def test_a_batch_over_many_channels_numbers_each_by_itself(chat: ChatStores) -> None:
    alice = chat.user()
    channels = [await chat.channel(alice) for _ in range(10)]
    drafts = [message(channel, alice) for _ in range(20) for channel in channels]
    seqs: dict[str, list[int]] = {}
    for outcome in await chat.store_all(drafts):
        stored = created(outcome)
        seqs.setdefault(stored.channel, []).append(stored.seq)
    assert list(seqs.values()) == [list(range(1, 21))] * 10


async def test_outcomes_are_told_later_never_during_the_call(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    told: asyncio.Queue[Outcome] = asyncio.Queue()
    chat.journal.submit(message(channel, alice), told.put_nowait)
    assert told.empty()
    assert isinstance(await told.get(), Committed)
