"""What every store promises of finding messages."""

import asyncio
import random
import secrets
import time
from itertools import count

import pytest
from msgspec.structs import replace
from support.stores import (
    NOW,
    ChatStores,
    created,
    join,
    leave,
    message,
    revise,
)

from streamhub.domain.channels import Loaded, Message
from streamhub.domain.drafts import Delete, Edit, ExpireDraft, InfoDraft, React
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, FileId, MessageId, UserId
from streamhub.domain.retention import DAY_MS
from streamhub.domain.search import parsed

_MOMENTS = count(1)


async def settle(chat: ChatStores, *channels: Loaded, limit: int = 3) -> int:
    """Index all there is; how many messages were read for it."""
    left, read = tuple(one.channel.id for one in channels), 0
    while left:
        done = await chat.index.index(left, limit)
        left, read = done.left, read + done.messages
    return read


async def say(chat: ChatStores, channel: Loaded, author: UserId, *texts: str) -> list[Message]:
    """Messages one after the other: those of one moment are in the order of their ids."""
    said = [
        replace(message(channel, author, text), created_at=NOW + next(_MOMENTS)) for text in texts
    ]
    return [created(outcome) for outcome in await chat.store_all(said)]


async def found(
    chat: ChatStores,
    user: UserId,
    query: str,
    *authors: UserId,
) -> list[str]:
    page = await chat.search.search(user, parsed(query), frozenset(authors) or None, None, 50)
    assert page.next_cursor is None
    return [one.text for one in page.items]


async def test_words_are_found_newest_first(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await say(chat, channel, alice, "The quick fox", "the lazy dog", "A quick, lazy fox")
    assert await found(chat, alice, "quick") == []
    await settle(chat, channel)
    assert await found(chat, alice, "quick") == ["A quick, lazy fox", "The quick fox"]
    assert await found(chat, alice, "fox quick") == ["A quick, lazy fox", "The quick fox"]
    assert await found(chat, alice, '"quick fox"') == ["The quick fox"]
    assert await found(chat, alice, '"quick, lazy"') == ["A quick, lazy fox"]
    assert await found(chat, alice, "quick -lazy") == ["The quick fox"]
    assert await found(chat, alice, '-"quick fox" fox') == ["A quick, lazy fox"]
    assert await found(chat, alice, "dog or lazy quick") == ["A quick, lazy fox", "the lazy dog"]
    assert await found(chat, alice, '"or"') == []
    assert await found(chat, alice, "qui") == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Crème brûlée", "creme BRULEE"),
        ("creme", "Crème"),
        ("ЖУК и ёж", "жук еж"),
        ("see https://example.com/path_to?q=1", "example path"),
        ("see https://example.com/path", '"https://example.com/path"'),
        ("write to ann@example.com", "ann@example.com"),
        ("version 1.2.3-beta", "1.2.3"),
        ("don't", "don't"),
        ("snake_case", "case"),
        ("-5 degrees", '"5 degrees"'),
        ("x'; DROP TABLE messages; --", '"drop table"'),
        ("日本語 です", "日本語"),
    ],
)
async def test_case_diacritics_and_punctuation_do_not_count(
    chat: ChatStores, text: str, query: str
) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await say(chat, channel, alice, text, "another")
    await settle(chat, channel)
    assert await found(chat, alice, query) == [text]


async def test_only_what_one_may_read_is_found(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice)
    await say(chat, channel, alice, "word one")
    await chat.store(join(channel, bob, floor_seq=None))
    await chat.store(join(channel, carol))
    await say(chat, channel, alice, "word two")
    await settle(chat, channel)
    assert await found(chat, alice, "word") == ["word two", "word one"]
    assert await found(chat, bob, "word") == ["word two"], "what was before is not for him"
    assert await found(chat, carol, "word") == ["word two", "word one"]
    assert await found(chat, chat.user(), "word") == [], "public, but not joined"
    await chat.store(leave(channel, carol))
    assert await found(chat, carol, "word") == []
    assert await found(chat, carol, f"word in:{channel.channel.id}") == []


