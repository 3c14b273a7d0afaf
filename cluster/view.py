"""Placement: which host owns which actor, worked out by everybody from the view alone.

Rendezvous hashing (Thaler and Ravishankar, 1998): an actor belongs to one of 4096 slots, a slot to
the live host with the highest weight for it. When a host comes or goes, only the slots it wins or
held move.
"""

import sys
import zlib
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId, placed_as

SLOTS: Final = 4096
"""A constant of the cluster: hosts that disagree on it disagree on every owner."""


def slot_of(actor: ActorId) -> int:
    return zlib.crc32(placed_as(actor).encode()) % SLOTS


def _weights(host: HostId) -> "array[int]":
    """The host's weight for each slot: 64 bits of BLAKE2b each, the first byte the highest."""
    stream = b"".join(
        blake2b(f"{host}/{block}".encode(), digest_size=64).digest() for block in range(SLOTS // 8)
    )
    weights = array("Q", stream)
    if sys.byteorder == "little":
        weights.byteswap()
    return weights


class SlotTable:
    """The owner of each slot; immutable, `updated` gives the next one.

    Without hosts nobody owns anything: `owner` is None. A host takes 32 KiB, and about a
    millisecond to enter: a thousand must fit into a process that has other things to do.
    """

    def __init__(self, owners: Iterable[HostId] = ()) -> None:
        self._weights: dict[HostId, array[int]] = {}
        self._owners: list[HostId | None] = [None] * SLOTS
        self._highest = array("Q", bytes(8 * SLOTS))  # the owners' weights
        for host in owners:
            self._add(host)

    def owner(self, actor: ActorId) -> HostId | None:
        return self._owners[slot_of(actor)]

    @property
    def hosts(self) -> frozenset[HostId]:
        return frozenset(self._weights)

    def updated(self, owners: Iterable[HostId]) -> "SlotTable":
        """The table of these hosts; slots move only from those gone and to those new."""
        wanted = frozenset(owners)
        table = SlotTable()
        table._weights = {h: w for h, w in self._weights.items() if h in wanted}
        table._owners, table._highest = self._owners.copy(), self._highest[:]
        for slot, host in enumerate(self._owners):
            if host not in wanted:
                heir = table._owners[slot] = table._heaviest(slot)
                table._highest[slot] = table._weights[heir][slot] if heir else 0
        for host in wanted - self.hosts:
            table._add(host)
        return table

    def _heaviest(self, slot: int) -> HostId | None:
        return max(self._weights, key=lambda h: (self._weights[h][slot], h), default=None)

    def _add(self, host: HostId) -> None:
        mine = self._weights[host] = _weights(host)
        for slot, (weight, highest) in enumerate(zip(mine, self._highest, strict=True)):
            if weight > highest or (weight == highest and host > (self._owners[slot] or "")):
                self._owners[slot], self._highest[slot] = host, weight
