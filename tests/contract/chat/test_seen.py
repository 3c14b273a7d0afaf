"""What every store promises of how far others have read."""

from support.stores import ChatStores, join, leave

from streamhub.domain.channels import MAX_SEEN, SeenUpTo
from streamhub.domain.ids import ChannelId
from streamhub.domain.reading import read_up_to


async def test_the_others_are_shown_up_to_where_they_have_read(chat: ChatStores) -> None:
    alice, bob, gone, stranger = (chat.user() for _ in range(4))
    channel = await chat.channel(alice, bob, gone)
    id = channel.channel.id
    await chat.post(channel, alice, "a", "b", "c")
    await chat.store(leave(channel, gone))
    (marker,) = await chat.channels.mark_read(bob, [(id, read_up_to(2))])
    assert marker.shown
    assert await chat.channels.seen(id, alice) == (SeenUpTo(bob, 2),)
    assert await chat.channels.seen(id, bob) == (SeenUpTo(alice, 0),)
    for nobody in (gone, stranger):
        assert await chat.channels.seen(id, nobody) is None
    assert await chat.channels.seen(ChannelId("ch_none"), alice) is None


async def test_nobody_is_shown_to_a_crowd(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    id = channel.channel.id
    for others, shown in ((MAX_SEEN - 1, True), (1, False)):
        await chat.store(join(channel, *(chat.user() for _ in range(others))))
        (marker,) = await chat.channels.mark_read(alice, [(id, read_up_to(0))])
        assert marker.shown is shown
        seen = await chat.channels.seen(id, alice)
        assert seen is not None
        assert len(seen) == (others if shown else 0)
        assert list(seen) == sorted(seen, key=lambda one: one.user)
