"""Which hosts there should be: decided from who answered and when, without Ray and without a clock.

    start        a host was asked for; it has `start_timeout_s` to serve
    serves       it told its entry: it belongs in the view
    answered     it is alive; silent for `dead_after_s`, it is overdue
    remove       it is gone; a vacancy remains

Times are seconds of one monotonic clock, passed in.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId

START_TIMEOUT_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_SILENT: Final = HostReport(ready=False)


@dataclass(slots=True)
class _Watched:
    """A host that starts (without an entry) or serves."""

    node: str
    heard_at: float
    entry: HostEntry | None = None
    report: HostReport = _SILENT


@dataclass(slots=True)
class _Pacing:
    """Pauses of a node whose hosts end before they ever served."""

    pause_s: float = 0.0
    until: float = float("-inf")


class Roster:
    """The hosts that are watched. A host that died while it served is replaced at once; hosts that
    fail to start are tried again with pauses that double from 0.5 s to 30 s."""

    def __init__(
        self,
        hosts_per_node: int,
        *,
        dead_after_s: float,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.hosts_per_node = hosts_per_node
        self._dead_after_s = dead_after_s
        self._start_timeout_s = start_timeout_s
        self._watched: dict[HostId, _Watched] = {}
        self._pacing: dict[str, _Pacing] = {}

    # -- what happened ----------------------------------------------------------------------

    def start(self, host: HostId, node: str, now: float) -> None:
        self._watched[host] = _Watched(node, now)

    def serves(self, entry: HostEntry, now: float) -> None:
        self._watched[entry.id] = _Watched(entry.node, now, entry)
        self._pacing.pop(entry.node, None)

    def answered(self, host: HostId, now: float, report: HostReport) -> None:
        if watched := self._watched.get(host):
            watched.heard_at = now
            watched.report = report

    def remove(self, host: HostId, now: float) -> HostEntry | None:
        """Forget `host`; its entry if it served."""
        watched = self._watched.pop(host, None)
        if watched is None:
            return None
        if watched.entry is None:
            pacing = self._pacing.setdefault(watched.node, _Pacing())
            pacing.pause_s = min(max(2 * pacing.pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            pacing.until = now + pacing.pause_s
        return watched.entry

    def forgive(self, seconds: float) -> None:
        """The watcher itself was away for so long: nobody could answer it."""
        for watched in self._watched.values():
            watched.heard_at += seconds

    # -- what follows -----------------------------------------------------------------------

    def overdue(self, now: float) -> tuple[HostId, ...]:
        """Hosts that must be ended: silent, or not serving in time."""
        return tuple(
            host
            for host, watched in self._watched.items()
            if now - watched.heard_at
            >= (self._start_timeout_s if watched.entry is None else self._dead_after_s)
        )

    def vacancies(self, nodes: Collection[str], now: float) -> tuple[str, ...]:
        """The node of each host that should be started now."""
        return tuple(
            node
            for node in nodes
            if (pacing := self._pacing.get(node)) is None or now >= pacing.until
            for _ in range(self.hosts_per_node - self._count(node))
        )

    @property
    def entries(self) -> tuple[HostEntry, ...]:
        """The hosts of the view, in id order, which is the order of their births."""
        serving = (watched.entry for watched in self._watched.values() if watched.entry)
        return tuple(sorted(serving, key=lambda entry: entry.id))

    @property
    def ready(self) -> frozenset[HostId]:
        """The hosts that said they take traffic."""
        return frozenset(host for host, watched in self._watched.items() if watched.report.ready)

    def __iter__(self) -> Iterator[HostId]:
        return iter(tuple(self._watched))

    def _count(self, node: str) -> int:
        return sum(watched.node == node for watched in self._watched.values())
