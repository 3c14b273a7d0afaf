"""The twin of what users say of themselves."""

from collections.abc import Sequence

from msgspec.structs import replace

from streamhub.domain.ids import UserId
from streamhub.domain.presence import Kept, Status
from streamhub.persistence.memory.tables import Tables


class InMemoryPresenceStore:
    """Implements PresenceStore; those in `hidden` do not want to be seen."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kept: dict[UserId, Kept] = {}
        self.hidden: set[UserId] = set()

    async def kept(self, user: UserId, now_ms: int) -> Kept:
        kept = replace(self._kept.get(user, Kept()), shown=user not in self.hidden)
        until = kept.status.expires_at if kept.status else None
        return replace(kept, status=None) if until is not None and until <= now_ms else kept

    async def keep(self, user: UserId, dnd: bool | None, status: Status | None) -> None:
        before = self._kept.get(user, Kept())
        if status is None:
            status = before.status
        self._kept[user] = Kept(
            dnd=before.dnd if dnd is None else dnd,
            status=status if status and status.says_something else None,
        )

    async def sharing(self, user: UserId, others: Sequence[UserId]) -> frozenset[UserId]:
        mine = [rows for rows in self._tables.channels.values() if rows.present(user)]
        return frozenset(
            other for other in others if other == user or any(rows.present(other) for rows in mine)
        )
