"""What every store promises of what users are writing."""

import pytest
from support.stores import ChatStores, join, leave, message

from streamhub.domain.channels import Loaded
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.kept_drafts import KeptDraft


def draft(
    channel: Loaded, text: str = "hm", at: int = 1, thread: MessageId | None = None
) -> KeptDraft:
    return KeptDraft(channel=channel.channel.id, text=text, updated_at=at, thread=thread)


async def listed(chat: ChatStores, user: UserId) -> list[tuple[str, str | None]]:
    page = await chat.drafts.drafts(user, None, 50)
    return [(one.text, one.thread) for one in page.items]


async def test_each_place_has_one_draft_the_last_written_comes_first(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    one, other = await chat.channel(alice, bob), await chat.channel(alice)
    (root,) = await chat.post(one, bob, "root")
    for kept in (
        draft(one, "a", 1),
        draft(other, "b", 2),
        draft(one, "c", 3, root.id),
        draft(one, "d", 4),
    ):
        assert await chat.drafts.keep(alice, kept) is True
    assert await listed(chat, alice) == [("d", None), ("c", root.id), ("b", None)]
    assert await listed(chat, bob) == []
    assert await chat.drafts.keep(alice, draft(one, "", 5, root.id)) is True
    assert await chat.drafts.keep(alice, draft(one, "", 6, root.id)) is True
    assert await listed(chat, alice) == [("d", None), ("b", None)]


async def test_there_are_drafts_only_where_one_is(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel, other = await chat.channel(alice), await chat.channel(alice, bob)
    (early,) = await chat.post(channel, alice, "early")
    (reply,) = await chat.post(other, alice, "root")
    replied = await chat.store(message(other, alice, thread=reply.id))
    answered: MessageId = replied.change.message.id  # type: ignore[union-attr]
    nowhere = KeptDraft(channel=ChannelId("ch_none"), text="a", updated_at=1)
    assert await chat.drafts.keep(bob, draft(channel)) is None
    assert await chat.drafts.keep(bob, nowhere) is None
    assert await chat.drafts.keep(bob, draft(other, thread=early.id)) is None, "of another channel"
    assert await chat.drafts.keep(bob, draft(other, thread=answered)) is None, "a reply itself"
    await chat.store(join(channel, bob, floor_seq=None))
    assert await chat.drafts.keep(bob, draft(channel, thread=early.id)) is None, "below the floor"
    assert await chat.drafts.keep(bob, draft(channel)) is True
    await chat.store(leave(channel, bob))
    assert await listed(chat, bob) == []
    assert await chat.drafts.keep(bob, draft(channel, "")) is None


async def test_pages_follow_each_other_also_where_times_are_the_same(chat: ChatStores) -> None:
    alice = chat.user()
    channels = [await chat.channel(alice) for _ in range(2)]
    for channel in channels:
        (root,) = await chat.post(channel, alice, "root")
        await chat.drafts.keep(alice, draft(channel, "a", 7))
        await chat.drafts.keep(alice, draft(channel, "b", 7, root.id))
    found, cursor = list[KeptDraft](), None
    for _ in range(4):
        page = await chat.drafts.drafts(alice, cursor, 1)
        found += page.items
        cursor = page.next_cursor
    assert cursor is None
    places = [(one.channel, one.thread or "") for one in found]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 4
    for wrong in (
        "",
        "x",
        "7.x.",
        f"-1.{channels[0].channel.id}.",
        f"7.{channels[0].channel.id}.x",
    ):
        with pytest.raises(Refused):
            await chat.drafts.drafts(alice, wrong, 2)


async def test_nobody_keeps_too_many(chat: ChatStores, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kept_drafts", "memory.kept_drafts"):
        monkeypatch.setattr(f"streamhub.persistence.{module}.MAX_DRAFTS", 2)
    alice = chat.user()
    one, two, three = [await chat.channel(alice) for _ in range(3)]
    assert [await chat.drafts.keep(alice, draft(here)) for here in (one, two)] == [True, True]
    assert await chat.drafts.keep(alice, draft(three)) is False
    assert await chat.drafts.keep(alice, draft(one, "more")) is True
    assert await chat.drafts.keep(alice, draft(two, "")) is True
    assert await chat.drafts.keep(alice, draft(three)) is True
