"""The hosts that are watched: decided from who answered and when, without Ray and without a clock.

    start        a host was asked for; it has `start_timeout_s` to serve
    serves       it told its entry: it belongs in the view
    answered     it is alive; silent for `dead_after_s`, it is overdue
    drain        it hands over and ends by itself; after `drain_timeout_s` it is overdue
    remove       it is gone; a vacancy may remain

Times are seconds of one monotonic clock, passed in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from streamhub.cluster.aims import Aim, Member
from streamhub.domain.cluster import HostEntry, HostReport, HostState
from streamhub.domain.ids import HostId

START_TIMEOUT_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_FIRST_RETURN_S: Final = 10.0
_LONGEST_RETURN_S: Final = 300.0
_FORGET_EVICTIONS_S: Final = 900.0
_LATELY_S: Final = 2.5  # two pings are due within it
_SILENT: Final = HostReport(ready=False)


@dataclass(slots=True)
class _Watched:
    """A host that starts (without an entry), serves or drains."""

    node: str
    heard_at: float
    entry: HostEntry | None = None
    report: HostReport = _SILENT
    drains_since: float | None = None

    @property
    def state(self) -> HostState:
        if self.entry is None:
            return "starting"
        return "live" if self.drains_since is None else "draining"


@dataclass(slots=True)
class _Pacing:
    """Pauses of a node whose hosts end before they ever served, or are evicted again and again."""

    pause_s: float = 0.0
    until: float = float("-inf")
    since: float = float("-inf")


class Roster:
    """The hosts that are watched. A host that died while it served is replaced at once; hosts that
    fail to start are tried again with pauses that double from 0.5 s to 30 s. A host that was
    evicted is replaced at once; as long as its successors are evicted too, as while a wire between
    two machines is cut, with pauses that double from 10 s to 5 minutes."""

    def __init__(
        self,
        *,
        dead_after_s: float,
        drain_timeout_s: float,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._dead_after_s = dead_after_s
        self._drain_timeout_s = drain_timeout_s
        self._start_timeout_s = start_timeout_s
        self._watched: dict[HostId, _Watched] = {}
        self._pacing: dict[str, _Pacing] = {}
        self._returns: dict[str, _Pacing] = {}

    # -- what happened ----------------------------------------------------------------------

    def start(self, host: HostId, node: str, now: float) -> None:
        self._watched[host] = _Watched(node, now)

    def serves(self, entry: HostEntry, now: float) -> None:
        drains_since = now if entry.state == "draining" else None
        self._watched[entry.id] = _Watched(entry.node, now, entry, drains_since=drains_since)
        self._pacing.pop(entry.node, None)

    def answered(self, host: HostId, now: float, report: HostReport) -> None:
        if watched := self._watched.get(host):
            watched.heard_at = now
            watched.report = report

    def drain(self, host: HostId, now: float) -> None:
        """Let `host`, which serves, hand over and end. May be repeated."""
        watched = self._watched.get(host)
        if watched is not None and watched.drains_since is None:
            watched.drains_since = now

    def remove(self, host: HostId, now: float, *, failed: bool = True) -> HostEntry | None:
        """Forget `host`; its entry if it served. One that `failed` to has its node pause."""
        watched = self._watched.pop(host, None)
        if watched is None:
            return None
        if watched.entry is None and failed:
            pacing = self._pacing.setdefault(watched.node, _Pacing())
            pacing.pause_s = min(max(2 * pacing.pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            pacing.until = now + pacing.pause_s
        return watched.entry

    def evicted(self, node: str, now: float) -> None:
        """A host of this node had to go, since it could not reach others."""
        pacing = self._returns.setdefault(node, _Pacing())
        again = now - pacing.since < _FORGET_EVICTIONS_S
        longer_s = min(max(2 * pacing.pause_s, _FIRST_RETURN_S), _LONGEST_RETURN_S)
        pacing.pause_s = longer_s if again else 0.0
        pacing.until, pacing.since = now + pacing.pause_s, now

    def forgive(self, seconds: float) -> None:
        """The watcher itself was away for so long: nobody could answer it."""
        for watched in self._watched.values():
            watched.heard_at += seconds

    # -- what follows -----------------------------------------------------------------------

    def overdue(self, now: float) -> Mapping[HostId, str]:
        """Hosts that must be ended, and why."""
        found = {host: self._overdue(watched, now) for host, watched in self._watched.items()}
        return {host: why for host, why in found.items() if why}

    def vacancies(self, aim: Aim, now: float) -> tuple[str, ...]:
        """The node of each host that should be started now."""
        return tuple(
            node
            for node in aim.nodes
            if not self._pauses(node, now)
            for _ in range(aim.hosts_per_node - self._staying(node, aim))
        )

    def lately(self, now: float) -> Mapping[HostId, HostReport]:
        """What the live hosts said that answered in the last seconds."""
        return {
            host: watched.report
            for host, watched in self._watched.items()
            if watched.state == "live" and now - watched.heard_at < _LATELY_S
        }

    @property
    def entries(self) -> tuple[HostEntry, ...]:
        """The hosts of the view, in id order, which is the order of their births."""
        serving = (
            replace(watched.entry, state=watched.state)
            for watched in self._watched.values()
            if watched.entry
        )
        return tuple(sorted(serving, key=lambda entry: entry.id))

    @property
    def members(self) -> tuple[Member, ...]:
        """All hosts, in id order."""
        return tuple(
            Member(id=host, node=watched.node, state=watched.state, report=watched.report)
            for host, watched in sorted(self._watched.items())
        )

    def __iter__(self) -> Iterator[HostId]:
        return iter(tuple(self._watched))

    def __contains__(self, host: HostId) -> bool:
        return host in self._watched

    def _overdue(self, watched: _Watched, now: float) -> str:
        silent_s = now - watched.heard_at
        if watched.entry is None:
            return "it did not serve in time" if silent_s >= self._start_timeout_s else ""
        if silent_s >= self._dead_after_s:
            return "it did not answer"
        if watched.drains_since is None:
            return ""
        late = now - watched.drains_since >= self._drain_timeout_s
        return "it did not finish draining in time" if late else ""

    def _pauses(self, node: str, now: float) -> bool:
        pacings = (self._pacing.get(node), self._returns.get(node))
        return any(pacing is not None and now < pacing.until for pacing in pacings)

    def _staying(self, node: str, aim: Aim) -> int:
        return sum(
            watched.node == node and watched.state != "draining" and host not in aim.leaving
            for host, watched in self._watched.items()
        )
