"""The SDK against a server that cuts, repeats, leaves out, refuses and falls silent."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from support.fake_server import CHANNEL, FakeServer, fake_server
from support.polling import until

from streamhub.client import (
    ChannelReset,
    ConnectionLost,
    ConnectionRestored,
    MessagePosted,
    Refused,
    SessionEnded,
    StreamHubClient,
    Unacknowledged,
)
from streamhub.client import connection as client_connection
from streamhub.client import pauses as client_pauses
from streamhub.client.event_queue import ROOM
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.frames import AuthExpiring, ChannelLeave, Drain, Event, problem

WITHIN_S = 30.0


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with fake_server() as server, asyncio.timeout(60):
        yield server


def client_of(server: FakeServer) -> StreamHubClient:
    return StreamHubClient(server.url, login="alice", password="right")


async def posted(client: StreamHubClient, last: int) -> list[int]:
    """The seqs of what is posted, up to `last`."""
    seqs: list[int] = []
    async with asyncio.timeout(WITHIN_S):
        async for event in client.events():
            if isinstance(event, MessagePosted):
                seqs.append(event.message.seq)
                if event.message.seq >= last:
                    break
    return seqs


async def lost(client: StreamHubClient) -> None:
    """Until the client noticed that its connection is gone."""
    async with asyncio.timeout(WITHIN_S):
        async for event in client.events():
            if isinstance(event, ConnectionLost):
                return


async def test_a_message_is_sent_and_comes_back_once(server: FakeServer) -> None:
    async with client_of(server) as client:
        receipt = await client.send(CHANNEL, "hello")
        assert receipt.seq == 1
        assert await posted(client, 1) == [1]
        assert client.channels[CHANNEL].recent[0].text == "hello"
        assert client.user.handle == "alice"


async def test_a_socket_cut_at_any_byte_loses_and_repeats_nothing(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_pauses, "LONGEST_S", 0.1)
    choose = random.Random(7)  # noqa: S311 - the same cuts every time
    server.faults.cut_after_bytes = [choose.randrange(1, 3000) for _ in range(25)]
    async with client_of(server) as client:
        reader = asyncio.create_task(posted(client, 60))
        for number in range(60):
            await client.send(CHANNEL, f"text {number}")
        assert await reader == list(range(1, 61))
    assert [message.text for message in server.messages] == [f"text {n}" for n in range(60)]
    assert server.opened > 15


async def test_events_that_come_twice_are_posted_once(server: FakeServer) -> None:
    server.faults.repeats = True
    async with client_of(server) as client:
        for number in range(20):
            server.post(f"text {number}")
        assert await posted(client, 20) == list(range(1, 21))


async def test_what_is_left_out_is_asked_for(server: FakeServer) -> None:
    server.faults.leaves_out_every = 3
    async with client_of(server) as client:
        for number in range(20):
            server.post(f"text {number}")
        assert await posted(client, 20) == list(range(1, 21))
    assert any(command.name == "channel.sync" for command in server.commands)


async def test_a_reply_that_got_lost_is_asked_for_with_the_same_key(server: FakeServer) -> None:
    server.faults.swallow_replies = 3
    async with client_of(server) as client:
        receipt = await client.send(CHANNEL, "once")
        assert receipt.seq == 1
    sends = [command for command in server.commands if command.name == "message.send"]
    assert len(sends) == 4
    assert len({command.key for command in sends}) == 1
    assert len(server.messages) == 1


async def test_a_command_that_may_not_be_sent_twice_is_unknown(server: FakeServer) -> None:
    server.faults.swallow_replies = 1
    async with client_of(server) as client:
        with pytest.raises(Refused) as raised:
            await client.call("channel.leave", ChannelLeave(channel=CHANNEL))
    assert raised.value.code == "unknown"
    assert len(server.commands) == 1


async def test_what_may_succeed_later_is_sent_again(server: FakeServer) -> None:
    server.faults.refuse_next = [
        problem("moved"),
        problem("rate_limited", retry_after_ms=20),
        problem("unknown"),
        problem("unavailable", retry_after_ms=1),
    ]
    async with client_of(server) as client:
        assert (await client.send(CHANNEL, "once")).seq == 1


async def test_what_will_not_succeed_is_said_at_once(server: FakeServer) -> None:
    server.faults.refuse_next = [problem("channel_archived", "it can only be read")]
    async with client_of(server) as client:
        with pytest.raises(Refused, match="channel_archived: it can only be read"):
            await client.send(CHANNEL, "too late")


async def test_a_send_that_is_not_acknowledged_can_go_on_with_its_key(server: FakeServer) -> None:
    server.faults.refuse_next = [problem("unavailable", retry_after_ms=60_000)]
    async with client_of(server) as client:
        with pytest.raises(Unacknowledged) as raised:
            await client.send(CHANNEL, "once", within_s=0.2)
        assert (await client.send(CHANNEL, "once", key=raised.value.key)).seq == 1


async def test_a_client_that_was_away_long_reads_history_and_then_goes_on(
    server: FakeServer,
) -> None:
    async with client_of(server) as client:
        server.post("before")
        assert await posted(client, 1) == [1]
        server.faults.cut_after_bytes = [1, 1, 1]
        for socket in tuple(server.sockets):
            socket.cut()
        await lost(client)
        for number in range(300):
            server.post(f"missed {number}")
        seen = []
        async for event in client.events():
            seen.append(event)
            if isinstance(event, MessagePosted) and event.message.seq == 301:
                break
        assert any(isinstance(event, ChannelReset) for event in seen)
        assert [e.message.seq for e in seen if isinstance(e, MessagePosted)] == [*range(2, 302)]
        server.post("live")
        assert await posted(client, 302) == [302]


async def test_who_reads_slowly_misses_nothing_and_holds_little(server: FakeServer) -> None:
    async with client_of(server) as client:
        count = ROOM * 3
        for number in range(count):
            server.post(f"text {number}")
        await client.history(CHANNEL, limit=1)  # everything was received by now
        await client.history(CHANNEL, limit=1)
        assert client.channels[CHANNEL].rev <= ROOM + 100
        assert await posted(client, count) == list(range(1, count + 1))


async def test_losing_and_finding_the_connection_is_told(server: FakeServer) -> None:
    async with client_of(server) as client:
        for socket in tuple(server.sockets):
            await socket.close(CloseCode.RESTARTING, retry_after_ms=5)
        events = client.events()
        assert await anext(events) == ConnectionLost("restarting")
        assert await anext(events) == ConnectionRestored()


async def test_a_server_that_drains_is_left_before_it_closes(server: FakeServer) -> None:
    async with client_of(server) as client:
        for socket in tuple(server.sockets):
            socket.send(Drain(after_ms=10))
        events = client.events()
        assert isinstance(await anext(events), ConnectionLost)
        assert await anext(events) == ConnectionRestored()
        assert (await client.send(CHANNEL, "on the other host")).seq == 1
    assert server.opened == 2


async def test_a_token_that_runs_out_is_renewed_on_the_open_socket(server: FakeServer) -> None:
    async with client_of(server) as client:
        for socket in tuple(server.sockets):
            socket.send(Event(name="auth.expiring", body=AuthExpiring(in_ms=1000)))

        async def renewed() -> bool:
            return len(server.auths) == 2

        await until(renewed)
        first, second = server.auths
        assert first.token != second.token
        assert second.since is None
        assert client.connected
    assert server.opened == 1


async def test_a_token_that_is_refused_is_renewed_once(server: FakeServer) -> None:
    async with client_of(server) as client:
        server.tokens.clear()
        for socket in tuple(server.sockets):
            socket.cut()
        assert (await client.send(CHANNEL, "with a new token")).seq == 1


@pytest.mark.parametrize("code", [CloseCode.SESSION_REVOKED, CloseCode.ACCOUNT_SUSPENDED])
async def test_what_the_server_ends_for_good_ends_events_and_commands(
    server: FakeServer, code: CloseCode
) -> None:
    async with client_of(server) as client:
        for socket in tuple(server.sockets):
            await socket.close(code)
        with pytest.raises(SessionEnded) as raised:
            async for _ in client.events():
                pass
        assert raised.value.close_code == code
        with pytest.raises(SessionEnded):
            await client.send(CHANNEL, "too late")


async def test_a_wrong_password_is_said_at_once(server: FakeServer) -> None:
    with pytest.raises(SessionEnded) as raised:
        async with StreamHubClient(server.url, login="alice", password="wrong"):
            pass
    assert raised.value.problem is not None
    assert raised.value.problem.code == "unauthenticated"


async def test_a_server_that_fell_silent_is_left(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "PONG_WITHIN_S", 0.1)
    server.faults.heartbeat_ms = 100
    async with client_of(server) as client:
        server.faults.silent = True
        events = client.events()
        assert await anext(events) == ConnectionLost("the server does not answer")
        server.faults.silent = False
        for socket in tuple(server.sockets):
            socket.cut()
        assert (await client.send(CHANNEL, "back")).seq == 1


async def test_a_silent_server_is_left_though_every_command_is_given_up_early(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "DOUBT_AFTER_S", 0.1)
    monkeypatch.setattr(client_connection, "DOUBT_WITHIN_S", 0.1)
    async with client_of(server) as client:
        server.faults.silent = True
        lost = asyncio.ensure_future(anext(client.events()))
        while not lost.done():
            with pytest.raises(Unacknowledged):
                await client.send(CHANNEL, "hello?", within_s=0.02)
        assert await lost == ConnectionLost("the server does not answer")


async def test_events_end_when_the_client_is_closed(server: FakeServer) -> None:
    async with client_of(server) as client:
        server.post("last")
        await posted(client, 1)
        reader = asyncio.create_task(posted(client, 2))
    assert await reader == []
