"""The commands about saved messages as typed methods."""

from streamhub.client.calls import Calls
from streamhub.protocol.frames import SavedPage
from streamhub.protocol.saving import MessageSave, MessageSaved, MessageUnsave
from streamhub.protocol.scalars import DEFAULT_PAGE


class SavingCommands(Calls):
    """A list of one's own, which nobody else sees."""

    async def save_message(self, channel: str, message: str) -> None:
        await self.call("message.save", MessageSave(channel=channel, message=message))

    async def unsave_message(self, channel: str, message: str) -> None:
        await self.call("message.unsave", MessageUnsave(channel=channel, message=message))

    async def saved(self, cursor: str | None = None, limit: int = DEFAULT_PAGE) -> SavedPage:
        """Saved messages, the last one saved first."""
        page: SavedPage = await self.call("message.saved", MessageSaved(cursor=cursor, limit=limit))
        return page
