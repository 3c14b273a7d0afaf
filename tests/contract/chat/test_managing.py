"""What every store promises of what owners and moderators do to a channel."""

import time
from typing import cast

import pytest
from msgspec.structs import replace
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

from streamhub.domain.changes import ChannelUpdated, MembersLeft, MembersUpdated, NotStored
from streamhub.domain.channels import Channel, Loaded, Mention, Rules, Wrote
from streamhub.domain.drafts import BanDraft, Delete, Edit, InfoDraft, MemberDraft
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

CALL = Mention(calls="channel", offset=0, length=8)


def info(channel: Loaded, **fields: object) -> InfoDraft:
    where = {"channel": channel.channel.id, "term": channel.head.term, "at": NOW + 7}
    return InfoDraft(**where, **fields)  # type: ignore[arg-type]


def ban(channel: Loaded, *users: UserId) -> BanDraft:
    return BanDraft(channel=channel.channel.id, term=channel.head.term, users=users, at=NOW + 9)


def update(channel: Loaded, *users: UserId, **fields: object) -> MemberDraft:
    where = {"channel": channel.channel.id, "term": channel.head.term}
    return MemberDraft(users=users, **where, **fields)  # type: ignore[arg-type]


async def updated(chat: ChatStores, draft: InfoDraft) -> Channel:
    change = committed(await chat.store(draft)).change
    assert isinstance(change, ChannelUpdated)
    return change.info


# -- properties ------------------------------------------------------------------------------------


async def test_what_is_given_changes_and_the_rest_stays(chat: ChatStores) -> None:
    alice = chat.user()
    channel = await chat.channel(alice)
    first = await updated(chat, info(channel, name="second", rules={"slow_mode_s": 5}))
    assert (first.name, first.topic, first.rev) == ("second", None, channel.head.rev + 1)
    second = await updated(chat, info(channel, topic="why", rules={"announcers": "moderators"}))
    assert (second.name, second.topic) == ("second", "why")
    assert second.rules == Rules(slow_mode_s=5, announcers="moderators")
    third = await updated(chat, info(channel, topic=""))
    assert third == replace(second, topic=None, rev=second.rev + 1)
    assert await chat.channels.get(channel.channel.id, alice) == third
    loaded = await chat.take_over(channel.channel.id)
    assert (loaded.channel, loaded.head.rev) == (third, third.rev)


async def test_what_is_so_already_takes_no_number(chat: ChatStores) -> None:
    channel = await chat.channel()
    first = await updated(chat, info(channel, name="x", topic="y", rules={"slow_mode_s": 5}))
    again = await chat.store(info(channel, name="x", topic="y", rules={"slow_mode_s": 5}))
    assert committed(again).head.rev == first.rev
    assert cast(ChannelUpdated, committed(again).change).info == first


async def test_an_archive_is_said_once_and_keeps_its_time(chat: ChatStores) -> None:
    channel = await chat.channel()
    outcomes = [
        cast(ChannelUpdated, committed(await chat.store(info(channel, **fields))).change)
        for fields in (
            {"archived": True},
            {"archived": True},
            {"name": "x"},
            {"archived": False},
            {"archived": False},
        )
    ]
    assert [one.archived for one in outcomes] == [True, False, False, False, False]
    at = [one.info.archived_at for one in outcomes]
    assert at == [NOW + 7, NOW + 7, NOW + 7, None, None]
    assert [one.rev - outcomes[0].rev for one in outcomes] == [0, 0, 1, 2, 2]


