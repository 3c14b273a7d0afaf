"""The command that finds messages."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channels import Message
from streamhub.domain.people import People
from streamhub.domain.search import SearchStore, parsed
from streamhub.protocol import frames, searching
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler

PAGE_BYTES: Final = 256 * 1024
"""Of text in UTF-8, as in a page of history; the first message always fits."""


class SearchingCommands:
    """Find what one may read. A person or a channel that does not exist is no error: nothing is
    found, as with one that one may not know of."""

    def __init__(self, store: SearchStore, people: People) -> None:
        self._store = store
        self._people = people
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            searching.MessageSearch: self._search,
        }

    async def _search(self, standing: Standing, body: searching.MessageSearch) -> Outgoing:
        query, authors = parsed(body.query), None
        if query.handles:
            people = await self._people.by_handles(query.handles)
            authors = frozenset(person.id for person in people.values())
        asked = (standing.user, query, authors, body.cursor)
        page = await self._store.search(*asked, body.limit)
        if (fits := _fitting(page.items)) < len(page.items):
            page = await self._store.search(*asked, fits)
        items = tuple(map(wire.message_object, page.items))
        return frames.MessagePage(items=items, next_cursor=page.next_cursor)


def _fitting(messages: Sequence[Message]) -> int:
    """How many of them one page takes."""
    sizes = accumulate(len(message.text.encode()) for message in messages)
    return max(1, sum(size <= PAGE_BYTES for size in sizes))
