"""What every store promises of saved messages."""

import pytest
from support.stores import ChatStores, leave

from streamhub.domain.errors import Refused
from streamhub.domain.ids import MessageId, UserId


async def listed(chat: ChatStores, user: UserId) -> list[str]:
    return [one.message.text for one in (await chat.channels.saved(user, None, 50)).items]


async def test_a_list_has_each_message_once_the_last_saved_first(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    a, b, c = await chat.post(channel, alice, "a", "b", "c")
    for at, one in enumerate((b, a, c, b)):
        assert await chat.channels.save(bob, one.id, at)
    page = await chat.channels.saved(bob, None, 50)
    assert [(one.message.text, one.saved_at) for one in page.items] == [
        ("c", 2),
        ("a", 1),
        ("b", 0),
    ]
    assert await listed(chat, alice) == []
    assert await chat.channels.unsave(bob, a.id)
    assert not await chat.channels.unsave(bob, a.id)
    assert await listed(chat, bob) == ["c", "b"]


async def test_pages_follow_each_other_also_where_times_are_the_same(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    posted = await chat.post(channel, alice, *"abcde")
    for one in posted:
        await chat.channels.save(alice, one.id, 7)
    cursor, found = None, []
    for _ in range(3):
        page = await chat.channels.saved(alice, cursor, 2)
        found += [one.message.id for one in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert found == sorted((one.id for one in posted), reverse=True)
    for wrong in ("", "x", "7.x", f"-1.{posted[0].id}"):
        with pytest.raises(Refused):
            await chat.channels.saved(alice, wrong, 2)


async def test_what_one_sees_no_more_is_not_shown(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    (one,) = await chat.post(channel, alice, "a")
    await chat.channels.save(bob, one.id, 1)
    await chat.store(leave(channel, bob))
    assert await listed(chat, bob) == []
    assert await chat.channels.unsave(bob, MessageId(one.id)), "and yet it can be taken off"


async def test_a_list_has_an_end(chat: ChatStores, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("channels", "memory.channels"):
        monkeypatch.setattr(f"streamhub.persistence.{module}.MAX_SAVED", 2)
    alice = chat.user()
    channel = await chat.channel(alice)
    a, b, c = await chat.post(channel, alice, "a", "b", "c")
    saved = [await chat.channels.save(alice, one.id, at) for at, one in enumerate((a, b, c, a))]
    assert saved == [True, True, False, True]
    assert await listed(chat, alice) == ["b", "a"]
