"""Pairs of hosts whose network is cut: seen by both or by one, told, and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from support.chat_hosts import until
from support.fault_proxy import FaultProxy, running
from support.linked_peers import ANN, BOB, Peer, Wire

from streamhub.transport import link, link_calls, link_socket, link_troubles, links


class CutWire(Wire):
    """Ann reaches Bob, and Bob reaches Ann, through a proxy each."""

    def __init__(self) -> None:
        super().__init__()
        self.to_bob = FaultProxy([])
        self.to_ann = FaultProxy([])

    async def start(self, stack: AsyncExitStack) -> tuple[Peer, Peer]:
        peers = (await self.peer(ANN), await self.peer(BOB))
        for host, proxy in ((ANN, self.to_ann), (BOB, self.to_bob)):
            address, _, port = self.addresses[host].partition(":")
            proxy.targets = [(address, int(port))]
            await stack.enter_async_context(running(proxy))
            self.addresses[host] = f"127.0.0.1:{proxy.port}"
        return peers

    def block(self) -> None:
        """Nobody reaches anybody: connections are reset."""
        for proxy in (self.to_ann, self.to_bob):
            proxy.refuses = True
            proxy.cut()

    def swallow(self, *, from_ann: bool = True, from_bob: bool = True) -> None:
        """What these say vanishes; connections stay, as with dropped packets."""
        for proxy, ann_asks in ((self.to_bob, True), (self.to_ann, False)):
            if from_ann:
                (proxy.requests_flow if ann_asks else proxy.answers_flow).clear()
            if from_bob:
                (proxy.answers_flow if ann_asks else proxy.requests_flow).clear()

    def heal(self) -> None:
        for proxy in (self.to_ann, self.to_bob):
            proxy.refuses = False
            proxy.cut()
            proxy.flow()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as fast as in production."""
    monkeypatch.setattr(links, "HEARTBEAT_S", 0.1)
    for module in (link, link_calls, link_socket, links):
        monkeypatch.setattr(module, "DEAD_AFTER_S", 0.4)
    monkeypatch.setattr(links, "PAUSE_S", 0.1)
    monkeypatch.setattr(link_troubles, "UNLINKED_S", 1.0)
    monkeypatch.setattr(link_troubles, "SETTLED_S", 1.0)


@pytest.fixture
async def wire() -> AsyncIterator[CutWire]:
    wire = CutWire()
    async with AsyncExitStack() as proxies:
        proxies.push_async_callback(wire.stack.aclose)
        yield wire
        wire.heal()


@pytest.fixture
async def peers(wire: CutWire) -> AsyncIterator[tuple[Peer, Peer]]:
    async with AsyncExitStack() as stack:
        ann, bob = await wire.start(stack)
        assert ann.send(BOB, "before")
        await until(lambda: len(bob.got) == 1)
        yield ann, bob
        await ann.links.close()
        await bob.links.close()


async def test_a_pair_that_is_cut_is_told_and_linked_again_once_it_can_be(
    wire: CutWire, peers: tuple[Peer, Peer]
) -> None:
    ann, bob = peers
    assert ann.links.unlinked() == bob.links.unlinked() == ()
    wire.block()
    await until(lambda: ann.links.unlinked() == (BOB,) and bob.links.unlinked() == (ANN,))
    assert BOB in ann.lost
    assert ANN in bob.lost
    wire.heal()
    await until(lambda: len(ann.links) == len(bob.links) == 1)
    assert ann.links.unlinked() == bob.links.unlinked() == ()
    assert ann.send(BOB, "after")
    await until(lambda: bob.got[-1] == (ANN, ("after",)))


async def test_while_there_is_no_link_sending_fails_at_once(
    wire: CutWire, peers: tuple[Peer, Peer]
) -> None:
    ann, _ = peers
    wire.swallow()
    await until(lambda: ann.lost.count(BOB) >= 2)  # the link, and the attempt to have another
    for _ in range(100):
        assert not ann.send(BOB, "nobody waits for this")
        await asyncio.sleep(0.01)
    assert ann.links.queued == 0


async def test_a_cut_pair_is_not_hammered(
    wire: CutWire, peers: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = peers
    calls: list[float] = []
    at_once: list[int] = []
    real = ann.links._calls.call

    async def counted(peer: str) -> object:
        calls.append(asyncio.get_running_loop().time())
        at_once.append(len(calls) - ended)
        try:
            return await real(BOB)
        finally:
            count_end()

    ended = 0

    def count_end() -> None:
        nonlocal ended
        ended += 1

    monkeypatch.setattr(ann.links._calls, "call", counted)
    wire.block()
    await until(lambda: (ann.send(BOB, "try"), len(calls) >= 6)[1])
    assert set(at_once) == {1}
    pauses = [later - sooner for sooner, later in pairwise(calls)]
    assert min(pauses) >= links.PAUSE_S * 0.9


@pytest.mark.parametrize("of_ann", [True, False])
async def test_a_cut_of_one_way_is_seen_though_the_other_way_works(
    wire: CutWire, peers: tuple[Peer, Peer], of_ann: bool
) -> None:
    ann, bob = peers
    wire.swallow(from_ann=of_ann, from_bob=not of_ann)
    await until(lambda: bool(ann.links.unlinked() or bob.links.unlinked()))
    wire.heal()
    await until(lambda: len(ann.links) == len(bob.links) == 1)
    assert ann.links.unlinked() == bob.links.unlinked() == ()


async def test_links_that_open_and_die_at_once_are_told(
    wire: CutWire, peers: tuple[Peer, Peer]
) -> None:
    ann, bob = peers

    def break_again() -> bool:
        if len(ann.links):
            wire.to_ann.cut()
            wire.to_bob.cut()
        return bool(ann.links.unlinked() or bob.links.unlinked())

    await until(break_again)


async def test_a_peer_that_left_the_view_is_not_dialled_and_not_told(
    wire: CutWire, peers: tuple[Peer, Peer]
) -> None:
    ann, _ = peers
    wire.block()
    await until(lambda: ann.links.unlinked() == (BOB,))
    del wire.addresses[BOB]
    ann.links.drop([BOB])
    assert ann.links.unlinked() == ann.links.peers == ()
    assert not ann.send(BOB, "gone")


async def test_a_peer_that_takes_nothing_is_given_up_and_its_bytes_are_bounded(
    wire: CutWire, peers: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = peers
    monkeypatch.setattr(links, "MAX_QUEUED_BYTES", 1_000_000)
    wire.swallow()
    text, most = "x" * 100_000, 0
    while ann.send(BOB, text):
        most = max(most, sum(link.outbox.bytes for link in ann.links._links.values()))
        await asyncio.sleep(0)
    assert most < 1_200_000
    assert BOB in ann.lost


async def test_an_idle_link_that_ends_in_order_is_not_made_again(
    wire: CutWire, peers: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = peers
    monkeypatch.setattr(link, "IDLE_S", 0.3)
    await until(lambda: (ann.lost, bob.lost) == ([BOB], [ANN]))
    await asyncio.sleep(0.3)
    assert ann.links.peers == bob.links.peers == ()
