"""What every store promises of messages that the server writes: who came and who went."""

from msgspec.structs import replace
from support.stores import NOW, ChatStores, committed, join, leave, note, revise, revised

from streamhub.domain.changes import Declined, MembersJoined, MembersLeft, MessageCreated
from streamhub.domain.channels import Loaded, Message, SystemNote, Wrote
from streamhub.domain.drafts import BanDraft, Delete, Edit, InfoDraft, React
from streamhub.domain.ids import UserId
from streamhub.domain.search import parsed


async def added(chat: ChatStores, channel: Loaded, by: UserId, *users: UserId) -> Message:
    draft = replace(join(channel, *users), note=note(by, "added", *users))
    [change] = committed(await chat.store(draft)).also
    assert isinstance(change, MessageCreated)
    return change.message


async def test_the_note_follows_its_change_and_is_unread_for_nobody(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    channel = await chat.channel(ann)
    [said] = await chat.post(channel, ann, "hello")
    draft = replace(join(channel, bob, floor_seq=None), note=note(ann, "added", bob))
    outcome = committed(await chat.store(draft))
    [created] = outcome.also
    assert isinstance(outcome.change, MembersJoined)
    assert isinstance(created, MessageCreated)
    told = created.message
    assert (told.author, told.text, told.created_at) == (ann, "", NOW)
    assert told.system == SystemNote(kind="added", users=(bob,))
    assert (told.seq, told.nth, told.rev) == (said.seq + 1, said.nth, outcome.change.rev + 1)
    assert (outcome.head.seq, outcome.head.nth, outcome.head.rev) == (told.seq, told.nth, told.rev)
    assert (await chat.take_over(channel.channel.id)).head.rev == told.rev

    page = await chat.channels.history(channel.channel.id, bob)
    assert page is not None
    assert page.messages == (told,), "who joins sees that, and what was before only where it may"
    assert await chat.channels.message(told.id, ann) == told
    missed = await chat.channels.changes(channel.channel.id, ann, said.rev, 100)
    assert missed is not None
    assert (missed.messages, missed.to) == ((told,), told.rev)
    overview = await chat.channels.overview(channel.channel.id, bob)
    assert overview is not None
    assert overview.nth == overview.read_nth


async def test_only_those_are_named_whom_it_changed(chat: ChatStores) -> None:
    ann, bob, carol = (chat.user() for _ in range(3))
    channel = await chat.channel(ann, bob)
    told = await added(chat, channel, ann, bob, carol)
    assert told.system == SystemNote(kind="added", users=(carol,))
    again = replace(join(channel, bob), note=note(ann, "added", bob))
    outcome = committed(await chat.store(again))
    assert (outcome.also, outcome.head.rev, outcome.head.seq) == ((), told.rev, told.seq)


async def test_who_leaves_and_who_is_banned_is_named(chat: ChatStores) -> None:
    ann, bob, carol = (chat.user() for _ in range(3))
    channel = await chat.channel(ann, bob, carol)
    ban = BanDraft(
        channel=channel.channel.id,
        term=channel.head.term,
        users=(carol,),
        at=NOW,
        note=note(ann, "removed", carol),
    )
    for draft in (replace(leave(channel, bob), note=note(bob, "removed", bob)), ban):
        outcome = committed(await chat.store(draft))
        assert isinstance(outcome.change, MembersLeft)
        [told] = outcome.also
        assert isinstance(told, MessageCreated)
        assert told.message.system == SystemNote(kind="removed", users=draft.users)
        assert told.rev == outcome.change.rev + 1 == outcome.head.rev


async def test_nothing_of_it_is_stored_for_an_older_owner(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    channel = await chat.channel(ann)
    newer = await chat.take_over(channel.channel.id)
    await chat.store(replace(join(channel, bob), note=note(ann, "added", bob)))
    assert (await chat.take_over(channel.channel.id)).head.rev == newer.head.rev
    page = await chat.channels.history(channel.channel.id, ann)
    assert page is not None
    assert page.messages == ()


async def test_nobody_edits_it_and_moderators_delete_it(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    channel = await chat.channel(ann)
    told = await added(chat, channel, ann, bob)
    edited = await chat.store(revise(channel, told, ann, Edit(text="else"), moderates=True))
    deleted = await chat.store(revise(channel, told, ann, Delete()))
    assert isinstance(edited, Declined)
    assert isinstance(deleted, Declined)
    assert edited.code == deleted.code == "forbidden"
    liked = revised(await chat.store(revise(channel, told, bob, React(kind="wave", on=True))))
    assert (liked.system, len(liked.reactions)) == (told.system, 1)
    gone = revised(await chat.store(revise(channel, told, ann, Delete(), moderates=True)))
    assert gone.deleted_at is not None


async def test_it_is_not_found_and_no_message_of_its_author(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    channel = await chat.channel(ann)
    slow = InfoDraft(
        channel=channel.channel.id, term=channel.head.term, at=NOW, rules={"slow_mode_s": 2**31}
    )
    await chat.store(slow)
    [said] = await chat.post(channel, ann, "hello")
    await added(chat, channel, ann, bob)
    await chat.index.index([channel.channel.id], 100)
    found = await chat.search.search(ann, parsed("from:me"), frozenset({ann}), None, 10)
    assert [one.id for one in found.items] == [said.id]
    wrote = (await chat.take_over(channel.channel.id)).wrote
    assert all(isinstance(one, Wrote) and one.at == said.created_at for one in wrote)
    assert len(wrote) == 1
