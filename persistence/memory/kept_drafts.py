"""The twin of the store of drafts."""

from streamhub.domain.channels import Page
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.kept_drafts import MAX_DRAFTS, KeptDraft
from streamhub.persistence.memory.tables import ChannelRows, Tables
from streamhub.persistence.paging import before_draft, draft_cursor


class InMemoryDraftStore:
    """Implements DraftStore on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._drafts: dict[UserId, dict[tuple[ChannelId, str], KeptDraft]] = {}

    async def keep(self, user: UserId, draft: KeptDraft) -> bool | None:
        rows = self._tables.channels.get(draft.channel)
        if rows is None or not _is_place(rows, user, draft.thread):
            return None
        mine, place = self._drafts.setdefault(user, {}), (draft.channel, draft.thread or "")
        if not draft.text:
            mine.pop(place, None)
            return True
        if place not in mine and len(mine) >= MAX_DRAFTS:
            return False
        mine[place] = draft
        return True

    async def drafts(self, user: UserId, cursor: str | None, limit: int) -> Page[KeptDraft]:
        below = before_draft(cursor)
        found = [
            (one.updated_at, channel, thread, one)
            for (channel, thread), one in self._drafts.get(user, {}).items()
            if (one.updated_at, channel, thread) < below
            if self._tables.channels[channel].present(user)
        ]
        found.sort(key=lambda one: one[:3], reverse=True)
        items = tuple(one for *_, one in found[:limit])
        return Page(items=items, next_cursor=draft_cursor(items, more=len(found) > limit))


def _is_place(rows: ChannelRows, user: UserId, thread: MessageId | None) -> bool:
    row = rows.present(user)
    if row is None or thread is None:
        return row is not None
    seq = rows.seqs.get(thread)
    return seq is not None and seq > row.member.floor_seq and rows.at(seq).thread is None
