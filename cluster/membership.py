"""What a host knows of the cluster, and its lease: the log that it must have read lately."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from streamhub.cluster.view import SlotTable
from streamhub.domain.cluster import ClusterStore, LogEntry, View
from streamhub.domain.errors import StreamHubError, TryAgain
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

log = structlog.get_logger(__name__)

READ_EVERY_S: Final = 1.0

OnView = Callable[[View], Awaitable[None]]
OnEntry = Callable[[LogEntry], None]
OnLeft = Callable[[str], None]


class Membership:
    """The newest view this host has read, and whether it may answer as an owner.

    Reads the log once a second. Not read for `lease_s`: `serving` is False until it is read again.
    Once it was in the view and is no longer, or the log went on without it, `on_left` is called
    with the reason, and the host must end: another may own what it owned.
    """

    def __init__(
        self,
        host: HostId,
        store: ClusterStore,
        lease_s: float,
        *,
        on_left: OnLeft,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._store = store
        self._lease_s = lease_s
        self._on_left = on_left
        self._clock = clock
        self._on_view: list[OnView] = []
        self._on_entry: list[OnEntry] = []
        self._number = 0
        self._read_at = float("-inf")
        self._slots = SlotTable()
        self._joined = False
        self._look = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self.view = View(version=0)

    def on_view(self, call: OnView) -> None:
        """Have `call` awaited with each view that is read, before the next entry is."""
        self._on_view.append(call)

    def on_entry(self, call: OnEntry) -> None:
        """Have `call` told every entry of the log that is not about the view."""
        self._on_entry.append(call)

    async def start(self) -> None:
        """Read the present view, and go on reading. Raises TryAgain when PostgreSQL is away."""
        begun = self._clock()
        self._number = await self._store.newest_entry()  # before the view: never miss a change
        await self._take(await self._store.view())
        self._read_at = begun
        self._reading = asyncio.create_task(self._keep_reading())
        self._reading.add_done_callback(self._on_end)

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def look(self) -> None:
        """Read now, and not within a second."""
        self._look.set()

    # -- the actors' directory --------------------------------------------------------------

    @property
    def version(self) -> int:
        return self.view.version

    @property
    def serving(self) -> bool:
        """Whether this host is in the view and has its lease."""
        return self._joined and self._clock() - self._read_at < self._lease_s

    def owner(self, actor: ActorId) -> HostId | None:
        """The owner of `actor` by this view; None without live hosts."""
        return self._slots.owner(actor)

    async def check(self) -> str:
        """A readiness check: raises TryAgain unless `serving`, and while this host drains."""
        entry = self.view.host(self._host)
        if entry is not None and entry.state == "draining":
            raise TryAgain("unavailable", "this host is draining")
        if self.serving:
            return f"version {self.version}, {len(self.view.hosts)} hosts"
        if not self._joined:
            raise TryAgain("unavailable", "this host is not in the view yet")
        away_s = self._clock() - self._read_at
        raise TryAgain("unavailable", f"the cluster log was last read {away_s:.1f} s ago")

    # -- private ----------------------------------------------------------------------------

    async def _keep_reading(self) -> None:
        while True:
            # Not wait_for, which in Python 3.11 loses a cancellation that comes with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_EVERY_S):
                    await self._look.wait()
            self._look.clear()
            try:
                await self.read()
            except StreamHubError as error:
                log.warning("cluster_log_not_read", error=str(error))

    def _on_end(self, reading: "asyncio.Task[None]") -> None:
        """Without reading, the host would stay, and never serve again."""
        if not reading.cancelled() and (error := reading.exception()) is not None:
            log.critical("cluster_log_reader_failed", exc_info=error)
            self._on_left("the cluster log cannot be read any more")

    async def read(self) -> None:
        """Read and act on what is new. Raises TryAgain when PostgreSQL is away."""
        begun = self._clock()  # the answer is as old as the question
        entries = await self._store.entries_after(self._number)
        if entries and entries[0].number != self._number + 1:
            self._on_left("the cluster log went on without this host")
            return
        if any(entry.kind == "view" for entry in entries):
            await self._take(await self._store.view())
        for entry in entries:
            self._number = entry.number
            if entry.kind != "view":
                for call in self._on_entry:
                    call(entry)
        self._read_at = begun

    async def _take(self, view: View) -> None:
        if view.version <= self.view.version:
            return
        self.view = view
        if view.owners:  # while the whole cluster ends, each goes on with what it owned
            self._slots = self._slots.updated(view.owners)
        was_in, self._joined = self._joined, view.host(self._host) is not None
        if was_in and not self._joined:
            self._on_left("this host is no longer in the view")
            return
        for call in self._on_view:
            await call(view)
