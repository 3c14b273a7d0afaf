"""What users are writing and have not sent, in PostgreSQL."""

from typing import Final

from streamhub.domain.channels import Page
from streamhub.domain.ids import UserId
from streamhub.domain.kept_drafts import MAX_DRAFTS, KeptDraft
from streamhub.persistence.paging import before_draft, draft_cursor
from streamhub.persistence.postgres import Pool, Record
from streamhub.persistence.sql import load

_KEEP: Final = load("keep_draft")
_DRAFTS: Final = """
    SELECT d.channel_id, d.thread_id, d.body, d.updated_at
    FROM drafts d
    JOIN members m ON m.channel_id = d.channel_id AND m.user_id = d.user_id
    WHERE d.user_id = $1 AND (d.updated_at, d.channel_id, d.thread_id) < ($2, $3, $4)
      AND m.left_at IS NULL
    ORDER BY d.updated_at DESC, d.channel_id DESC, d.thread_id DESC
    LIMIT $5
"""


class PostgresDraftStore:
    """Implements DraftStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, user: UserId, draft: KeptDraft) -> bool | None:
        thread, text = draft.thread or "", draft.text
        kept: bool | None = await self._pool.fetchval(
            _KEEP, user, draft.channel, thread, text, draft.updated_at, MAX_DRAFTS
        )
        return kept

    async def drafts(self, user: UserId, cursor: str | None, limit: int) -> Page[KeptDraft]:
        rows = await self._pool.fetch(_DRAFTS, user, *before_draft(cursor), limit + 1)
        items = tuple(map(_draft, rows[:limit]))
        return Page(items=items, next_cursor=draft_cursor(items, more=len(rows) > limit))


def _draft(row: Record) -> KeptDraft:
    channel, thread, text, updated_at = row
    return KeptDraft(channel=channel, thread=thread or None, text=text, updated_at=updated_at)
