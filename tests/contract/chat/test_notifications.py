"""What every store promises of what users are notified of."""

import secrets

import pytest
from msgspec.structs import replace
from support.stores import NOW, ChatStores, committed, created, join, leave, message, revise

from streamhub.domain.changes import Hint, Outcome
from streamhub.domain.channels import Loaded, Mention
from streamhub.domain.drafts import Delete, Edit
from streamhub.domain.errors import Refused
from streamhub.domain.ids import NOTIFICATION, NotificationId, UserId, make_id
from streamhub.domain.notifications import KEPT_READ_MS, Notification, told_by
from streamhub.domain.reading import read_up_to


def new_id() -> NotificationId:
    return NotificationId(make_id(NOTIFICATION, NOW, secrets.token_bytes(10)))


def hints_of(outcome: Outcome, user: UserId) -> list[Hint]:
    return [hint for hint in committed(outcome).hints if hint.user == user]


async def take(
    chat: ChatStores, user: UserId, outcome: Outcome, at: int = NOW
) -> tuple[Notification, ...]:
    """As the inbox does."""
    hints = hints_of(outcome, user)
    told = told_by(hints, new_id)
    return await chat.notifications.take(user, told, at) if told else ()


async def listed(chat: ChatStores, user: UserId) -> list[tuple[str, int | None, bool]]:
    page = await chat.notifications.page(user, None, 50)
    return [(one.kind, one.seq, one.read_at is None) for one in page.items]


async def mention(chat: ChatStores, channel: Loaded, by: UserId, *users: UserId) -> Outcome:
    return await chat.store(message(channel, by, "hi " * 200, mentions=users))


