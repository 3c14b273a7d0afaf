"""What every journal and store promise of replies."""

from support.stores import (
    NOW,
    ChatStores,
    committed,
    created,
    join,
    leave,
    message,
    revise,
    revised,
)

from streamhub.domain.changes import Committed, Declined, MessageUpdated, NotStored, Repeated
from streamhub.domain.drafts import Delete, MessageDraft
from streamhub.domain.ids import MessageId


async def test_a_reply_changes_what_it_replies_to_in_the_same_commit(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (root,) = await chat.post(channel, alice, "root")
    outcome = committed(await chat.store(message(channel, bob, "a", thread=root.id, counts=False)))
    reply = created(outcome)
    assert (reply.seq, reply.nth, reply.rev, reply.thread) == (2, 1, root.rev + 1, root.id)
    (also,) = outcome.also
    assert isinstance(also, MessageUpdated)
    assert (also.rev, outcome.head.rev, outcome.head.seq) == (root.rev + 2, root.rev + 2, 2)
    assert (also.message.replies, also.message.last_reply_seq) == (1, 2)
    assert also.message.last_reply_at == NOW
    assert await chat.channels.message(root.id, bob) == also.message
    assert await chat.channels.message(reply.id, bob) == reply
    loaded = await chat.take_over(channel.channel.id)
    assert (loaded.head.rev, loaded.head.seq, loaded.head.nth) == (root.rev + 2, 2, 1)


async def test_many_replies_at_once_are_all_counted_and_dense(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    one, two = await chat.post(channel, alice, "one", "two")
    drafts = [message(channel, alice, thread=(one, two)[n % 2].id) for n in range(80)]
    outcomes = [committed(outcome) for outcome in await chat.store_all(drafts)]
    assert [created(outcome).seq for outcome in outcomes] == list(range(3, 83))
    revs = [rev.rev for outcome in outcomes for rev in (outcome.change, *outcome.also)]
    assert revs == list(range(two.rev + 1, two.rev + 1 + len(revs))), "dense, as they are told"
    for root in (one, two):
        found = await chat.channels.message(root.id, alice)
        assert found is not None
        assert found.replies == 40
    assert outcomes[-1].head.rev == revs[-1] == (await chat.take_over(one.channel)).head.rev


async def test_messages_and_replies_of_a_channel_keep_their_order(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (root,) = await chat.post(channel, alice, "root")
    drafts = [message(channel, alice, thread=root.id if n % 3 else None) for n in range(30)]
    outcomes = await chat.store_all(drafts)
    assert [created(outcome).seq for outcome in outcomes] == list(range(2, 32))


async def test_a_reply_that_is_sent_again_is_the_first_one(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (root,) = await chat.post(channel, alice, "root")
    draft = message(channel, alice, "a", key="k", thread=root.id)
    first = created(await chat.store(draft))
    assert await chat.store(draft) == Repeated(message=first, digest=draft.digest)
    twice = [message(channel, alice, "b", key="l", thread=root.id) for _ in range(2)]
    one, other = await chat.store_all(twice)
    assert isinstance(one, Committed)
    assert getattr(other, "message", None) == created(one)
    found = await chat.channels.message(root.id, alice)
    assert found is not None
    assert found.replies == 2


async def test_what_cannot_be_replied_to_is_said(chat: ChatStores) -> None:
    alice = chat.user()
    channel, elsewhere = await chat.channel(alice), await chat.channel(alice)
    root, gone = await chat.post(channel, alice, "root", "gone")
    reply = created(await chat.store(message(channel, alice, thread=root.id)))
    await chat.store(revise(channel, gone, alice, Delete()))
    head = (await chat.take_over(channel.channel.id)).head
    channel = await chat.take_over(channel.channel.id)

    async def code(draft: MessageDraft) -> str:
        outcome = await chat.store(draft)
        assert isinstance(outcome, Declined), outcome
        return outcome.code

    assert await code(message(channel, alice, thread=gone.id)) == "gone"
    assert await code(message(channel, alice, thread=reply.id)) == "bad_request"
    assert await code(message(channel, alice, thread=MessageId("me_none"))) == "not_found"
    assert await code(message(channel, alice, thread=root.id, floor_seq=1)) == "not_found"
    assert await code(message(elsewhere, alice, thread=root.id)) == "not_found"
    assert (await chat.take_over(channel.channel.id)).head.rev == head.rev


async def test_an_older_owner_replies_nothing(chat: ChatStores) -> None:
    alice = chat.user()
    older = await chat.channel(alice)
    (root,) = await chat.post(older, alice, "root")
    await chat.take_over(older.channel.id)
    stale = await chat.store(message(older, alice, thread=root.id))
    assert stale == NotStored(reason="stale")


async def test_a_thread_is_read_by_pages(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    root, other = await chat.post(channel, alice, "root", "other")
    for text in "abcd":
        await chat.store(message(channel, bob, text, thread=root.id))
        await chat.store(message(channel, bob, text, thread=other.id))
    id = channel.channel.id
    page = await chat.channels.replies(id, root.id, alice, limit=3)
    assert page is not None
    assert [one.text for one in page.messages] == ["b", "c", "d"]
    assert (page.has_before, page.has_after) == (True, False)
    page = await chat.channels.replies(id, root.id, alice, before=page.messages[0].seq)
    assert page is not None
    assert [one.text for one in page.messages] == ["a"]
    assert await chat.channels.replies(id, root.id, chat.user()) is None
    nothing = await chat.channels.replies((await chat.channel(alice)).channel.id, root.id, alice)
    assert nothing is not None
    assert nothing.messages == ()


async def test_who_began_and_who_replied_follow_and_count_what_they_have_not_read(
    chat: ChatStores,
) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    (root,) = await chat.post(channel, alice, "root")
    replies = [
        created(await chat.store(message(channel, author, thread=root.id)))
        for author in (bob, carol, bob)
    ]

    async def unread() -> list[list[int]]:
        pages = [await chat.channels.threads(user, None, 9) for user in (alice, bob, carol)]
        return [[thread.unread for thread in page.items] for page in pages]

    assert await unread() == [[3], [0], [1]]
    marked = await chat.channels.mark_thread(alice, root.id, seq=replies[1].seq)
    assert marked is not None
    assert (marked.unread, marked.following, marked.root.replies) == (1, True, 3)
    again = await chat.channels.mark_thread(alice, root.id, seq=1)
    assert again == marked, "never lower"
    ended = await chat.channels.mark_thread(alice, root.id, following=False)
    assert ended is not None
    assert (ended.unread, ended.following) == (1, False)
    await chat.store(message(channel, bob, thread=root.id))
    assert await unread() == [[], [0], [2]], "she said no; he read on by replying"
    await chat.store(message(channel, alice, thread=root.id))
    assert await unread() == [[0], [1], [3]], "who replies follows again"
    await chat.store(leave(channel, carol))
    assert await unread() == [[0], [1], []]
    assert await chat.channels.mark_thread(alice, replies[0].id, seq=1) is None
    assert await chat.channels.mark_thread(chat.user(), root.id, seq=1) is None


async def test_threads_are_listed_by_pages_above_ones_floor(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    roots = await chat.post(channel, alice, "one", "two", "three")
    for root in roots:
        await chat.store(message(channel, bob, thread=root.id))
    newest = sorted((root.id for root in roots), reverse=True)
    page = await chat.channels.threads(bob, None, 2)
    assert [one.root.id for one in page.items] == newest[:2]
    page = await chat.channels.threads(bob, page.next_cursor, 2)
    assert ([one.root.id for one in page.items], page.next_cursor) == (newest[2:], None)
    await chat.store(leave(channel, bob))
    await chat.store(join(channel, bob, floor_seq=1))
    page = await chat.channels.threads(bob, None, 9)
    assert {one.root.id for one in page.items} == {root.id for root in roots[1:]}


async def test_a_deleted_reply_stays_counted(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (root,) = await chat.post(channel, alice, "root")
    reply = created(await chat.store(message(channel, alice, thread=root.id)))
    gone = revised(await chat.store(revise(channel, reply, alice, Delete())))
    assert (gone.thread, gone.text) == (root.id, "")
    found = await chat.channels.message(root.id, alice)
    assert found is not None
    assert found.replies == 1
