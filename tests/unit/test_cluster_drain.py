"""The order in which a host leaves."""

import asyncio

from support.actor_bench import simulated

from streamhub.cluster.drain import Drain, shares_port
from streamhub.domain.cluster import HostEntry, HostState, View
from streamhub.domain.ids import HostId


class Recorded:
    """A port, or all clients, of a host, noting when what was asked of it."""

    def __init__(self, name: str, log: list[tuple[float, str]]) -> None:
        self.name = name
        self.requests = 0
        self._log = log
        self._begun_s = asyncio.get_running_loop().time()

    def __len__(self) -> int:
        return self.requests

    def _note(self, what: str) -> None:
        at_s = asyncio.get_running_loop().time() - self._begun_s
        self._log.append((round(at_s, 1), f"{self.name} {what}"))

    def say_goodbye(self) -> None:
        self._note("says goodbye")

    async def retire(self) -> None:
        self._note("retires")

    def drain(self, over_s: float) -> None:
        self._note(f"leave within {over_s:.0f} s")


class House:
    """A host that drains, over 8 s and 5 s more for requests."""

    def __init__(self, *, shared: bool) -> None:
        self.log: list[tuple[float, str]] = []
        self.public = Recorded("public", self.log)
        self.admin = Recorded("admin", self.log)
        self.clients = Recorded("clients", self.log)
        self.drain = Drain(
            self.public,
            self.admin,
            self.clients,
            spread_s=8,
            requests_s=5,
            shared=lambda: shared,
            grace_s=1,
        )

    async def run_s(self) -> float:
        """How long it took."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await self.drain.run()
        return loop.time() - begun_s


_BEGIN = [
    (0.0, "public says goodbye"),
    (0.0, "admin says goodbye"),
    (0.0, "clients leave within 8 s"),
]


@simulated
async def test_ports_that_others_share_are_left_after_a_moment() -> None:
    house = House(shared=True)
    assert await house.run_s() < 2
    assert house.log == [*_BEGIN, (1.0, "public retires"), (1.0, "admin retires")]


@simulated
async def test_ports_of_ones_own_are_served_as_long_as_clients_may_take_and_one_says_why() -> None:
    house = House(shared=False)
    await house.run_s()
    assert house.log == [*_BEGIN, (8.0, "public retires")]


@simulated
async def test_it_ends_with_the_last_client_and_the_last_request() -> None:
    house = House(shared=True)
    house.clients.requests = house.public.requests = 1
    loop = asyncio.get_running_loop()
    loop.call_later(3, setattr, house.clients, "requests", 0)
    loop.call_later(6, setattr, house.public, "requests", 0)
    assert 6 <= await house.run_s() < 6.5


@simulated
async def test_who_never_leaves_is_not_waited_for_for_ever() -> None:
    house = House(shared=True)
    house.clients.requests = 1
    assert 13 <= await house.run_s() < 13.5


def test_a_port_is_shared_with_live_hosts_of_the_same_node() -> None:
    def view(*hosts: tuple[str, str, HostState]) -> View:
        entries = (
            HostEntry(id=HostId(name), node=node, address="", pid=0, state=state)
            for name, node, state in hosts
        )
        return View(version=1, hosts=tuple(entries))

    leaving: tuple[str, str, HostState] = ("a", "here", "draining")
    assert shares_port(HostId("a"), view(leaving, ("b", "here", "live")))
    assert not shares_port(HostId("a"), view(leaving, ("b", "there", "live")))
    assert not shares_port(HostId("a"), view(leaving, ("b", "here", "draining")))
    assert not shares_port(HostId("a"), view(("a", "here", "live")))
