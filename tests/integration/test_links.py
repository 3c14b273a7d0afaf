"""Two hosts and the link between them, over real sockets."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs
from support.chat_hosts import until
from support.linked_peers import ANN, BOB, SECRET, Wire

from streamhub.config import Secret
from streamhub.domain.envelopes import Envelope, NoInterest, NotOwner
from streamhub.domain.ids import HostId
from streamhub.transport import link_calls, link_handshake, links
from streamhub.transport.site import listen_socket


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.stack.aclose()


async def test_everything_arrives_once_and_in_order_both_ways(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    for n in range(2000):
        assert ann.send(BOB, f"a{n}")
        assert bob.send(ANN, f"b{n}")  # both dial at once
    await until(lambda: len(ann.got) == len(bob.got) == 2000)
    assert bob.got == [(ANN, (f"a{n}",)) for n in range(2000)]
    assert ann.got == [(BOB, (f"b{n}",)) for n in range(2000)]
    assert (len(ann.links), len(bob.links)) == (1, 1)
    assert ann.lost == bob.lost == []


async def test_what_the_transport_does_not_take_waits_and_arrives_in_order(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    ann.send(BOB, "first")
    await until(lambda: len(bob.got) == 1)
    text = "x" * 10_000
    for n in range(3000):
        assert ann.send(BOB, str(n), text)
        assert bob.send(ANN, str(n), text)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ann.links.queued > 0  # 30 MB are more than the kernel's buffers hold
    await until(lambda: len(bob.got) == 3001 and len(ann.got) == 3000)
    assert [words[0] for _, words in bob.got] == ["first", *map(str, range(3000))]
    assert [words[0] for _, words in ann.got] == [str(n) for n in range(3000)]
    assert ann.links.queued == bob.links.queued == 0
    assert ann.lost == bob.lost == []


async def test_what_is_no_frame_ends_the_link(wire: Wire) -> None:
    bob = await wire.peer(BOB)
    wire.addresses[ANN] = "where nobody calls"
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"http://{wire.addresses[BOB]}{link_calls.PATH}")
        await link_handshake.call(socket, SECRET.reveal().encode(), ANN, BOB)
        await until(lambda: len(bob.links) == 1)
        os.write(socket.get_extra_info("socket").fileno(), b"\xf2\x80mask")  # reserved bits
        await until(lambda: ANN in bob.lost)
        assert (await socket.receive()).type is not aiohttp.WSMsgType.BINARY


async def test_a_host_reaches_itself_without_a_link(wire: Wire) -> None:
    ann = await wire.peer(ANN)
    ann.send(ANN, "me")
    assert ann.got == []  # never within the call: no handler is entered twice
    await until(lambda: ann.got == [(ANN, ("me",))])
    assert not len(ann.links)


async def test_who_does_not_know_the_secret_gets_no_link(wire: Wire) -> None:
    ann, eve = await wire.peer(ANN), await wire.peer(BOB, Secret("another secret of these tests"))
    assert ann.send(BOB, "hello")
    await until(lambda: ann.lost == [BOB])
    assert eve.send(ANN, "let me in")
    await until(lambda: eve.lost == [ANN])
    assert ann.got == eve.got == []


async def test_a_new_host_at_an_old_address_is_not_taken_for_the_old_one(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    wire.addresses[HostId("ho_old")] = wire.addresses[BOB]
    assert ann.send(HostId("ho_old"), "are you still there?")
    await until(lambda: ann.lost == ["ho_old"])
    assert bob.got == []


async def test_both_ends_hear_that_the_link_is_gone_and_may_link_again(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    ann.send(BOB, "one")
    await until(lambda: len(bob.got) == 1)
    ann.links.drop([BOB])
    await until(lambda: (ann.lost, bob.lost) == ([BOB], [ANN]))
    bob.send(ANN, "two")
    await until(lambda: ann.got == [(BOB, ("two",))])


async def test_an_unknown_host_and_a_silent_address_are_reported(wire: Wire) -> None:
    ann = await wire.peer(ANN)
    assert not ann.send(HostId("ho_nobody"), "hello")
    with listen_socket("127.0.0.1", 0, False) as closed:
        wire.addresses[BOB] = f"127.0.0.1:{closed.getsockname()[1]}"
        assert ann.send(BOB, "hello")
        await until(lambda: ann.lost == [BOB])


async def test_who_is_not_in_the_view_gets_no_link(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    looks: list[None] = []
    bob.look = lambda: looks.append(None)
    del wire.addresses[ANN]
    with capture_logs() as logs:
        assert ann.send(BOB, "hello")
        await until(lambda: ann.lost == [BOB])
    assert looks
    assert bob.got == []
    refused = [entry["error"] for entry in logs if entry["event"] == "link.refused"]
    assert refused == ["you are not in the view"]


async def test_who_joined_a_moment_ago_is_looked_for(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    address = wire.addresses.pop(ANN)
    bob.look = lambda: wire.addresses.update({ANN: address})
    assert ann.send(BOB, "hello")
    await until(lambda: bob.got == [(ANN, ("hello",))])
    assert ann.lost == []


async def test_a_queue_that_is_full_ends_the_link(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MAX_QUEUED", 10)
    ann, _ = await wire.peer(ANN), await wire.peer(BOB)
    sent = [ann.send(BOB, str(n)) for n in range(11)]  # nothing is sent within one loop pass
    assert sent == [True] * 10 + [False]
    assert ann.lost == [BOB]


async def test_envelopes_of_a_newer_version_are_left_out(wire: Wire) -> None:
    bob = await wire.peer(BOB)
    wire.addresses[ANN] = "where nobody calls"
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"http://{wire.addresses[BOB]}{link_calls.PATH}")
        await link_handshake.call(socket, SECRET.reveal().encode(), ANN, BOB)
        known: Envelope = NoInterest(topics=("known",))
        batch: list[Any] = [[99, "from the future"], known]
        await socket.send_bytes(msgspec.msgpack.encode(batch))
        await until(lambda: bob.got == [(ANN, ("known",))])
        await socket.close()


async def test_a_handler_that_fails_does_not_end_the_link(wire: Wire) -> None:
    ann, bob = await wire.peer(ANN), await wire.peer(BOB)
    ann.links.send(BOB, NotOwner(topics=(), version=1))  # bob has no handler for it
    ann.send(BOB, "after")
    await until(lambda: bob.got == [(ANN, ("after",))])
    assert bob.lost == []


async def test_a_caller_that_says_nothing_is_let_go(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_calls, "DEAD_AFTER_S", 0.2)
    await wire.peer(BOB)
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"http://{wire.addresses[BOB]}{link_calls.PATH}")
        message = await asyncio.wait_for(socket.receive(), 10)
        assert message.type is aiohttp.WSMsgType.CLOSE
