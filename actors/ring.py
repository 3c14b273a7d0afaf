"""The newest changes of a channel, kept so that listeners who missed a few need no database."""

from collections import deque
from typing import Final

from streamhub.domain.changes import Change, MessageCreated, MessageDeleted, MessageUpdated
from streamhub.domain.sync import reactions_bytes

MAX_CHANGES: Final = 256
_OVERHEAD_BYTES: Final = 600
"""What a change costs beside its text, roughly: structs, strings and the deque's cell."""


class RingBudget:
    """The bytes that all rings of a host may hold together."""

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0


class Ring:
    """Changes with dense revs, oldest first. Over its count or the host's budget it forgets its
    own oldest."""

    def __init__(self, budget: RingBudget, rev: int) -> None:
        self._budget = budget
        self._changes: deque[tuple[Change, int]] = deque()
        self._rev = rev

    def append(self, change: Change) -> None:
        """Add the change that follows the newest."""
        size = _OVERHEAD_BYTES
        if isinstance(change, MessageCreated | MessageUpdated | MessageDeleted):
            message = change.message
            size += len(message.text) * 2 + reactions_bytes(message)
        self._changes.append((change, size))
        self._budget.used_bytes += size
        self._rev = change.rev
        while len(self._changes) > MAX_CHANGES or (
            self._changes and self._budget.used_bytes > self._budget.limit_bytes
        ):
            self._budget.used_bytes -= self._changes.popleft()[1]

    def after(self, rev: int) -> tuple[Change, ...] | None:
        """All changes after `rev`, or None when some are no longer here."""
        missing = self._rev - rev
        if missing < 0 or missing > len(self._changes):
            return None
        return tuple(change for change, _ in list(self._changes)[len(self._changes) - missing :])

    def clear(self) -> None:
        """Give the memory back."""
        self._budget.used_bytes -= sum(size for _, size in self._changes)
        self._changes.clear()
