"""Placement: which host owns which actor, worked out by everybody from the view alone.

Rendezvous hashing (Thaler and Ravishankar, 1998): an actor belongs to one of 4096 slots, a slot to
the live host with the highest weight for it. When a host comes or goes, only the slots it wins or
held move.
"""

import zlib
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

SLOTS: Final = 4096
"""A constant of the cluster: hosts that disagree on it disagree on every owner."""


def slot_of(actor: ActorId) -> int:
    return zlib.crc32(f"{actor.kind}:{actor.key}".encode()) % SLOTS


def _weights(host: HostId) -> list[int]:
    """The host's weight for each slot: 64 bits of BLAKE2b each."""
    stream = b"".join(
        blake2b(f"{host}/{block}".encode(), digest_size=64).digest() for block in range(SLOTS // 8)
    )
    return [int.from_bytes(stream[at : at + 8]) for at in range(0, len(stream), 8)]


class SlotTable:
    """The owner of each slot; immutable, `updated` gives the next one.

    Without hosts nobody owns anything: `owner` is None.
    """

    def __init__(self, owners: Iterable[HostId] = ()) -> None:
        self._weights: dict[HostId, list[int]] = {}
        self._owners: list[HostId | None] = [None] * SLOTS
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
        table._owners = [
            host if host in wanted else table._heaviest(slot)
            for slot, host in enumerate(self._owners)
        ]
        for host in wanted - self.hosts:
            table._add(host)
        return table

    def _heaviest(self, slot: int) -> HostId | None:
        return max(self._weights, key=lambda h: (self._weights[h][slot], h), default=None)

    def _add(self, host: HostId) -> None:
        mine = self._weights[host] = _weights(host)
        for slot, holder in enumerate(self._owners):
            if holder is None or (mine[slot], host) > (self._weights[holder][slot], holder):
                self._owners[slot] = host
