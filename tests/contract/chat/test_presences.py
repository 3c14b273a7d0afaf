"""What every store of presences promises."""

from support.stores import ChatStores, leave

from streamhub.domain.presence import Kept, Status

MEETING = Status(text="in a meeting", emoji="x", expires_at=100)


async def test_who_said_nothing_is_seen(chat: ChatStores) -> None:
    assert await chat.presences.kept(chat.user(), 0) == Kept(shown=True, dnd=False, status=None)


async def test_what_was_said_stays_until_something_else_is_said(chat: ChatStores) -> None:
    user, presences = chat.user(), chat.presences
    await presences.keep(user, None, MEETING)
    assert await presences.kept(user, 0) == Kept(status=MEETING)
    await presences.keep(user, True, None)
    assert await presences.kept(user, 0) == Kept(dnd=True, status=MEETING)
    await presences.keep(user, None, Status(text="lunch"))
    assert await presences.kept(user, 0) == Kept(dnd=True, status=Status(text="lunch"))
    await presences.keep(user, False, None)
    assert await presences.kept(user, 0) == Kept(status=Status(text="lunch"))


async def test_an_empty_status_takes_it_back(chat: ChatStores) -> None:
    user, presences = chat.user(), chat.presences
    await presences.keep(user, True, MEETING)
    await presences.keep(user, None, Status())
    assert await presences.kept(user, 0) == Kept(dnd=True)
    await presences.keep(user, None, Status(emoji="x"))
    assert await presences.kept(user, 0) == Kept(dnd=True, status=Status(emoji="x"))


async def test_a_status_is_over_when_its_time_is(chat: ChatStores) -> None:
    user, presences = chat.user(), chat.presences
    await presences.keep(user, True, MEETING)
    assert (await presences.kept(user, 99)).status == MEETING
    assert await presences.kept(user, 100) == Kept(dnd=True)


async def test_those_who_share_a_channel_are_found(chat: ChatStores) -> None:
    alice, bob, carol, dave = (chat.user() for _ in range(4))
    await chat.channel(alice, bob)
    both = await chat.channel(alice, carol)
    await chat.channel(bob, dave)
    found = await chat.presences.sharing(alice, (bob, carol, dave, chat.user()))
    assert found == {bob, carol}
    assert await chat.presences.sharing(dave, (alice, bob)) == {bob}
    await chat.store(leave(both, carol))
    assert await chat.presences.sharing(alice, (bob, carol)) == {bob}
    assert await chat.presences.sharing(carol, (alice, bob)) == frozenset()


async def test_one_is_always_with_oneself(chat: ChatStores) -> None:
    alice = chat.user()
    assert await chat.presences.sharing(alice, (alice,)) == {alice}
    assert await chat.presences.sharing(alice, ()) == frozenset()
