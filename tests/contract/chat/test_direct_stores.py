"""What every store of channels promises of direct conversations."""

import asyncio

from support.stores import NOW, ChatStores

from streamhub.domain.channels import Channel
from streamhub.domain.ids import UserId


def new_direct(chat: ChatStores, *users: UserId) -> Channel:
    return Channel(
        id=chat.channel_id(),
        kind="direct" if len(users) <= 2 else "group",
        visibility="private",
        created_by=users[0],
        created_at=NOW,
        users=tuple(sorted(users)),
    )


async def test_a_conversation_begins_with_all_of_its_people(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    opened = await chat.channels.open_direct(new_direct(chat, ann, bob))
    assert (opened.rev, opened.users) == (1, tuple(sorted((ann, bob))))
    loaded = await chat.take_over(opened.id)
    assert loaded.channel == opened
    assert {(member.user, member.role) for member in loaded.members} == {
        (ann, "member"),
        (bob, "member"),
    }
    for user in (ann, bob):
        (overview,) = await chat.channels.overviews(user)
        assert (overview.id, overview.kind, overview.users) == (opened.id, "direct", opened.users)
        hints = {hint.kind for hint in await chat.outbox.due(0, 1000) if hint.user == user}
        assert hints == {"channel_added"}


async def test_the_same_people_have_one_conversation_whoever_opens_it(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    wanted = [new_direct(chat, *pair) for pair in ((ann, bob), (bob, ann)) for _ in range(50)]
    opened = await asyncio.gather(*map(chat.channels.open_direct, wanted))
    assert len({channel.id for channel in opened}) == 1
    assert await chat.channels.direct(opened[0].users) == opened[0]
    assert await chat.channels.memberships([ann, bob]) == {ann: 1, bob: 1}
    assert len([hint for hint in await chat.outbox.due(0, 1000) if hint.user == ann]) == 1


async def test_other_people_have_another_one(chat: ChatStores) -> None:
    ann, bob, eve = chat.user(), chat.user(), chat.user()
    pair = await chat.channels.open_direct(new_direct(chat, ann, bob))
    group = await chat.channels.open_direct(new_direct(chat, ann, bob, eve))
    assert (pair.kind, group.kind) == ("direct", "group")
    assert pair.id != group.id
    assert await chat.channels.direct(tuple(sorted((bob, eve)))) is None


async def test_a_conversation_is_found_by_its_people_only(chat: ChatStores) -> None:
    ann, bob, eve = chat.user(), chat.user(), chat.user()
    opened = await chat.channels.open_direct(new_direct(chat, ann, bob))
    assert await chat.channels.get(opened.id, bob) == opened
    assert await chat.channels.get(opened.id, eve) is None
    assert opened in (await chat.channels.discover(ann, None, 10)).items
    assert opened not in (await chat.channels.discover(eve, None, 200)).items
    changes = await chat.channels.changes(opened.id, bob, 0, 10)
    assert changes is not None
    assert changes.channel == opened


async def test_channels_have_no_set_of_people(chat: ChatStores) -> None:
    ann = chat.user()
    await chat.channel(ann)
    await chat.channel(ann)
    assert [overview.users for overview in await chat.channels.overviews(ann)] == [(), ()]
    assert await chat.channels.direct(()) is None
