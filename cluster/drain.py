"""How a host leaves while others stay: no new clients, those it has go elsewhere, then its end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from streamhub.domain.cluster import View
from streamhub.domain.ids import HostId

GRACE_S: Final = 1.0
"""How long a port is still served that other hosts of the node share: by then each of them has
read the view."""

_LOOK_S: Final = 0.05


class Door(Protocol):
    """A port that is served; see `transport.site`."""

    @property
    def requests(self) -> int: ...
    def say_goodbye(self) -> None: ...
    async def retire(self) -> None: ...


class Clients(Protocol):
    """The sockets of a host; see `transport.websocket`."""

    def __len__(self) -> int: ...
    def drain(self, over_s: float) -> None: ...


def shares_port(host: HostId, view: View) -> bool:
    """Whether another live host serves the ports of the node that `host` is on."""
    own = view.host(host)
    return own is not None and any(
        other.state == "live" and other.node == own.node and other.id != host
        for other in view.hosts
    )


class Drain:
    """Empties one host. `spread_s`: the time over which its sockets are told to leave;
    `requests_s`: how much longer a request may take."""

    def __init__(
        self,
        public: Door,
        admin: Door,
        clients: Clients,
        *,
        spread_s: float,
        requests_s: float,
        shared: Callable[[], bool],
        grace_s: float = GRACE_S,
    ) -> None:
        self._public = public
        self._admin = admin
        self._clients = clients
        self._spread_s = spread_s
        self._requests_s = requests_s
        self._shared = shared
        self._grace_s = grace_s

    async def run(self) -> None:
        """Returns when no client is left, or the time is over.

        Both ports are still served for a moment. Where nobody else serves them it is as long as
        clients have to leave, for a proxy must first see that this node is not ready any more; and
        the admin port says so until the end.
        """
        begun_s = asyncio.get_running_loop().time()
        self._public.say_goodbye()
        self._admin.say_goodbye()
        self._clients.drain(self._spread_s)
        await asyncio.sleep(self._grace_s if self._shared() else self._spread_s)
        await self._public.retire()
        if self._shared():
            await self._admin.retire()
        await _until(self._is_empty, begun_s + self._spread_s + self._requests_s)

    def _is_empty(self) -> bool:
        return not (len(self._clients) or self._public.requests)


async def finished(doors: Sequence[Door], within_s: float) -> None:
    """Returns when no request is being answered, or the time is over."""
    over_s = asyncio.get_running_loop().time() + within_s
    await _until(lambda: not any(door.requests for door in doors), over_s)


async def _until(true: Callable[[], bool], over_s: float) -> None:
    loop = asyncio.get_running_loop()
    while not true() and loop.time() < over_s:  # noqa: ASYNC110 - rare, and nobody tells of ends
        await asyncio.sleep(_LOOK_S)
