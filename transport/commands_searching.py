"""The command that finds messages."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.people import People
from streamhub.domain.search import SearchStore, parsed
from streamhub.protocol import frames, searching
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler


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
        page = await self._store.search(standing.user, query, authors, body.cursor, body.limit)
        items = tuple(map(wire.message_object, page.items))
        return frames.MessagePage(items=items, next_cursor=page.next_cursor)