async def test_what_is_deleted_is_gone_at_once_and_stays_so(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    one, two = await say(chat, channel, alice, "word one", "word two")
    await settle(chat, channel)
    await chat.store(revise(channel, one, alice, Delete()))
    assert await found(chat, alice, "word") == ["word two"]
    await settle(chat, channel)
    assert await found(chat, alice, "word") == ["word two"]
    assert await found(chat, alice, f"from:a in:{channel.channel.id}", alice) == ["word two"]
    await chat.store(revise(channel, two, alice, Delete()))
    assert await found(chat, alice, "word") == []


async def test_an_edit_is_found_by_what_it_says_and_not_by_what_it_said(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    one, _ = await say(chat, channel, alice, "a secret", "other")
    await settle(chat, channel)
    await chat.store(revise(channel, one, alice, Edit(text="nothing")))
    assert await found(chat, alice, "secret") == []
    await settle(chat, channel)
    assert await found(chat, alice, "secret") == []
    assert await found(chat, alice, "nothing") == ["nothing"]


async def test_a_reaction_does_not_hide_a_message(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (one,) = await say(chat, channel, alice, "word")
    await settle(chat, channel)
    await chat.store(revise(channel, one, alice, React(kind="+1", on=True)))
    assert await found(chat, alice, "word") == ["word"]
    await settle(chat, channel)
    page = await chat.search.search(alice, parsed("word"), None, None, 1)
    assert page.items[0].reactions, "it is shown as it is now"


async def test_filters(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    name = f"Room {secrets.token_hex(4)}"
    channel, other = await chat.channel(alice, bob), await chat.channel(alice)
    await chat.store(
        InfoDraft(channel=channel.channel.id, term=channel.head.term, at=NOW, name=name)
    )
    await say(chat, channel, alice, "by alice")
    await say(chat, channel, bob, "by bob HTTP://example.com")
    await say(chat, other, alice, "elsewhere http://")
    days = [
        replace(message(channel, alice, f"day {day}"), created_at=day * DAY_MS) for day in range(3)
    ]
    await chat.store_all(days)
    file = replace(message(other, alice, "here"), files=(FileId("fi_1"),))
    await chat.store(file)
    await settle(chat, channel, other)
    assert await found(chat, alice, "from:bob", bob) == ["by bob HTTP://example.com"]
    assert await found(chat, alice, "by from:bob from:alice", alice, bob) == [
        "by bob HTTP://example.com",
        "by alice",
    ]
    nobody = await chat.search.search(alice, parsed("by from:x"), frozenset(), None, 50)
    assert nobody.items == ()
    assert await found(chat, alice, f'by -bob in:"{name.lower()}"') == ["by alice"]
    assert set(await found(chat, alice, f"in:{other.channel.id}")) == {"here", "elsewhere http://"}
    assert await found(chat, alice, "by in:no-such-channel") == []
    assert await found(chat, alice, f"by in:{chat.channel_id()}") == []
    assert await found(chat, alice, "day before:1970-01-03") == ["day 1", "day 0"]
    assert await found(chat, alice, "day after:1970-01-02") == ["day 2", "day 1"]
    assert await found(chat, alice, "day after:1970-01-02 before:1970-01-03") == ["day 1"]
    assert await found(chat, alice, "has:link") == ["by bob HTTP://example.com"]
    assert await found(chat, alice, "has:file") == ["here"]
    assert await found(chat, alice, "has:file has:link") == []


async def test_no_text_passes_for_a_filter(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice)
    await say(chat, channel, alice, f"{bob} has:file has:link {chat.channel_id()}")
    await settle(chat, channel)
    for query, authors in (("has:file", ()), ("has:link", ()), ("from:bob", (bob,))):
        assert await found(chat, alice, query, *authors) == []


async def test_pages_follow_each_other_also_where_times_are_the_same(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    posted = await chat.post(channel, alice, *("word " + letter for letter in "abcde"))
    await settle(chat, channel)
    cursor, ids = None, list[str]()
    for number in range(3):
        page = await chat.search.search(alice, parsed("word"), None, cursor, 2)
        ids += [one.id for one in page.items]
        cursor = page.next_cursor
        await say(chat, channel, alice, f"word {number}")
        await settle(chat, channel)
    assert cursor is None
    assert ids == sorted((one.id for one in posted), reverse=True)
    for wrong in ("", "x", "7.x", f"-1.{posted[0].id}"):
        with pytest.raises(Refused):
            await chat.search.search(alice, parsed("word"), None, wrong, 2)


@pytest.mark.parametrize("many", [-1, 2_000], ids=["by weeks", "at once"])
async def test_a_year_is_found_in_order_however_often_a_word_comes(
    chat: ChatStores, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """More lies in some weeks than a page holds, in others nothing, and one is not over yet."""
    monkeypatch.setattr("streamhub.persistence.search._MANY", many)
    alice = chat.user()
    channel = await chat.channel(alice)
    now = time.time_ns() // 1_000_000
    days = [*range(30), 31.5, 80, 81, 170, 300, 364, 365.2, -0.001]
    drafts = [
        replace(
            message(channel, alice, f"daily {'rare' if day in (0, 81, 364) else ''} {day}"),
            created_at=int(now - day * DAY_MS),
        )
        for day in random.Random(1).sample(days, len(days))  # noqa: S311 - any order
    ]
    for outcome in await chat.store_all(drafts):
        created(outcome)
    await settle(chat, channel, limit=100)
    for words, wanted in (("daily", sorted(days)), ("rare", [0, 81, 364])):
        for limit in (1, 4, 50):
            said, cursor = list[str](), None
            while True:
                page = await chat.search.search(alice, parsed(words), None, cursor, limit)
                said += [one.text.split()[-1] for one in page.items]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert said == [str(day) for day in wanted], (words, limit)


async def test_a_reply_and_what_it_replies_to_are_both_found(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    (root,) = await chat.post(channel, alice, "word root")
    for number in range(5):
        draft = message(channel, alice, f"word {number}", thread=MessageId(root.id))
        created(await chat.store(draft))
    await settle(chat, channel)
    assert len(await found(chat, alice, "word")) == 6


async def test_what_a_channel_keeps_no_longer_is_not_found(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    drafts = [replace(message(channel, alice, f"at {at}"), created_at=at) for at in (1, 2, 3)]
    await chat.store_all(drafts)
    await settle(chat, channel)
    await chat.store(ExpireDraft(channel=channel.channel.id, term=channel.head.term, before=3))
    for _ in range(2):
        assert await found(chat, alice, "at") == ["at 3"]
        await settle(chat, channel)


async def behind(chat: ChatStores, channel: ChannelId) -> int:
    after, counts = None, dict[ChannelId, int]()
    while True:
        page = await chat.index.behind(after, 3)
        counts.update(page.channels)
        if (after := page.after) is None:
            return counts.get(channel, 0)


async def test_how_far_it_is_behind_is_known(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await chat.post(channel, alice, *"abcd")
    assert await behind(chat, channel.channel.id) == channel.head.rev + 4
    assert await settle(chat, channel) >= 4
    assert await behind(chat, channel.channel.id) == 0
    assert await settle(chat, channel) == 0, "nothing is read again"
    assert (await chat.index.index([chat.channel_id()], 3)).left == ()


async def test_many_index_one_channel_at_once_and_nothing_is_missing(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    texts = [f"word {number}" for number in range(40)]
    posting = asyncio.gather(*(chat.post(channel, alice, text) for text in texts))
    await asyncio.gather(*(settle(chat, channel) for _ in range(4)))
    await posting
    await settle(chat, channel)
    assert sorted(await found(chat, alice, "word")) == sorted(texts)
