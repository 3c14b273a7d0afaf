"""The audit log's twin."""

from collections.abc import AsyncIterator

import msgspec

from streamhub.domain.audit import GENESIS, AuditEntry, AuditEvent, AuditHead, AuditQuery


class InMemoryAuditLog:
    """Implements AuditLog and AuditChain."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    async def record(self, event: AuditEvent) -> None:
        last = self._entries[-1] if self._entries else None
        fields = msgspec.structs.asdict(event)
        entry = AuditEntry(number=len(self._entries) + 1, hash=b"", **fields)
        chained = entry.hash_after(last.hash if last else GENESIS)
        self._entries.append(msgspec.structs.replace(entry, hash=chained))

    async def entries(self, query: AuditQuery) -> tuple[AuditEntry, ...]:
        found = (entry for entry in reversed(self._entries) if _matches(entry, query))
        return tuple(entry for entry, _ in zip(found, range(query.limit), strict=False))

    async def head(self) -> AuditHead:
        last = self._entries[-1] if self._entries else None
        return AuditHead(last.number, last.hash) if last else AuditHead(0, GENESIS)

    async def every_entry(self, up_to: int) -> AsyncIterator[AuditEntry]:
        for entry in self._entries[:up_to]:
            yield entry


def _matches(entry: AuditEntry, query: AuditQuery) -> bool:
    return (
        (query.before is None or entry.number < query.before)
        and query.kind in (None, entry.kind)
        and query.actor in (None, entry.actor)
        and query.target in (None, entry.target)
        and (query.since is None or entry.at >= query.since)
        and (query.until is None or entry.at < query.until)
    )
