"""Starts hosts, calls them, ends them, and tells the roster what came of it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import structlog

from streamhub.cluster.fleet import Fleet, HostGone
from streamhub.cluster.roster import Roster
from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HOST, RANDOM_BYTES, HostId, make_id

log = structlog.get_logger(__name__)


class HostWatch:
    """Acts on hosts. `changed` is set when the view may have to follow; `failed` is why the last
    host that did not start did not, until one starts."""

    def __init__(self, fleet: Fleet, roster: Roster, clock: Callable[[], float]) -> None:
        self._fleet = fleet
        self._roster = roster
        self._clock = clock
        self._calls: dict[HostId, asyncio.Task[None]] = {}
        self.changed = asyncio.Event()
        self.failed = ""

    def start(self, node: str) -> None:
        """A new host on `node`."""
        host = HostId(make_id(HOST, int(time.time() * 1000), os.urandom(RANDOM_BYTES)))
        self._fleet.start(host, node)
        self.expect(host, node)

    def expect(self, host: HostId, node: str) -> None:
        """Wait for `host`, which starts, to serve."""
        self._roster.start(host, node, self._clock())
        self._call(host, self._await_entry)

    def ping(self) -> None:
        """Ask all that serve, but those that have not answered yet."""
        for entry in self._roster.entries:
            if entry.id not in self._calls:
                self._call(entry.id, self._ping)

    def drain(self, host: HostId) -> None:
        self._roster.drain(host, self._clock())
        self.changed.set()
        log.info("host_drains", of=host)

    def lose(self, host: HostId, why: str, *, stuck: bool = False) -> None:
        """`host` is gone, or must be: by force if it is `stuck`."""
        drained = any(one.id == host and one.state == "draining" for one in self._roster.members)
        entry = self.end(host, stuck=stuck)
        self.changed.set()
        if drained and not stuck:
            log.info("host_drained", of=host)
            return
        if entry is None:
            self.failed = why
        log.warning("host_lost", of=host, pid=entry.pid if entry else None, why=why)

    def end(self, host: HostId, *, stuck: bool, failed: bool = True) -> HostEntry | None:
        """End `host` and forget it; its entry if it served. One that has not served makes its node
        pause, if it `failed` to."""
        if call := self._calls.pop(host, None):
            call.cancel()
        entry = self._roster.remove(host, self._clock(), failed=failed)
        self._fleet.kill(host, entry if stuck else None)
        return entry

    # -- calls ------------------------------------------------------------------------------

    async def _await_entry(self, host: HostId) -> None:
        entry = await self._fleet.entry(host)
        self._roster.serves(entry, self._clock())
        self.failed = ""
        self.changed.set()
        log.info("host_started", of=host, pid=entry.pid, address=entry.address)

    async def _ping(self, host: HostId) -> None:
        report = await self._fleet.ping(host)
        if report is not None:
            self._roster.answered(host, self._clock(), report)

    def _call(self, host: HostId, work: Callable[[HostId], Awaitable[None]]) -> None:
        """Do `work`, the one call to `host` at this time; a host that is gone is lost."""

        async def watched() -> None:
            try:
                await work(host)
            except HostGone as error:
                self._calls.pop(host, None)
                self.lose(host, str(error))
            else:
                self._calls.pop(host, None)

        self._calls[host] = asyncio.ensure_future(watched())
