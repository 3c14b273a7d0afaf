"""Search's twin: knows which messages it has seen, in which edition; reads them as it searches."""

import re
from collections.abc import Sequence
from typing import Final

from streamhub.domain.channels import Message, Page
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.search import Behind, Indexed, Query, Term, words_of
from streamhub.persistence.memory.tables import ChannelRows, Tables
from streamhub.persistence.paging import before_found, found_cursor

_LINK: Final = re.compile(r"https?://\S", re.I)


class InMemorySearch:
    """Implements SearchStore and SearchIndex on shared Tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._revs: dict[ChannelId, int] = {}
        self._edited_at: dict[str, int | None] = {}

    async def search(
        self,
        user: UserId,
        query: Query,
        authors: frozenset[UserId] | None,
        cursor: str | None,
        limit: int,
    ) -> Page[Message]:
        below = before_found(cursor)
        found = [
            message
            for rows in self._tables.channels.values()
            if (row := rows.present(user)) and _asked(rows, query)
            for message in rows.messages
            if message.seq > row.member.floor_seq
            and message.deleted_at is None
            and message.system is None
            and self._edited_at.get(message.id, -1) == message.edited_at
            and (authors is None or message.author in authors)
            and (message.created_at, message.id) < below
            and _matches(message, query)
        ]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        items = tuple(found[:limit])
        return Page(items=items, next_cursor=found_cursor(items, more=len(found) > limit))

    async def behind(self, after: ChannelId | None, limit: int) -> Behind:
        ids = sorted(id for id in self._tables.channels if id > (after or ""))[:limit]
        changes = ((id, self._tables.channels[id].head.rev - self._revs.get(id, 0)) for id in ids)
        return Behind(
            channels=tuple((id, count) for id, count in changes if count > 0),
            after=ids[-1] if len(ids) == limit else None,
        )

    async def index(self, channels: Sequence[ChannelId], limit: int) -> Indexed:
        read, left = 0, []
        for id in sorted(set(channels) & self._tables.channels.keys()):
            rows, seen = self._tables.channels[id], self._revs.get(id, 0)
            upto = min(rows.head.rev, seen + limit)
            for message in rows.messages:
                if seen < message.rev <= upto:
                    self._edited_at[message.id] = message.edited_at
                    read += 1
            self._revs[id] = upto
            if upto < rows.head.rev:
                left.append(id)
        return Indexed(messages=read, left=tuple(left))


def _asked(rows: ChannelRows, query: Query) -> bool:
    names = {rows.channel.id, (rows.channel.name or "").lower()}
    return not query.channels or not names.isdisjoint(query.channels)


def _matches(message: Message, query: Query) -> bool:
    return (
        (query.after is None or message.created_at >= query.after)
        and (query.before is None or message.created_at < query.before)
        and ("file" not in query.having or bool(message.files))
        and ("link" not in query.having or _LINK.search(message.text) is not None)
        and _says(words_of(message.text), query)
    )


def _says(words: list[str], query: Query) -> bool:
    def holds(term: Term) -> bool:
        wanted = words_of(term.text)
        starts = range(len(words) - len(wanted) + 1)
        return term.negated != any(words[at : at + len(wanted)] == wanted for at in starts)

    return not query.alternatives or any(all(map(holds, terms)) for terms in query.alternatives)
