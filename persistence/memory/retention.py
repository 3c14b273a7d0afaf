"""What the end of a channel's oldest messages does to the tables, and which channels have one."""

from msgspec.structs import replace

from streamhub.domain.changes import ChannelUpdated, Committed
from streamhub.domain.drafts import ExpireDraft
from streamhub.domain.ids import ChannelId
from streamhub.domain.retention import EXPIRED_AT_ONCE, Keeping
from streamhub.persistence.memory.tables import ChannelRows, Tables


class InMemoryRetentionStore:
    """Implements RetentionStore on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def keeping(self, after: ChannelId | None, limit: int) -> tuple[Keeping, ...]:
        found = [
            Keeping(id, days, rows.messages[0].created_at if rows.messages else None)
            for id, rows in sorted(self._tables.channels.items())
            if id > (after or "") and (days := rows.channel.rules.keep_days)
        ]
        return tuple(found[:limit])


def expire(tables: Tables, rows: ChannelRows, draft: ExpireDraft) -> Committed:
    """Store it; the term is the draft's."""
    going = []
    for message in rows.messages[:EXPIRED_AT_ONCE]:
        if message.created_at >= draft.before:
            break
        going.append(message)
    hints = []
    if going:
        last = going[-1]
        rows.head = replace(rows.head, rev=rows.head.rev + 1)
        rows.channel = replace(rows.channel, rev=rows.head.rev, gone_seq=last.seq)
        rows.gone_nth = last.nth
        rows.forget(going)
        for message in going:
            del tables.messages[message.id]
            for saved in tables.saved.values():
                saved.pop(message.id, None)
        for user, row in rows.members.items():
            if row.member.left_at is None and row.read_seq < last.seq:
                row.read_seq, row.read_nth = last.seq, max(row.read_nth, last.nth)
                hints.append(tables.add_hint(user, "unmentioned", draft.channel, rev=rows.head.rev))
    change = ChannelUpdated(channel=draft.channel, rev=rows.head.rev, info=rows.channel)
    return Committed(change=change, head=rows.head, hints=tuple(hints))
