"""The command that finds messages as a typed method."""

from streamhub.client.calls import Calls
from streamhub.protocol.frames import MessagePage
from streamhub.protocol.scalars import DEFAULT_PAGE
from streamhub.protocol.searching import MessageSearch


class SearchingCommands(Calls):
    """Over all channels the user is in."""

    async def search(
        self, query: str, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> MessagePage:
        """Newest first. `query` has words and filters, see MessageSearch."""
        body = MessageSearch(query=query, cursor=cursor, limit=limit)
        page: MessagePage = await self.call("message.search", body)
        return page
