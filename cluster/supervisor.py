"""Keeps the hosts alive and says in the view who they are."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from streamhub import __version__
from streamhub.cluster.aims import Aim, Member, aim_of, departures
from streamhub.cluster.evictions import Evictions
from streamhub.cluster.fleet import Fleet
from streamhub.cluster.host_watch import HostWatch
from streamhub.cluster.roster import Roster
from streamhub.domain.cluster import ClusterStore, View
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import Sign, Wishes, WishStore

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
_AWAY_S: Final = 2.0
"""A tick so late means that we did not run, not that all hosts fell silent."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells. `problem` is what keeps it from having all `wanted` hosts."""

    pid: int
    view: View
    hosts: tuple[Member, ...]
    wanted: int
    problem: str = ""

    @property
    def ready(self) -> frozenset[HostId]:
        """The hosts that take traffic: they say so, and are in the view."""
        return frozenset(
            host.id for host in self.hosts if host.takes_traffic and self.view.host(host.id)
        )

    @property
    def complete(self) -> bool:
        """Whether every host that should be takes traffic."""
        return len(self.ready) >= self.wanted > 0


class Supervisor:
    """Keeps `hosts_per_node` hosts, or as many as operators wish, on every node of the fleet.

    A host that ended is replaced at once, one that is silent for too long is ended first. Whoever
    is not in the view must not own anything, so a lost host leaves the view before its replacement
    enters it. All it knows can be had again: `adopt` rebuilds it from view, wishes and fleet. Two
    at once harm nothing: each takes over what the other has published.
    """

    def __init__(
        self,
        views: ClusterStore,
        wishes: WishStore,
        fleet: Fleet,
        roster: Roster,
        *,
        hosts_per_node: int,
        node: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._views = views
        self._wish_store = wishes
        self._fleet = fleet
        self._roster = roster
        self._hosts_per_node = hosts_per_node
        self._node = node
        self._clock = clock
        self._watch = HostWatch(fleet, roster, clock)
        self._view = View(version=0)
        self._wishes = Wishes()
        self._evictions = Evictions()
        self._waiting = ""
        self._ticked_at = clock()

    def report(self) -> Report:
        return Report(
            pid=os.getpid(),
            view=self._view,
            hosts=self._roster.members,
            wanted=self._aim().wanted,
            problem="; ".join(filter(None, (self._watch.failed, self._waiting))),
        )

    async def run(self) -> None:
        """Supervise until operators wish the cluster down, or until cancelled. PostgreSQL may be
        away for any time meanwhile."""
        while True:
            if await self._survives(self.adopt()):
                break
            await asyncio.sleep(TICK_S)
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(self._keep_watching()),
                tasks.create_task(self._keep_publishing()),
            ]
            await self._attend_until_down()
            for loop in loops:
                loop.cancel()

    async def adopt(self) -> None:
        """Watch the hosts that a supervisor before us left, and forget those that are gone.

        Raises TryAgain when PostgreSQL or the fleet is away.
        """
        view = await self._views.view()
        self._wishes = await self._wish_store.wishes()
        running = await self._fleet.running()
        now = self._clock()
        for entry in view.hosts:
            if entry.id in running:
                self._roster.serves(entry, now)
                log.info("host_adopted", of=entry.id, pid=entry.pid)
        for host, node in running.items():
            if view.host(host) is None:
                self._watch.expect(host, node)
        self._view = view

    def tick(self) -> None:
        """One look at everything: end the overdue, start what is missing, let go whose turn it is,
        ping the others.

        Waits for nothing: while PostgreSQL hangs, hosts must still be heard.
        """
        now = self._clock()
        if (late_s := now - self._ticked_at - TICK_S) > _AWAY_S:
            self._roster.forgive(late_s)
        self._ticked_at = now
        for host, why in self._roster.overdue(now).items():
            self._watch.lose(host, why, stuck=True)
        aim = self._aim()
        for node in self._roster.vacancies(aim, now):
            self._watch.start(node)
        self._let_go(aim)
        self._evict(now)
        self._watch.ping()

    async def publish(self) -> None:
        """Bring the view in line with the roster, also with what another supervisor published: it
        may be gone. Raises TryAgain when PostgreSQL is away."""
        theirs = await self._views.view()
        if theirs.version != self._view.version:
            self._take_over(theirs)
        while (hosts := self._roster.entries) != self._view.hosts:
            published = await self._views.publish(hosts, expected_version=self._view.version)
            if published is None:
                self._take_over(await self._views.view())
                continue
            self._view = published
            log.info("view_published", version=published.version, hosts=len(hosts))
            for entry in hosts:
                self._fleet.look(entry.id)

    async def attend(self) -> None:
        """Leave a sign of life, learn what operators wish. Raises TryAgain."""
        report = self.report()
        sign = Sign(
            pid=report.pid,
            node=self._node,
            version=__version__,
            ready=len(report.ready),
            wanted=report.wanted,
            problem=report.problem,
            nodes=self._fleet.nodes(),
        )
        self._wishes = wishes = await self._wish_store.attend(sign)
        left = {host for host in wishes.leaving if host not in self._roster}
        if left := left - {entry.id for entry in self._view.hosts}:
            await self._wish_store.forget(frozenset(left))

    async def shut_down(self, within_s: float) -> None:
        """Let all hosts finish, then empty the view. `run` must have ended."""
        now = self._clock()
        for host in self._roster:
            self._roster.drain(host, now)
        await self._survives(self.publish())
        await asyncio.gather(*(self._fleet.stop(host, within_s) for host in self._roster))
        for host in self._roster:
            self._watch.end(host, stuck=True)
        await self._survives(self.publish())

    # -- private ----------------------------------------------------------------------------

    def _aim(self) -> Aim:
        return aim_of(self._wishes, self._fleet.nodes(), self._hosts_per_node)

    def _let_go(self, aim: Aim) -> None:
        going = departures(aim, self._roster.members)
        for host in going.end:
            self._watch.end(host, stuck=False, failed=False)
        for host in going.drain:
            self._watch.drain(host)
        self._waiting = going.waiting

    def _evict(self, now: float) -> None:
        reports = {h: r for h, r in self._roster.lately(now).items() if self._view.host(h)}
        if host := self._evictions.decide(now, self._view.version, reports):
            if entry := self._view.host(host):
                self._roster.evicted(entry.node, now)
            self._watch.lose(host, "links between it and others cannot be made", stuck=True)

    def _take_over(self, theirs: View) -> None:
        """Another supervisor, or ourselves without getting the answer, published meanwhile."""
        now = self._clock()
        for entry in theirs.hosts:
            if entry.state == "draining":
                self._roster.drain(entry.id, now)
            if entry.id not in self._roster and self._view.host(entry.id) is None:
                self._roster.serves(entry, now)
        for entry in self._view.hosts:
            if entry.id in self._roster and theirs.host(entry.id) is None:
                self._watch.lose(entry.id, "another supervisor removed it", stuck=True)
        self._view = theirs

    # -- loops ------------------------------------------------------------------------------

    async def _keep_watching(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    async def _keep_publishing(self) -> None:
        while True:
            self._watch.changed.clear()
            await self._survives(self.publish())
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._watch.changed.wait()

    async def _attend_until_down(self) -> None:
        while not self._wishes.down:
            await self._survives(self.attend())
            await asyncio.sleep(TICK_S)

    async def _survives(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            await work
        except StreamHubError as error:
            log.warning("supervisor_cannot_work_now", error=str(error))
            return False
        return True
