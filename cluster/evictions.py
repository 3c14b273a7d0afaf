"""Two hosts that both live and cannot reach each other: one of them must go, since each would be
owner or listener of what the other needs. Decided from their reports, without Ray."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from streamhub.domain.cluster import HostReport
from streamhub.domain.ids import HostId

SETTLE_S: Final = 3.0
"""From the first report of a broken link to the decision: the others who miss the same host find
out a little later, and with all reports in, the one that is cut off stands out."""


class Evictions:
    """Decides one eviction at a time; the next one only by reports made under a newer view."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._decided_in = -1

    def decide(
        self, now: float, version: int, reports: Mapping[HostId, HostReport]
    ) -> HostId | None:
        """Which host to evict, if any. `reports` are those of the live hosts of the published view,
        `version`, that answered lately. `now` is in seconds."""
        if version <= self._decided_in:
            return None
        links = broken_links(version, reports)
        if not links:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < SETTLE_S:
            return None
        self._since, self._decided_in = None, version
        return worst(links)


def broken_links(
    version: int, reports: Mapping[HostId, HostReport]
) -> frozenset[frozenset[HostId]]:
    """The pairs that cannot link, whichever end says so under this view."""
    return frozenset(
        frozenset((host, peer))
        for host, report in reports.items()
        if report.view >= version
        for peer in report.unlinked
        if peer in reports and peer != host
    )


def worst(links: frozenset[frozenset[HostId]]) -> HostId:
    """The host with the most broken links; of several the youngest, which owns the least."""
    counts = Counter(host for link in links for host in link)
    return max(counts, key=lambda host: (counts[host], host))
