"""The cluster store's twin."""

from streamhub.domain.cluster import HostEntry, LogEntry, View


class InMemoryClusterStore:
    """Implements ClusterStore; shared by the hosts of one cluster."""

    def __init__(self) -> None:
        self._view = View(version=0)
        self._log: list[LogEntry] = []

    async def view(self) -> View:
        return self._view

    async def publish(self, hosts: tuple[HostEntry, ...], *, expected_version: int) -> View | None:
        if self._view.version != expected_version:
            return None
        self._view = View(version=expected_version + 1, hosts=hosts)
        await self.append("view", str(self._view.version))
        return self._view

    async def append(self, kind: str, subject: str) -> None:
        self._log.append(LogEntry(number=len(self._log) + 1, kind=kind, subject=subject))

    async def entries_after(self, number: int) -> tuple[LogEntry, ...]:
        return tuple(self._log[number:])

    async def newest_entry(self) -> int:
        return len(self._log)

    async def epoch(self) -> int:
        return 1
