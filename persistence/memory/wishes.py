"""The wish store's twin."""

from collections.abc import Callable

from msgspec.structs import replace

from streamhub.domain.ids import HostId
from streamhub.domain.wishes import LastSign, Sign, Wishes


class InMemoryWishStore:
    """Implements WishStore; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wishes = Wishes()
        self._sign: Sign | None = None
        self._seen_at = 0.0

    async def attend(self, sign: Sign) -> Wishes:
        self._sign, self._seen_at = sign, self._clock()
        return self._wishes

    async def wishes(self) -> Wishes:
        return self._wishes

    async def last_sign(self) -> LastSign | None:
        if self._sign is None:
            return None
        return LastSign(self._sign, self._clock() - self._seen_at)

    async def wish_hosts_per_node(self, count: int | None) -> None:
        self._wishes = replace(self._wishes, hosts_per_node=count)

    async def wish_drained(self, node: str, drained: bool) -> None:
        others = self._wishes.drained - {node}
        self._wishes = replace(self._wishes, drained=others | {node} if drained else others)

    async def wish_gone(self, host: HostId) -> None:
        self._wishes = replace(self._wishes, leaving=self._wishes.leaving | {host})

    async def forget(self, hosts: frozenset[HostId]) -> None:
        self._wishes = replace(self._wishes, leaving=self._wishes.leaving - hosts)

    async def wish_down(self, down: bool) -> None:
        self._wishes = replace(self._wishes, down=down)
