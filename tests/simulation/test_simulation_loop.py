"""The simulated loop and network themselves: time jumps, processes die, links keep the order."""

import asyncio
from random import Random

import pytest
from simulation.hosts import StableId
from simulation.loop import Life, SimulatedLoop, Stuck
from simulation.network import Network

from streamhub.domain.envelopes import Envelope, NoInterest
from streamhub.domain.ids import HostId


def loop() -> SimulatedLoop:
    return SimulatedLoop()  # type: ignore[abstract]


class Peer:
    """A host that writes down what it hears."""

    def __init__(self, name: str, network: Network) -> None:
        self.id = HostId(StableId(name))
        self.life = Life(name)
        self.heard: list[str] = []
        network.join(self)
        self.switch = network.switch_of(self)

    def receive(self, sender: HostId, envelope: Envelope) -> None:
        assert isinstance(envelope, NoInterest)
        self.heard.append(envelope.topics[0])

    def link_lost(self, peer: HostId) -> None:
        self.heard.append("lost")

    def knows(self, peer: HostId) -> bool:
        return True

    def say(self, to: "Peer", what: str) -> None:
        assert self.switch.send(to.id, NoInterest(topics=(what,)))


def test_an_hour_passes_in_a_moment() -> None:
    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - before

    assert loop().run(main(), within_s=4000) == pytest.approx(3600)


def test_a_deadlock_is_said() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match="nothing is left to happen"):
        loop().run(main(), within_s=10)


def test_what_takes_too_long_is_said() -> None:
    with pytest.raises(Stuck, match="not done"):
        loop().run(asyncio.sleep(100), within_s=10)


def test_an_error_nobody_caught_is_kept() -> None:
    simulated = loop()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "not a number")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    simulated.run(main(), within_s=1)
    assert "not a number" in simulated.errors[0]


def test_nothing_of_a_dead_process_runs() -> None:
    did: list[str] = []

    async def work() -> None:
        await asyncio.sleep(1.0)
        did.append("task")

    async def main() -> None:
        life = Life("one")
        life.spawn(work())
        life.run(lambda: asyncio.get_running_loop().call_later(1.0, did.append, "timer"))
        await asyncio.sleep(0.5)
        life.end()
        await asyncio.sleep(1.0)
        life.run(did.append, "called")

    loop().run(main(), within_s=10)
    assert did == []


def test_a_frozen_process_does_all_that_was_due_once_it_wakes() -> None:
    did: list[tuple[str, float]] = []

    def do(what: str) -> None:
        did.append((what, asyncio.get_running_loop().time()))

    async def main() -> float:
        now = asyncio.get_running_loop().time
        life = Life("one")
        life.run(lambda: asyncio.get_running_loop().call_later(2.0, do, "second timer"))
        life.run(lambda: asyncio.get_running_loop().call_later(1.0, do, "first timer"))
        life.freeze()
        life.run(do, "called")
        await asyncio.sleep(10.0)
        assert did == []
        woken = now()
        life.thaw()
        await asyncio.sleep(1.0)
        return woken

    woken = loop().run(main(), within_s=20)
    assert did == [("called", woken), ("first timer", woken), ("second timer", woken)]


def test_a_frozen_peer_is_given_up_and_hears_all_in_order_once_it_wakes() -> None:
    async def main() -> tuple[list[str], list[str]]:
        network = Network(Random(4))  # noqa: S311
        one, two = Peer("one", network), Peer("two", network)
        one.say(two, "before")
        await asyncio.sleep(0.1)
        two.life.freeze()
        network.fall_silent(two.id)
        one.say(two, "meanwhile")
        await asyncio.sleep(10.0)
        assert (one.heard, two.heard) == (["lost"], ["before"])
        two.life.thaw()
        await asyncio.sleep(1.0)
        one.say(two, "after")
        await asyncio.sleep(1.0)
        return one.heard, two.heard

    first, second = loop().run(main(), within_s=20)
    assert first == ["lost"]
    assert [what for what in second if what != "meanwhile"] == ["before", "lost", "after"]


def test_a_link_keeps_the_order() -> None:
    async def main() -> list[str]:
        network = Network(Random(1))  # noqa: S311
        one, two = Peer("one", network), Peer("two", network)
        for number in range(50):
            one.say(two, str(number))
        await asyncio.sleep(1.0)
        return two.heard

    assert loop().run(main(), within_s=10) == [str(number) for number in range(50)]


@pytest.mark.parametrize("seed", range(10))
def test_a_cut_link_delivers_a_beginning_and_both_ends_hear_of_it(seed: int) -> None:
    async def main() -> tuple[list[str], list[str]]:
        network = Network(Random(seed))  # noqa: S311
        one, two = Peer("one", network), Peer("two", network)
        two.say(one, "hello")
        await asyncio.sleep(0.1)
        for number in range(50):
            one.say(two, str(number))
        network.cut(one.id, two.id)
        await asyncio.sleep(10.0)
        one.say(two, "again")
        await asyncio.sleep(1.0)
        return one.heard, two.heard

    first, second = loop().run(main(), within_s=20)
    assert first == ["hello", "lost"]
    *beginning, lost, again = second
    assert (lost, again) == ("lost", "again")
    assert beginning == [str(number) for number in range(len(beginning))]


def test_a_new_link_is_heard_of_after_the_loss_of_the_old_one() -> None:
    async def main() -> list[str]:
        network = Network(Random(3))  # noqa: S311
        one, two = Peer("one", network), Peer("two", network)
        one.say(two, "before")
        await asyncio.sleep(0.1)
        network.cut(one.id, two.id)
        network.lose(one.id, two.id)
        one.say(two, "after")
        await asyncio.sleep(10.0)
        return two.heard

    assert loop().run(main(), within_s=20) == ["before", "lost", "after"]
