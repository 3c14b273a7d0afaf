"""What every store promises of direct conversations that somebody took off their list."""

from support.stores import NOW, ChatStores, message

from streamhub.domain.channels import Channel
from streamhub.domain.ids import ChannelId, UserId


async def a_direct(chat: ChatStores, *users: UserId) -> ChannelId:
    direct = Channel(
        id=chat.channel_id(),
        kind="direct",
        visibility="private",
        created_by=users[0],
        created_at=NOW,
        users=tuple(sorted(users)),
    )
    return (await chat.channels.open_direct(direct)).id


async def hidden_nth(chat: ChatStores, channel: ChannelId, user: UserId) -> int | None:
    overview = await chat.channels.overview(channel, user)
    assert overview is not None
    assert (overview,) == await chat.channels.overviews(user)
    return overview.hidden_nth


async def test_it_is_hidden_as_it_is_now_for_one_of_its_people(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    direct = await a_direct(chat, ann, bob)
    assert await hidden_nth(chat, direct, ann) is None
    assert await chat.hiding.hide(direct, ann) is True
    assert await hidden_nth(chat, direct, ann) == 0
    assert await hidden_nth(chat, direct, bob) is None
    loaded = await chat.take_over(direct)
    await chat.store(message(loaded, bob))
    assert await hidden_nth(chat, direct, ann) == 0, "nothing is written for a message"
    assert await chat.hiding.hide(direct, ann) is True
    assert await hidden_nth(chat, direct, ann) == 1


async def test_it_is_shown_again_once(chat: ChatStores) -> None:
    ann, bob = chat.user(), chat.user()
    direct = await a_direct(chat, ann, bob)
    await chat.hiding.hide(direct, ann)
    assert await chat.hiding.show(direct, bob) is False
    assert await chat.hiding.show(direct, ann) is True
    assert await hidden_nth(chat, direct, ann) is None
    assert await chat.hiding.show(direct, ann) is False


async def test_only_ones_own_direct_conversations_are_hidden(chat: ChatStores) -> None:
    ann, stranger = chat.user(), chat.user()
    direct = await a_direct(chat, ann, chat.user())
    channel = (await chat.channel(ann)).channel.id
    assert await chat.hiding.hide(channel, ann) is False
    assert await chat.hiding.hide(direct, stranger) is False
    assert await chat.hiding.hide(chat.channel_id(), ann) is False
