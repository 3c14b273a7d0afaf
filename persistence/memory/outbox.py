"""The outbox's twin."""

from collections.abc import Sequence

from streamhub.domain.changes import Hint
from streamhub.persistence.memory.tables import Tables


class InMemoryOutbox:
    """Implements Outbox on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def due(self, older_than_ms: int, limit: int) -> tuple[Hint, ...]:
        latest = self._tables.now_ms() - older_than_ms
        due = (hint for hint, written_at in self._tables.outbox.values() if written_at <= latest)
        return tuple(sorted(due, key=lambda hint: hint.number)[:limit])

    async def taken(self, numbers: Sequence[int], view: int) -> None:
        if view < self._tables.view:
            return
        for number in numbers:
            self._tables.outbox.pop(number, None)
