"""What the supervisor asks of whatever keeps the hosts' processes."""

from collections.abc import Mapping
from typing import Protocol

from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry


class HostGone(Exception):
    """The host's process is no more, or never came to be; the text says why."""


class Fleet(Protocol):
    """The processes of the hosts, as Ray keeps them. What does not wait never blocks."""

    def nodes(self) -> tuple[NodeEntry, ...]:
        """The nodes by the last answer there was; none before the first."""
        ...

    async def running(self) -> Mapping[HostId, str]:
        """The hosts whose processes are known, and the node of each.

        Raises TryAgain("unavailable") when nobody can tell now.
        """
        ...

    def start(self, host: HostId, node: str) -> None:
        """Ask for a process on `node`."""
        ...

    async def entry(self, host: HostId) -> HostEntry:
        """Waits until the host serves. Raises HostGone."""
        ...

    async def ping(self, host: HostId) -> HostReport | None:
        """What the host says of itself; None without an answer. Raises HostGone."""
        ...

    def look(self, host: HostId) -> None:
        """Have the host read the view now and not within a second."""
        ...

    async def stop(self, host: HostId, within_s: float) -> None:
        """Have the host finish what it does. Returns when it has, is gone, or time is up."""
        ...

    def kill(self, host: HostId, stuck: HostEntry | None) -> None:
        """End the process by force; `stuck` tells of one that may be deaf to anything gentler."""
        ...
