"""Two people chat through the SDK with a StreamHub that runs."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from support.fault_proxy import fault_proxy
from support.up import Up

from streamhub.client import (
    AccountTokens,
    ChannelAdded,
    ConnectionRestored,
    HttpApi,
    MemberJoined,
    MessagePosted,
    ReadUpdated,
    Refused,
    StreamHubClient,
    TypingStarted,
)
from streamhub.client.events import ClientEvent

WITHIN_S = 60.0
PASSWORD = "correct horse battery staple"


@asynccontextmanager
async def newcomer(url: str, name: str) -> AsyncIterator[StreamHubClient]:
    """A connected client of a new account whose handle begins with `name`."""
    handle = f"{name}{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(HttpApi(url))
        email = f"{handle}@example.org"
        signed_in = await api.register(email=email, handle=handle, name=name, password=PASSWORD)
        tokens = AccountTokens(api, signed_in=signed_in)
        yield await stack.enter_async_context(StreamHubClient(url, tokens=tokens))


async def first(client: StreamHubClient, kind: type[ClientEvent]) -> ClientEvent:
    """The next event of this kind."""
    async with asyncio.timeout(WITHIN_S):
        async for event in client.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("the events ended")


async def texts(client: StreamHubClient, count: int) -> list[str | None]:
    """What people post, `count` messages long."""
    posted: list[str | None] = []
    async with asyncio.timeout(WITHIN_S):
        async for event in client.events():
            if isinstance(event, MessagePosted) and event.message.system is None:
                posted.append(event.message.text)
                if len(posted) == count:
                    break
    return posted


@pytest.fixture
def url(running: Up) -> str:
    return str(running.state["url"])


async def test_two_people_talk(url: str) -> None:
    async with newcomer(url, "alice") as alice, newcomer(url, "bob") as bob:
        channel = await alice.create_channel(f"talk-{secrets.token_hex(4)}")
        await bob.join_channel(channel.id)
        joined = await first(alice, MemberJoined)
        assert isinstance(joined, MemberJoined)
        receipt = await alice.send(channel.id, "hello bob")
        assert await texts(bob, 1) == ["hello bob"]
        assert bob.channels[channel.id].overview.unread == 1
        state = await bob.read(channel.id, receipt.seq)
        assert state.unread == 0
        await bob.send(channel.id, f"hello @{alice.user.handle}")
        assert await texts(alice, 2) == ["hello bob", f"hello @{alice.user.handle}"]
        history = await bob.history(channel.id)
        assert [message.seq for message in history.items] == [1, 2, 3]
        [note] = [message.system for message in history.items if message.system is not None]
        assert (note.kind, note.users) == ("joined", (bob.user.id,))
        members = await bob.member_list(channel.id)
        assert {member.user for member in members.items} == {alice.user.id, bob.user.id}


async def test_somebody_is_invited_into_a_private_channel(url: str) -> None:
    async with newcomer(url, "alice") as alice, newcomer(url, "bob") as bob:
        channel = await alice.create_channel("secret", "private")
        with pytest.raises(Refused, match="not_found"):
            await bob.join_channel(channel.id)
        found = await alice.find_user(bob.user.handle.upper())
        assert found == bob.user
        await alice.add_members(channel.id, (bob.user.id,))
        added = await first(bob, ChannelAdded)
        assert isinstance(added, ChannelAdded)
        assert added.channel.id == channel.id
        await alice.send(channel.id, "psst")
        assert await texts(bob, 1) == ["psst"]
        await bob.leave_channel(channel.id)
        with pytest.raises(Refused):
            await bob.send(channel.id, "still here?")


async def test_typing_is_told_to_those_who_look(url: str) -> None:
    async with newcomer(url, "alice") as alice, newcomer(url, "bob") as bob:
        channel = await alice.create_channel("typing")
        await bob.join_channel(channel.id)
        await bob.focus((channel.id,))
        await alice.typing(channel.id)
        assert await first(bob, TypingStarted) == TypingStarted(channel.id, alice.user.id)


async def test_what_is_read_in_one_session_is_read_in_the_other(url: str) -> None:
    async with newcomer(url, "alice") as alice:
        channel = await alice.create_channel("notes")
        receipt = await alice.send(channel.id, "remember")
        async with HttpApi(url) as api:
            signed_in = await api.log_in(alice.user.handle, PASSWORD)
            tokens = AccountTokens(api, signed_in=signed_in)
            async with StreamHubClient(url, tokens=tokens) as elsewhere:
                await alice.read(channel.id, receipt.seq)
                read = await first(elsewhere, ReadUpdated)
                assert isinstance(read, ReadUpdated)
                assert (read.state.channel, read.state.read_seq) == (channel.id, receipt.seq)


async def test_what_was_missed_during_a_cut_comes_once_and_in_order(url: str) -> None:
    async with (
        fault_proxy(url) as proxy,
        newcomer(url, "alice") as alice,
        newcomer(proxy.url(url), "bob") as bob,
    ):
        channel = await alice.create_channel("cut")
        await bob.join_channel(channel.id)
        await alice.send(channel.id, "text 0")
        proxy.refuses = True
        proxy.cut()
        for number in range(1, 150):
            await alice.send(channel.id, f"text {number}")
        proxy.refuses = False
        assert await texts(bob, 150) == [f"text {number}" for number in range(150)]


async def test_messages_sent_through_cuts_are_there_once(url: str) -> None:
    async with (
        fault_proxy(url) as proxy,
        newcomer(url, "alice") as alice,
        newcomer(proxy.url(url), "bob") as bob,
    ):
        channel = await alice.create_channel("sent through cuts")
        await bob.join_channel(channel.id)
        reader = asyncio.create_task(texts(alice, 30))
        for number in range(30):
            sending = asyncio.create_task(bob.send(channel.id, f"text {number}"))
            if number % 6 == 3:
                proxy.cut()  # before, while or after it is sent
            await sending
        assert await reader == [f"text {number}" for number in range(30)]
        assert isinstance(await first(bob, ConnectionRestored), ConnectionRestored)