async def test_a_mention_is_kept_once_however_often_it_is_told(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    outcome = await mention(chat, channel, alice, bob)
    (made,) = await take(chat, bob, outcome)
    assert (made.kind, made.by, made.message) == ("mention", alice, created(outcome).id)
    assert made.excerpt == ("hi " * 200)[:200]
    assert await take(chat, bob, outcome) == ()
    assert await chat.notifications.unread(bob) == 1
    assert await chat.notifications.unread(alice) == 0
    assert (await chat.notifications.page(bob, None, 1)).items == (made,)


async def test_what_the_outbox_tells_again_says_which_message_it_is_about(
    chat: ChatStores,
) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    outcome = await mention(chat, channel, alice, bob)
    due = [hint for hint in await chat.outbox.due(0, 10_000) if hint.user == bob]
    assert due[-1] == hints_of(outcome, bob)[0]
    assert (due[-1].seq, due[-1].rev) == (created(outcome).seq, created(outcome).rev)


async def test_who_follows_a_thread_hears_of_replies(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    (root,) = await chat.post(channel, alice, "root")
    first = await chat.store(message(channel, bob, thread=root.id))
    assert [one.kind for one in await take(chat, alice, first)] == ["reply"]
    assert await take(chat, carol, first) == ()
    second = await chat.store(message(channel, carol, thread=root.id, mentions=(bob,)))
    assert [one.kind for one in await take(chat, bob, second)] == ["mention"]
    assert [one.thread for one in await take(chat, alice, second)] == [root.id]
    assert await take(chat, carol, second) == ()
    await chat.channels.mark_thread(alice, root.id, following=False)
    third = await chat.store(message(channel, carol, thread=root.id))
    assert not hints_of(third, alice)
    uncounted = await chat.store(message(channel, alice, thread=root.id, counts=False))
    assert {hint.kind for hint in committed(uncounted).hints} == {"replied"}
    silent = await chat.store(replace(message(channel, alice, thread=root.id), silent=True))
    assert not committed(silent).hints


async def test_a_direct_conversation_has_one_that_is_brought_forward(chat: ChatStores) -> None:
    alice, bob = sorted((chat.user(), chat.user()))
    channel = await chat.channel(alice, bob)
    posts = [await chat.store(replace(message(channel, alice), others=(bob,))) for _ in range(3)]
    (first,) = await take(chat, bob, posts[0], NOW)
    (second,) = await take(chat, bob, posts[2], NOW + 9)
    assert await take(chat, bob, posts[1], NOW + 10) == (), "an older one comes late"
    assert (first.kind, first.id) == ("direct", second.id)
    assert await listed(chat, bob) == [("direct", created(posts[2]).seq, True)]
    assert await chat.notifications.read(bob, [first.id], NOW + 11) == (first.id,)
    assert await take(chat, bob, posts[2], NOW + 12) == ()
    named = await chat.store(replace(message(channel, alice, mentions=(bob,)), others=(bob,)))
    assert [hint.kind for hint in hints_of(named, bob)] == ["mentioned"]
    again = await chat.store(replace(message(channel, alice), others=(bob,)))
    (third,) = await take(chat, bob, again, NOW + 13)
    assert (third.id, third.read_at) == (first.id, None)


async def test_who_is_added_by_another_hears_of_it_each_time(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice)
    added = await chat.store(replace(join(channel, bob), by=alice))
    (made,) = await take(chat, bob, added)
    assert (made.kind, made.by, made.message) == ("added", alice, None)
    assert await take(chat, bob, added) == ()
    gone = await chat.store(leave(channel, bob))
    assert await listed(chat, bob) == []
    assert await chat.notifications.unread(bob) == 0
    channels = [hint.channel for hint in hints_of(gone, bob)]
    assert await chat.notifications.tidy(bob, channels) == (made.id,)
    own = await chat.store(replace(join(channel, bob), by=bob))
    assert await take(chat, bob, own) == ()


async def test_an_edit_notifies_whom_it_newly_mentions_and_takes_back(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    outcome = await mention(chat, channel, alice, bob)
    await take(chat, bob, outcome)
    named = (Mention(user=carol, offset=0, length=1),)
    edit = Edit(text="hi carol", mentions=named)
    edited = await chat.store(revise(channel, created(outcome), alice, edit))
    (made,) = await take(chat, carol, edited)
    assert (made.kind, made.excerpt) == ("mention", "hi carol")
    assert len(await chat.notifications.tidy(bob, [channel.channel.id])) == 1
    assert await take(chat, bob, outcome) == (), "told late, it is no mention any more"
    further = Edit(text="hello carol", mentions=named)
    again = await chat.store(revise(channel, created(outcome), alice, further))
    assert not hints_of(again, carol)


async def test_a_deleted_message_takes_its_notifications_away(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    (root,) = await chat.post(channel, alice, "root")
    reply = await chat.store(message(channel, bob, thread=root.id, mentions=(carol,)))
    (hers,) = await take(chat, alice, reply)
    deleted = await chat.store(revise(channel, created(reply), bob, Delete()))
    told = {hint.user: hint.kind for hint in committed(deleted).hints}
    assert told == {alice: "unmentioned", carol: "unmentioned"}
    assert await listed(chat, alice) == []
    assert await chat.notifications.tidy(alice, [channel.channel.id]) == (hers.id,)
    assert await take(chat, carol, reply) == ()
    assert await take(chat, alice, reply) == ()


async def test_reading_some_all_up_to_one_or_a_channel(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    one, other = await chat.channel(alice, bob), await chat.channel(alice, bob)
    made = [
        (await take(chat, bob, await mention(chat, channel, alice, bob), NOW + number))[0]
        for number, channel in enumerate((one, one, other, one))
    ]
    store = chat.notifications
    assert await store.read(alice, [made[0].id], NOW) == ()
    assert await store.read(bob, [made[0].id, new_id()], NOW) == (made[0].id,)
    assert await store.read(bob, [made[0].id], NOW) == ()
    assert await store.read_up_to(alice, made[1].id, NOW) is None
    assert await store.read_up_to(bob, made[1].id, NOW) == (made[1].id,)
    assert await store.read_channels(bob, {one.channel.id: 2}, NOW) == ()
    assert await store.read_channels(bob, {one.channel.id: 3}, NOW) == (made[3].id,)
    assert await store.unread(bob) == 1
    assert [unread for *_, unread in await listed(chat, bob)] == [False, True, False, False]


async def test_reading_a_thread_reads_its_replies_up_to_there(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (root,) = await chat.post(channel, alice, "root")
    replies = [await chat.store(message(channel, bob, thread=root.id)) for _ in range(2)]
    first, second = [(await take(chat, alice, reply))[0] for reply in replies]
    (other,) = await take(chat, alice, await mention(chat, channel, bob, alice))
    store, place = chat.notifications, (channel.channel.id, root.id)
    assert await store.read_thread(bob, *place, 9, NOW) == ()
    assert await store.read_thread(alice, *place, 1, NOW) == ()
    assert await store.read_thread(alice, *place, 2, NOW) == (first.id,)
    assert await store.read_thread(alice, *place, 9, NOW) == (second.id,)
    (left,) = [one for one in (await store.page(alice, None, 9)).items if not one.read_at]
    assert left.id == other.id


async def test_pages_come_newest_first(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    for number in range(5):
        await take(chat, bob, await mention(chat, channel, alice, bob), NOW + number // 2)
    found: list[int | None] = []
    cursor: str | None = None
    while True:
        page = await chat.notifications.page(bob, cursor, 2)
        found += [one.seq for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found[0] == 5
    assert sorted(one or 0 for one in found) == [1, 2, 3, 4, 5]
    for bad in ("x", "1.me_1", f"-1.{new_id()}"):
        with pytest.raises(Refused, match="cursor"):
            await chat.notifications.page(bob, bad, 2)


async def test_a_muted_channel_notifies_of_nothing_until_it_is_over(chat: ChatStores) -> None:
    alice, bob, stranger = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    id = channel.channel.id
    assert not await chat.notifications.set_level(stranger, id, "none", None)
    assert await chat.notifications.set_level(bob, id, "none", NOW + 5)
    overview = await chat.channels.overview(id, bob)
    assert overview is not None
    assert (overview.notify, overview.notify_until) == ("none", NOW + 5)
    assert await chat.notifications.levels(bob, [id]) == {id: ("none", NOW + 5)}
    assert await chat.notifications.levels(alice, [id]) == {}
    assert await take(chat, bob, await mention(chat, channel, alice, bob), NOW + 4) == ()
    assert await take(chat, bob, await mention(chat, channel, alice, bob), NOW + 5)
    assert await chat.notifications.set_level(bob, id, "none", None)
    assert await take(chat, bob, await mention(chat, channel, alice, bob), NOW + 6) == ()
    assert await chat.notifications.set_level(bob, id, "mentions", None)
    assert await take(chat, bob, await mention(chat, channel, alice, bob), NOW + 7)


async def test_what_was_read_before_it_came_is_kept_as_read(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    outcome = await mention(chat, channel, alice, bob)
    await chat.channels.mark_read(bob, [(channel.channel.id, read_up_to(1))])
    (made,) = await take(chat, bob, outcome)
    assert made.read_at == NOW
    assert await chat.notifications.unread(bob) == 0


async def test_read_ones_go_after_a_while(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    early = 1_000_000  # before what other tests of the same database read
    made = [(await take(chat, bob, await mention(chat, channel, alice, bob)))[0] for _ in range(3)]
    for number in (0, 1):
        await chat.notifications.read(bob, [made[number].id], early + number)
    assert await chat.notifications.prune(early + KEPT_READ_MS - 1, 10) == 0
    assert await chat.notifications.prune(early + KEPT_READ_MS + 1, 1) == 1
    assert await chat.notifications.prune(early + KEPT_READ_MS + 1, 10) == 1
    assert [one for *_, one in await listed(chat, bob)] == [True]


async def test_with_too_many_unread_ones_the_oldest_go(
    chat: ChatStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("notifications", "memory.notifications"):
        monkeypatch.setattr(f"streamhub.persistence.{module}.MAX_UNREAD", 3)
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    for number in range(5):
        await take(chat, bob, await mention(chat, channel, alice, bob), NOW + number)
    assert await chat.notifications.unread(bob) == 3
    assert [seq for _, seq, _ in await listed(chat, bob)] == [5, 4, 3]
