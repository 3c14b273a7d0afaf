"""The commands about threads: the user's inbox keeps the markers and tells the other sessions."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.errors import Refused
from streamhub.domain.ids import MessageId
from streamhub.domain.messages import MarkThread, ThreadUpdated, inbox_actor
from streamhub.protocol import frames, threads
from streamhub.protocol.shapes import Incoming, MessageCommand, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Request, found


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

    async def _read(self, standing: Standing, body: threads.ThreadRead) -> Request:
        root = await self._root(standing, body)
        return Request(inbox_actor(standing.user), MarkThread(root=root, seq=body.seq), _shown)

    async def _follow(self, standing: Standing, body: threads.ThreadFollow) -> Request:
        root = await self._root(standing, body)
        wish = MarkThread(root=root, following=body.following)
        return Request(inbox_actor(standing.user), wish, _shown)

    async def _root(self, standing: Standing, body: MessageCommand) -> MessageId:
        id = MessageId(body.message)
        message = found(await self._store.message(id, standing.user), "message")
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
        return id


def _shown(answer: ThreadUpdated) -> Outgoing:
    return wire.thread_object(answer.thread)
