"""The commands about a message that is there, as typed methods."""

from streamhub.client.calls import Calls
from streamhub.protocol.frames import EditionObject, Editions, MessageObject, MessagePage
from streamhub.protocol.revising import (
    MessageDelete,
    MessageEdit,
    MessageEditions,
    PinAdd,
    PinList,
    PinRemove,
    ReactionAdd,
    ReactionRemove,
)
from streamhub.protocol.scalars import DEFAULT_PAGE


class RevisingCommands(Calls):
    """Doing them twice is the same as doing them once."""

    async def edit(self, channel: str, message: str, text: str) -> MessageObject:
        body = MessageEdit(channel=channel, message=message, text=text)
        edited: MessageObject = await self.call("message.edit", body)
        return edited

    async def delete(self, channel: str, message: str) -> MessageObject:
        body = MessageDelete(channel=channel, message=message)
        deleted: MessageObject = await self.call("message.delete", body)
        return deleted

    async def editions(self, channel: str, message: str) -> tuple[EditionObject, ...]:
        """What the message said before, oldest first."""
        body = MessageEditions(channel=channel, message=message)
        editions: Editions = await self.call("message.editions", body)
        return editions.items

    async def react(self, channel: str, message: str, reaction: str) -> None:
        body = ReactionAdd(channel=channel, message=message, reaction=reaction)
        await self.call("reaction.add", body)

    async def take_back(self, channel: str, message: str, reaction: str) -> None:
        """Take a reaction back."""
        body = ReactionRemove(channel=channel, message=message, reaction=reaction)
        await self.call("reaction.remove", body)

    async def pin(self, channel: str, message: str) -> MessageObject:
        pinned: MessageObject = await self.call("pin.add", PinAdd(channel=channel, message=message))
        return pinned

    async def unpin(self, channel: str, message: str) -> MessageObject:
        unpinned: MessageObject = await self.call(
            "pin.remove", PinRemove(channel=channel, message=message)
        )
        return unpinned

    async def pins(
        self, channel: str, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> MessagePage:
        """The pinned messages, the last one pinned first."""
        body = PinList(channel=channel, cursor=cursor, limit=limit)
        page: MessagePage = await self.call("pin.list", body)
        return page
