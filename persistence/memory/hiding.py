"""The twin of the store of hidden direct conversations."""

from streamhub.domain.ids import ChannelId, UserId
from streamhub.persistence.memory.tables import Tables


class InMemoryHidingStore:
    """Implements HidingStore on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def hide(self, channel: ChannelId, user: UserId) -> bool:
        rows = self._tables.channels.get(channel)
        row = rows.present(user) if rows else None
        if rows is None or row is None or rows.channel.kind == "channel":
            return False
        row.hidden_nth = rows.head.nth
        return True

    async def show(self, channel: ChannelId, user: UserId) -> bool:
        row = self._tables.channels[channel].members.get(user)
        if row is None or row.hidden_nth is None:
            return False
        row.hidden_nth = None
        return True
