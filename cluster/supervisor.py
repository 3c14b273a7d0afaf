"""Keeps the hosts alive and says in the view who they are."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec
import structlog

from streamhub.cluster.roster import Roster
from streamhub.domain.cluster import ClusterStore, HostEntry, HostReport, View
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HOST, RANDOM_BYTES, HostId, make_id

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
_AWAY_S: Final = 2.0
"""A tick so late means that we did not run, not that all hosts fell silent."""


class HostGone(Exception):
    """The host's process is no more, or never came to be; the text says why."""


class Fleet(Protocol):
    """The processes of the hosts, as Ray keeps them."""

    def nodes(self) -> tuple[str, ...]:
        """The nodes that shall carry hosts."""
        ...

    def running(self) -> tuple[HostId, ...]:
        """The hosts whose processes are known by name."""
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


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells. `problem` is why the last host that did not start did not."""

    pid: int
    view: View
    ready: frozenset[HostId]
    wanted: int
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether every host that should be takes traffic."""
        return len(self.ready & {entry.id for entry in self.view.hosts}) >= self.wanted > 0


class Supervisor:
    """Keeps `hosts_per_node` hosts on every node of the fleet.

    A host that ended is replaced at once, one that is silent for `dead_after_s` is ended first.
    Whoever is not in the view must not own anything, so a lost host leaves the view before its
    replacement enters it. All it knows can be had again: `adopt` rebuilds it from view and fleet.
    """

    def __init__(
        self,
        store: ClusterStore,
        fleet: Fleet,
        roster: Roster,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._roster = roster
        self._clock = clock
        self._view = View(version=0)
        self._problem = ""
        self._changed = asyncio.Event()
        self._calls: dict[HostId, asyncio.Task[None]] = {}
        self._ticked_at = clock()

    def report(self) -> Report:
        return Report(
            pid=os.getpid(),
            view=self._view,
            ready=self._roster.ready,
            wanted=self._roster.hosts_per_node * len(self._fleet.nodes()),
            problem=self._problem,
        )

    async def run(self) -> None:
        """Supervise until cancelled. PostgreSQL may be away for any time meanwhile."""
        while True:
            if await self._survives(self.adopt()):
                break
            await asyncio.sleep(TICK_S)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watching())
            tasks.create_task(self._keep_publishing())

    async def adopt(self) -> None:
        """Watch the hosts that a supervisor before us left, and forget those that are gone."""
        view = await self._store.view()
        now = self._clock()
        running = frozenset(self._fleet.running())
        for entry in view.hosts:
            if entry.id in running:
                self._roster.serves(entry, now)
                log.info("host_adopted", of=entry.id, pid=entry.pid)
        for host in running - {entry.id for entry in view.hosts}:
            self._roster.start(host, self._fleet.nodes()[0], now)
            self._call(host, self._await_entry(host))
        self._view = view

    def tick(self) -> None:
        """One look at everything: end the overdue, start what is missing, ping the others.

        Waits for nothing: while PostgreSQL hangs, hosts must still be heard.
        """
        now = self._clock()
        if (late_s := now - self._ticked_at - TICK_S) > _AWAY_S:
            self._roster.forgive(late_s)
        self._ticked_at = now
        for host in self._roster.overdue(now):
            self._lose(host, "it did not answer", stuck=True)
        for node in self._roster.vacancies(self._fleet.nodes(), now):
            self._start_host(node, now)
        for entry in self._roster.entries:
            if entry.id not in self._calls:
                self._call(entry.id, self._ping(entry.id))

    async def publish(self) -> None:
        """Bring the view in line with the roster. Raises TryAgain when PostgreSQL is away."""
        await self._publish(self._roster.entries)

    async def shut_down(self, within_s: float) -> None:
        """Let all hosts finish, then empty the view. `run` must have been cancelled."""
        entries = self._roster.entries
        draining = tuple(msgspec.structs.replace(entry, state="draining") for entry in entries)
        await self._survives(self._publish(draining))
        await asyncio.gather(*(self._fleet.stop(host, within_s) for host in self._roster))
        for host in self._roster:
            self._end(host, stuck=True)
        await self._survives(self._publish(()))

    # -- hosts ------------------------------------------------------------------------------

    def _start_host(self, node: str, now: float) -> None:
        host = HostId(make_id(HOST, int(time.time() * 1000), os.urandom(RANDOM_BYTES)))
        self._roster.start(host, node, now)
        self._fleet.start(host, node)
        self._call(host, self._await_entry(host))

    async def _await_entry(self, host: HostId) -> None:
        entry = await self._fleet.entry(host)
        self._roster.serves(entry, self._clock())
        self._changed.set()
        log.info("host_started", of=host, pid=entry.pid, address=entry.address)

    async def _ping(self, host: HostId) -> None:
        report = await self._fleet.ping(host)
        if report is not None:
            self._roster.answered(host, self._clock(), report)

    def _lose(self, host: HostId, why: str, *, stuck: bool = False) -> None:
        entry = self._end(host, stuck=stuck)
        if entry is None:
            self._problem = why
        log.warning("host_lost", of=host, pid=entry.pid if entry else None, why=why)
        self._changed.set()

    def _end(self, host: HostId, *, stuck: bool) -> HostEntry | None:
        if call := self._calls.pop(host, None):
            call.cancel()
        entry = self._roster.remove(host, self._clock())
        self._fleet.kill(host, entry if stuck else None)
        return entry

    def _call(self, host: HostId, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, the one call to `host` at this time; a host that is gone is lost."""

        async def watched() -> None:
            try:
                await work
            except HostGone as error:
                self._calls.pop(host, None)
                self._lose(host, str(error))
            else:
                self._calls.pop(host, None)

        self._calls[host] = asyncio.ensure_future(watched())

    # -- loops ------------------------------------------------------------------------------

    async def _keep_watching(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    async def _keep_publishing(self) -> None:
        while True:
            self._changed.clear()
            await self._survives(self.publish())
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._changed.wait()

    async def _publish(self, hosts: tuple[HostEntry, ...]) -> None:
        while self._view.hosts != hosts:
            published = await self._store.publish(hosts, expected_version=self._view.version)
            self._view = published or await self._store.view()
            if published:
                log.info("view_published", version=published.version, hosts=len(hosts))
                for entry in hosts:
                    self._fleet.look(entry.id)

    async def _survives(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            await work
        except StreamHubError as error:
            log.warning("supervisor_waits_for_the_database", error=str(error))
            return False
        return True