async def test_readers_find_the_properties_among_what_they_lack(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    await chat.post(channel, alice, "a")
    changed = await updated(chat, info(channel, topic="why"))
    await chat.post(channel, alice, "b")
    since = channel.head.rev
    missed = await chat.channels.changes(channel.channel.id, bob, since, 100)
    assert missed is not None
    assert missed.channel == changed
    later = await chat.channels.changes(channel.channel.id, bob, changed.rev, 100)
    assert later is not None
    assert later.channel is None


async def test_another_owners_change_is_stale(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    newer = await chat.take_over(channel.channel.id)
    for draft in (info(channel, topic="x"), ban(channel, bob), update(channel, bob, role="owner")):
        assert await chat.store(draft) == NotStored(reason="stale")
    assert (await chat.take_over(channel.channel.id)).head.rev == newer.head.rev


async def test_a_text_that_cannot_be_stored_is_refused_alone(chat: ChatStores) -> None:
    channel = await chat.channel()
    outcome = await chat.store(info(channel, topic="a\0b"))
    assert isinstance(outcome, NotStored)
    assert outcome.reason == "refused"
    assert (await updated(chat, info(channel, topic="ab"))).topic == "ab"


# -- members ---------------------------------------------------------------------------------------


async def test_roles_and_mutes_change_who_is_there(chat: ChatStores) -> None:
    alice, bob, gone = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, gone)
    await chat.store(leave(channel, gone))
    outcome = committed(await chat.store(update(channel, bob, gone, role="moderator")))
    assert isinstance(outcome.change, MembersUpdated)
    (changed,) = outcome.change.members
    assert (changed.user, changed.role, changed.rev) == (bob, "moderator", outcome.head.rev)
    for until, expected in ((5, 5), (0, None)):
        outcome = committed(await chat.store(update(channel, bob, muted_until=until)))
        (changed,) = cast(MembersUpdated, outcome.change).members
        assert (changed.muted_until, changed.role) == (expected, "moderator")
    again = committed(await chat.store(update(channel, bob, role="moderator", muted_until=0)))
    assert cast(MembersUpdated, again.change).members == ()
    assert again.head.rev == outcome.head.rev
    loaded = await chat.take_over(channel.channel.id)
    assert {member.user: member.role for member in loaded.members} == {
        alice: "owner",
        bob: "moderator",
    }


async def test_who_leaves_and_comes_back_is_still_muted(chat: ChatStores) -> None:
    bob = chat.user()
    channel = await chat.channel(chat.user(), bob)
    await chat.store(update(channel, bob, role="moderator", muted_until=99))
    await chat.store(leave(channel, bob))
    await chat.store(join(channel, bob))
    loaded = await chat.take_over(channel.channel.id)
    (member,) = (one for one in loaded.members if one.user == bob)
    assert (member.muted_until, member.role) == (99, "member")


async def test_the_banned_are_out_and_stay_out(chat: ChatStores) -> None:
    alice, bob, never = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    outcome = committed(await chat.store(ban(channel, bob, never)))
    assert isinstance(outcome.change, MembersLeft)
    assert {(one.user, one.left_at, one.banned_at) for one in outcome.change.members} == {
        (bob, NOW + 9, NOW + 9),
        (never, NOW + 9, NOW + 9),
    }
    assert [(hint.user, hint.kind) for hint in outcome.hints] == [(bob, "channel_removed")]
    back = committed(await chat.store(join(channel, bob, never)))
    assert (back.change.members, back.head) == ((), outcome.head)  # type: ignore[union-attr]
    again = committed(await chat.store(ban(channel, bob)))
    assert again.head == outcome.head
    loaded = await chat.take_over(channel.channel.id)
    assert sorted(loaded.banned) == sorted((bob, never))
    assert [one.user for one in loaded.members] == [alice]
    assert await chat.channels.overview(channel.channel.id, bob) is None


async def test_a_ban_ends_and_then_one_may_come_back(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    await chat.store(leave(channel, bob))
    await chat.store(ban(channel, bob))
    outcome = committed(await chat.store(update(channel, bob, alice, unban=True)))
    (changed,) = cast(MembersUpdated, outcome.change).members
    assert (changed.user, changed.banned_at, changed.left_at) == (bob, None, NOW + 1)
    joined = committed(await chat.store(join(channel, bob)))
    assert [one.user for one in joined.change.members] == [bob]  # type: ignore[union-attr]
    assert (await chat.take_over(channel.channel.id)).banned == ()


async def test_members_read_who_is_banned_by_pages(chat: ChatStores) -> None:
    alice, stranger = chat.user(), chat.user()
    channel = await chat.channel(alice)
    banned = sorted(chat.user() for _ in range(5))
    await chat.store(ban(channel, *banned))
    found, cursor = [], None
    for _ in range(3):
        page = await chat.channels.banned(channel.channel.id, alice, cursor, 2)
        assert page is not None
        found += [one.user for one in page.items]
        cursor = page.next_cursor
    assert (found, cursor) == (banned, None)
    assert await chat.channels.banned(channel.channel.id, stranger, None, 2) is None
    with pytest.raises(Refused):
        await chat.channels.banned(channel.channel.id, alice, "x", 2)


async def test_members_who_changed_are_among_what_readers_lack(chat: ChatStores) -> None:
    alice, bob, carol = chat.user(), chat.user(), chat.user()
    channel = await chat.channel(alice, bob, carol)
    await chat.store(update(channel, bob, muted_until=7))
    await chat.store(ban(channel, carol))
    missed = await chat.channels.changes(channel.channel.id, alice, channel.head.rev, 100)
    assert missed is not None
    assert [(one.user, one.muted_until, one.banned_at) for one in missed.members] == [
        (bob, 7, None),
        (carol, None, NOW + 9),
    ]


# -- calling everybody, and the slow mode ----------------------------------------------------------


async def mentions(chat: ChatStores, channel: Loaded, *users: UserId) -> list[int]:
    views = [await chat.channels.overview(channel.channel.id, user) for user in users]
    return [view.mentions if view else -1 for view in views]


async def test_a_call_mentions_everybody_who_is_there_but_its_author(chat: ChatStores) -> None:
    alice, bob, carol, gone = (chat.user() for _ in range(4))
    channel = await chat.channel(alice, bob, carol, gone)
    await chat.store(leave(channel, gone))
    draft = replace(
        message(channel, alice, "@channel", mentions=(bob,)),
        mentions=(CALL,),
        called=(alice, bob, carol, gone),
    )
    outcome = committed(await chat.store(draft))
    assert sorted(hint.user for hint in outcome.hints) == sorted((bob, carol))
    assert await mentions(chat, channel, alice, bob, carol) == [0, 1, 1]
    assert created(outcome).mentions == (CALL,)


@pytest.mark.parametrize("way", ["delete", "edit"])
async def test_who_is_called_no_more_is_mentioned_no_more(chat: ChatStores, way: str) -> None:
    alice, bob, carol = (chat.user() for _ in range(3))
    channel = await chat.channel(alice, bob, carol)
    draft = replace(message(channel, alice), mentions=(CALL,), called=(alice, bob, carol))
    sent = created(await chat.store(draft))
    named = Mention(user=bob, offset=0, length=1)
    same = revise(channel, sent, alice, Edit(text="again", mentions=(CALL, named)))
    assert committed(await chat.store(same)).hints == ()
    operation = Delete() if way == "delete" else Edit(text="b", mentions=(named,))
    outcome = await chat.store(revise(channel, sent, alice, operation))
    told = {hint.user for hint in committed(outcome).hints}
    assert told == ({bob, carol} if way == "delete" else {carol})
    assert revised(outcome).mentions == (() if way == "delete" else (named,))
    left = [0, 0] if way == "delete" else [1, 0]
    assert await mentions(chat, channel, bob, carol) == left


async def test_a_new_owner_of_a_slow_channel_knows_who_wrote_last(chat: ChatStores) -> None:
    alice, bob = chat.user(), chat.user()
    channel = await chat.channel(alice, bob)
    now = int(time.time() * 1000)
    drafts = [
        replace(message(channel, user), created_at=now - ago_s * 1000)
        for user, ago_s in ((bob, 7200), (alice, 90), (alice, 30))
    ]
    await chat.store_all(drafts)
    assert (await chat.take_over(channel.channel.id)).wrote == ()
    fast = await chat.take_over(channel.channel.id)
    await chat.store(info(fast, rules={"slow_mode_s": 3600}))
    loaded = await chat.take_over(channel.channel.id)
    assert loaded.wrote == (Wrote(alice, drafts[-1].created_at, drafts[-1].key),)
