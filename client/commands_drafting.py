"""The commands about drafts as typed methods."""

from streamhub.client.calls import Calls
from streamhub.protocol.drafting import DraftList, DraftObject, DraftPage, DraftSet
from streamhub.protocol.scalars import DEFAULT_PAGE


class DraftingCommands(Calls):
    """What one is writing and has not sent, the same on all of one's devices."""

    async def set_draft(self, channel: str, text: str, *, thread: str | None = None) -> DraftObject:
        """Without text there is none any more."""
        body = DraftSet(channel=channel, thread=thread, text=text)
        draft: DraftObject = await self.call("draft.set", body)
        return draft

    async def drafts(self, cursor: str | None = None, limit: int = DEFAULT_PAGE) -> DraftPage:
        """The last one written first."""
        page: DraftPage = await self.call("draft.list", DraftList(cursor=cursor, limit=limit))
        return page
