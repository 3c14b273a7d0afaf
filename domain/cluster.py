"""Who is in the cluster: the view, its log, and the port that keeps both."""

from typing import Literal, Protocol

import msgspec

from streamhub.domain.ids import HostId

HostState = Literal["starting", "live", "draining"]


class HostEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One host of the view.

    `address` is `ip:port` where it takes links, on the node's private network. Only `live` hosts
    own actors; a `draining` one keeps its links and sockets until it has handed everything over.
    """

    id: HostId
    node: str
    address: str
    pid: int
    state: HostState = "live"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts of one version. Versions are dense; a higher one always wins."""

    version: int
    hosts: tuple[HostEntry, ...] = ()

    def host(self, host_id: HostId) -> HostEntry | None:
        return next((entry for entry in self.hosts if entry.id == host_id), None)

    @property
    def owners(self) -> tuple[HostId, ...]:
        """The hosts that may own actors, in id order."""
        return tuple(sorted(entry.id for entry in self.hosts if entry.state == "live"))


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of itself, to the supervisor about once a second.

    `ready`: it takes traffic and may answer as an owner. `queued`: messages that wait for actors.
    `unlinked`: hosts of the view to which no link could be made for a while; never more than a few
    seconds unless the network between the two is cut.
    """

    ready: bool
    sockets: int = 0
    actors: int = 0
    queued: int = 0
    links: int = 0
    view: int = 0
    unlinked: tuple[HostId, ...] = ()


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that every host must learn within a second.

    `kind` `view`: `subject` is the new version. `sessions_revoked`: `subject` is a user or a
    session family. `rights_changed`: `subject` is a user.
    """

    number: int
    kind: str
    subject: str


class ClusterStore(Protocol):
    """The view and its log. The truth about both; links and Ray only carry them faster."""

    async def view(self) -> View:
        """The present view; version 0 without hosts before the first was published."""
        ...

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        """Compare-and-set: version `expected_version + 1` with a log entry, or None if outrun."""
        ...

    async def append(self, kind: str, subject: str) -> None:
        """Add one entry to the log."""
        ...

    async def entries_after(self, number: int) -> tuple[LogEntry, ...]:
        """All entries after `number`, oldest first. One indexed read: a host's lease."""
        ...

    async def newest_entry(self) -> int:
        """The number of the newest entry, 0 without one."""
        ...

    async def epoch(self) -> int:
        """The cluster-wide history epoch of `hello`."""
        ...
