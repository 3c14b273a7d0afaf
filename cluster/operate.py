"""What operators do to a cluster: wish, and wait until it is so. Safe to repeat, and to interrupt:
what was wished is done by the supervisor, whoever waits for it or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from streamhub.cluster.access import NotDone, Picture, Stores
from streamhub.cluster.targets import Target, find, nodes_of
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import HostId

_LOOK_EVERY_S: Final = 0.5

Tell = Callable[[str], None]
Pending = Callable[[Picture], str]
"""What is still to be waited for; empty when nothing is."""


class Operator:
    """Each command tells what it waits for, and raises NotDone when that takes too long.

    `within_s` seconds are for one drain, one change of scale, one host of a restart. PostgreSQL may
    be away for some of them.
    """

    def __init__(
        self,
        stores: Stores,
        tell: Tell,
        *,
        within_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stores = stores
        self._tell = tell
        self._within_s = within_s
        self._clock = clock
        self._sleep = sleep

    async def drain(self, said: str, *, wait: bool) -> None:
        """Empty the node, or replace the host, that is meant."""
        target = find(said, await self._stores.look())
        if target.kind == "node":
            await self._stores.wishes.wish_drained(target.id, True)
        else:
            await self._stores.wishes.wish_gone(target.host)
        if wait:
            await self._until(lambda picture: _left_of(target, picture))
            self._tell(f"{target} is drained")
        else:
            self._tell(f"{target} will be drained")

    async def undrain(self, said: str) -> None:
        """Let the node that is meant carry hosts again."""
        target = find(said, await self._stores.look())
        if target.kind == "host":
            raise NotDone(f"{target} is no node: a host that drains does not come back")
        await self._stores.wishes.wish_drained(target.id, False)
        self._tell(f"{target} carries hosts again")

    async def scale(self, hosts_per_node: int) -> None:
        """Have so many hosts on every node that carries hosts."""
        await self._stores.wishes.wish_hosts_per_node(hosts_per_node)
        await self._until(lambda picture: _unlike(hosts_per_node, picture))
        self._tell(f"{hosts_per_node} hosts on every node")

    async def restart_rolling(self) -> None:
        """Replace each host there is now, one after the other."""
        hosts = [host.id for host in (await self._stores.look()).view.hosts]
        for number, host in enumerate(hosts, start=1):
            self._tell(f"{number} of {len(hosts)}: {host}")
            await self._replace(host)
        self._tell(f"{len(hosts)} hosts were replaced")

    async def down(self) -> None:
        """End all hosts, and the supervisor, until the next `streamhub up`."""
        await self._stores.wishes.wish_down(True)
        await self._until(_still_up)
        self._tell("StreamHub is down")

    # -- private ----------------------------------------------------------------------------

    async def _replace(self, host: HostId) -> None:
        async def wish() -> None:
            picture = await self._stores.look()
            if picture.view.host(host) and host not in picture.wishes.leaving:
                await self._stores.wishes.wish_gone(host)

        target = Target("host", host)
        await self._until(lambda now: _left_of(target, now) or _incomplete(now), first=wish)

    async def _until(
        self, pending: Pending, *, first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Look, after having done `first`, until nothing is pending."""
        deadline = self._clock() + self._within_s
        while True:
            try:
                if first is not None:
                    await first()
                picture = await self._stores.look()
                waits = pending(picture)
                if waits and not picture.supervised:
                    waits += "; no supervisor was heard lately: is `streamhub up` running?"
                elif waits and picture.last and picture.last.sign.problem:
                    waits += f"; {picture.last.sign.problem}"
            except TryAgain as error:
                waits = str(error)
            if not waits:
                return
            self._tell(waits)
            if self._clock() >= deadline:
                raise NotDone(f"Not done after {self._within_s:g} s, but still wished: {waits}")
            await self._sleep(_LOOK_EVERY_S)


def _left_of(target: Target, picture: Picture) -> str:
    hosts = [host for host in picture.view.hosts if target.id in (host.id, host.node)]
    if not hosts:
        return ""
    draining = sum(host.state == "draining" for host in hosts)
    if target.kind == "host":
        return f"{target} {'drains' if draining else 'waits for its replacement'}"
    return f"{target}: {len(hosts)} hosts are left, {draining} drain"


def _incomplete(picture: Picture) -> str:
    if picture.last is None or not picture.supervised:
        return "waiting for the supervisor"
    sign = picture.last.sign
    return f"{sign.ready} of {sign.wanted} hosts are ready" if sign.ready < sign.wanted else ""


def _unlike(hosts_per_node: int, picture: Picture) -> str:
    if found := _incomplete(picture):
        return found
    carrying = {
        node.id
        for node in nodes_of(picture).values()
        if node.carries and node.id not in picture.wishes.drained
    }
    if not carrying:
        return "no node carries hosts"
    hosts = [host for host in picture.view.hosts if host.node in carrying]
    wanted = hosts_per_node * len(carrying)
    live = sum(host.state == "live" for host in hosts)
    if live == len(hosts) == wanted:
        return ""
    return f"{live} hosts live and {len(hosts) - live} drain; {wanted} shall live"


def _still_up(picture: Picture) -> str:
    hosts = picture.view.hosts
    return f"{len(hosts)} hosts are left" if hosts else ""
