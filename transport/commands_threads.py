"""The commands about threads: a user's own rows, which no actor keeps."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Thread
from streamhub.domain.errors import Refused
from streamhub.domain.ids import MessageId
from streamhub.protocol import frames, threads
from streamhub.protocol.shapes import Incoming, MessageCommand, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, found


class ThreadCommands:
    """Follow, read and list threads."""

    def __init__(self, store: ChannelStore) -> None:
        self._store = store
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            threads.ThreadList: self._list,
            threads.ThreadRead: self._read,
            threads.ThreadFollow: self._follow,
        }

    async def _list(self, standing: Standing, body: threads.ThreadList) -> Outgoing:
        page = await self._store.threads(standing.user, body.cursor, body.limit)
        items = tuple(wire.thread_object(one) for one in page.items)
        return frames.ThreadPage(items=items, next_cursor=page.next_cursor)

    async def _read(self, standing: Standing, body: threads.ThreadRead) -> Outgoing:
        root = await self._root(standing, body)
        thread = await self._store.mark_thread(standing.user, root, seq=body.seq)
        return _shown(thread)

    async def _follow(self, standing: Standing, body: threads.ThreadFollow) -> Outgoing:
        root = await self._root(standing, body)
        thread = await self._store.mark_thread(standing.user, root, following=body.following)
        return _shown(thread)

    async def _root(self, standing: Standing, body: MessageCommand) -> MessageId:
        id = MessageId(body.message)
        message = found(await self._store.message(id, standing.user), "message")
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
        return id


def _shown(thread: Thread | None) -> Outgoing:
    return wire.thread_object(found(thread, "message"))
