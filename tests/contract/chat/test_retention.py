"""What every store promises of messages that a channel keeps no longer."""

from typing import cast

import pytest
from msgspec.structs import replace
from support.stores import (
    NOW,
    ChatStores,
    committed,
    created,
    join,
    message,
    revise,
)

from streamhub.domain.changes import ChannelUpdated, Declined, NotStored
from streamhub.domain.channels import Loaded
from streamhub.domain.drafts import Edit, ExpireDraft, InfoDraft, React
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.reading import read_up_to, unread_from
from streamhub.domain.retention import DAY_MS, EXPIRED_AT_ONCE, Keeping


def expire(channel: Loaded, before: int) -> ExpireDraft:
    return ExpireDraft(channel=channel.channel.id, term=channel.head.term, before=before)


async def gone(chat: ChatStores, draft: ExpireDraft) -> int:
    return cast(ChannelUpdated, committed(await chat.store(draft)).change).info.gone_seq


async def posted(chat: ChatStores, channel: Loaded, author: UserId, *ats: int) -> list[str]:
    drafts = [replace(message(channel, author, f"at {at}"), created_at=at) for at in ats]
    return [created(outcome).id for outcome in await chat.store_all(drafts)]


async def texts(chat: ChatStores, channel: Loaded, user: UserId) -> list[str]:
    page = await chat.channels.history(channel.channel.id, user)
    assert page is not None
    assert not page.has_before
    return [one.text for one in page.messages]


async def test_the_oldest_go_and_numbers_go_on(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await posted(chat, channel, alice, 1, 2, 3, 4)
    outcome = committed(await chat.store(expire(channel, 3)))
    change = cast(ChannelUpdated, outcome.change)
    assert (change.info.gone_seq, change.info.rev, change.archived) == (2, change.rev, False)
    assert (outcome.head.rev, outcome.head.seq) == (channel.head.rev + 5, 4)
    assert await texts(chat, channel, alice) == ["at 3", "at 4"]
    assert await chat.channels.get(channel.channel.id, alice) == change.info
    again = committed(await chat.store(expire(channel, 3)))
    assert (again.head, cast(ChannelUpdated, again.change).info) == (outcome.head, change.info)
    (fifth,) = await chat.post(channel, alice, "more")
    assert (fifth.seq, fifth.nth) == (5, 5)
    missed = await chat.channels.changes(channel.channel.id, alice, channel.head.rev, 100)
    assert missed is not None
    assert ([one.seq for one in missed.messages], missed.channel) == ([3, 4, 5], change.info)


async def test_one_that_must_stay_keeps_those_after_it(chat: ChatStores) -> None:
    """Hosts' clocks differ; what is gone is a beginning."""
    alice = chat.user()
    channel = await chat.channel(alice)
    await posted(chat, channel, alice, 1, 9, 2)
    assert await gone(chat, expire(channel, 5)) == 1
    assert await texts(chat, channel, alice) == ["at 9", "at 2"]


async def test_many_go_in_batches(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    await posted(chat, channel, alice, *range(EXPIRED_AT_ONCE + 10))
    found = [await gone(chat, expire(channel, NOW)) for _ in range(3)]
    assert found == [EXPIRED_AT_ONCE, EXPIRED_AT_ONCE + 10, EXPIRED_AT_ONCE + 10]
    assert await texts(chat, channel, alice) == []


async def test_what_is_gone_is_not_unread(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    drafts = [
        replace(message(channel, alice, mentions=(bob, carol)), created_at=at) for at in (1, 2, 3)
    ]
    await chat.store_all(drafts)
    await chat.channels.mark_read(carol, [(channel.channel.id, read_up_to(3))])
    outcome = committed(await chat.store(expire(channel, 3)))
    assert {(hint.user, hint.kind) for hint in outcome.hints} == {
        (alice, "unmentioned"),
        (bob, "unmentioned"),
    }
    for user, unread, mentions in ((alice, 1, 0), (bob, 1, 1), (carol, 0, 0)):
        view = await chat.channels.overview(channel.channel.id, user)
        assert view is not None
        assert (view.nth - view.read_nth, view.mentions) == (unread, mentions)
    (marker,) = await chat.channels.mark_read(carol, [(channel.channel.id, unread_from(1))])
    assert (marker.read_seq, marker.read_nth, marker.unread, marker.mentions) == (2, 2, 1, 1)


async def test_what_belongs_to_it_goes_too(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    first = created(await chat.store(replace(message(channel, alice, key="k"), created_at=1)))
    await chat.store(revise(channel, first, alice, Edit(text="other")))
    await chat.store(revise(channel, first, bob, React(kind="+", on=True)))
    await chat.store(replace(message(channel, bob, thread=first.id), created_at=5))
    await chat.channels.save(bob, first.id, 1)
    assert await gone(chat, expire(channel, 2)) == 1
    assert await chat.channels.message(first.id, alice) is None
    assert await chat.channels.editions(first.id, alice) is None
    assert (await chat.channels.saved(bob, None, 9)).items == ()
    assert (await chat.channels.threads(bob, None, 9)).items == ()
    assert await chat.channels.mark_thread(bob, first.id, following=True) is None
    late = await chat.store(message(channel, bob, thread=first.id))
    assert isinstance(late, Declined)
    assert late.code == "not_found"
    again = created(await chat.store(message(channel, alice, key="k")))
    assert again.id != first.id, "its key went with it"


async def test_another_owner_and_newcomers(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice)
    await posted(chat, channel, alice, 1, 2)
    newer = await chat.take_over(channel.channel.id)
    assert await chat.store(expire(channel, 2)) == NotStored(reason="stale")
    assert await gone(chat, expire(newer, 2)) == 1
    await chat.store(join(newer, bob))
    assert await texts(chat, newer, bob) == ["at 2"]


async def test_channels_that_keep_for_some_days_are_found_by_pages(chat: ChatStores) -> None:
    alice = chat.user()
    channels = sorted([await chat.channel(alice) for _ in range(4)], key=lambda c: c.channel.id)
    for days, channel in zip((3, 0, 5, 2), channels, strict=True):
        where = {"channel": channel.channel.id, "term": channel.head.term}
        await chat.store(InfoDraft(**where, at=NOW, rules={"keep_days": days}))  # type: ignore[arg-type]
    await posted(chat, channels[2], alice, 7, 8)
    ids = [channel.channel.id for channel in channels]
    found, after = [], ids[0]
    while page := await chat.retention.keeping(after, 1):
        after = page[-1].channel
        found += [one for one in page if one.channel in ids]
    assert found == [Keeping(ids[2], 5, 7), Keeping(ids[3], 2, None)]


@pytest.mark.parametrize(
    ("oldest", "due"), [(None, None), (DAY_MS, None), (DAY_MS - 1, DAY_MS), (0, DAY_MS)]
)
def test_what_is_due(oldest: int | None, due: int | None) -> None:
    keeping = Keeping(channel=ChannelId("ch_a"), days=2, oldest=oldest)
    assert keeping.due(3 * DAY_MS) == due
