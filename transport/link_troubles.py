"""Which pairs cannot link: decided from attempts that failed and links that broke, without a clock.

Trouble with a peer begins with an attempt that failed or a link that broke, and is over when a link
has lived for a while. Times are seconds of one monotonic clock, passed in.
"""

from dataclasses import dataclass
from typing import Final

from streamhub.domain.ids import HostId

UNLINKED_S: Final = 10.0
"""Trouble of this age is told to the supervisor."""

SETTLED_S: Final = 10.0
"""A link that lives longer than it takes to find out that nothing comes through ends the trouble.
Small packets may pass where large ones do not: then links open, and die of the first batch."""

MANY_BREAKS: Final = 3
"""So many breaks in a row are trouble even while a link is open."""


@dataclass(slots=True)
class _Trouble:
    since: float
    breaks: int = 0


class Troubles:
    """The peers this host has trouble with."""

    def __init__(self) -> None:
        self._troubles: dict[HostId, _Trouble] = {}

    def failed(self, peer: HostId, began: float) -> None:
        """An attempt that began then did not give a link."""
        self._troubles.setdefault(peer, _Trouble(began))

    def broke(self, peer: HostId, opened: float, heard: float) -> None:
        """A link that opened and was last heard of then is lost."""
        if heard - opened >= SETTLED_S:
            self.forget(peer)
        self._troubles.setdefault(peer, _Trouble(heard)).breaks += 1

    def forget(self, peer: HostId) -> None:
        """The peer is gone, or its link ended in order."""
        self._troubles.pop(peer, None)

    def cannot_link(self, peer: HostId, now: float, opened: float | None = None) -> bool:
        """Whether the pair is one that cannot link; `opened` tells of a link that is open."""
        trouble = self._troubles.get(peer)
        if trouble is None or now - trouble.since < UNLINKED_S:
            return False
        return opened is None or (now - opened < SETTLED_S and trouble.breaks >= MANY_BREAKS)
