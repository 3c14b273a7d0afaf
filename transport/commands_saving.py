"""The commands about saved messages: a user's own rows, which no actor keeps."""

from collections.abc import Callable, Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import MAX_SAVED
from streamhub.domain.errors import Refused
from streamhub.domain.ids import MessageId
from streamhub.protocol import frames, saving
from streamhub.protocol.shapes import Incoming, MessageCommand, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, found


class SavingCommands:
    """Save messages, and list them."""

    def __init__(self, store: ChannelStore, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            saving.MessageSave: self._save,
            saving.MessageUnsave: self._unsave,
            saving.MessageSaved: self._list,
        }

    async def _save(self, standing: Standing, body: saving.MessageSave) -> Outgoing:
        await self._check_seen(standing, body)
        id = MessageId(body.message)
        if not await self._store.save(standing.user, id, self._now_ms()):
            raise Refused("limit_reached", f"{MAX_SAVED} saved messages are the most")
        return frames.Done()

    async def _unsave(self, standing: Standing, body: saving.MessageUnsave) -> Outgoing:
        if not await self._store.unsave(standing.user, MessageId(body.message)):
            await self._check_seen(standing, body)
        return frames.Done()

    async def _list(self, standing: Standing, body: saving.MessageSaved) -> Outgoing:
        page = await self._store.saved(standing.user, body.cursor, body.limit)
        items = tuple(
            frames.SavedObject(message=wire.message_object(one.message), saved_at=one.saved_at)
            for one in page.items
        )
        return frames.SavedPage(items=items, next_cursor=page.next_cursor)

    async def _check_seen(self, standing: Standing, body: MessageCommand) -> None:
        message = found(
            await self._store.message(MessageId(body.message), standing.user), "message"
        )
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
