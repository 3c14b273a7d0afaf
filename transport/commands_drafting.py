"""The commands about drafts: kept by the user's inbox, which tells the other sessions."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.ids import ChannelId, MessageId
from streamhub.domain.kept_drafts import DraftStore
from streamhub.domain.messages import DraftUpdated, KeepDraft, inbox_actor
from streamhub.protocol import drafting
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Request


class DraftingCommands:
    """Keep a draft, and list them."""

    def __init__(self, store: DraftStore) -> None:
        self._store = store
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            drafting.DraftSet: _set,
            drafting.DraftList: self._list,
        }

    async def _list(self, standing: Standing, body: drafting.DraftList) -> Outgoing:
        page = await self._store.drafts(standing.user, body.cursor, body.limit)
        items = tuple(map(wire.draft_object, page.items))
        return drafting.DraftPage(items=items, next_cursor=page.next_cursor)


def _set(standing: Standing, body: drafting.DraftSet) -> Request:
    keep = KeepDraft(
        channel=ChannelId(body.channel),
        thread=None if body.thread is None else MessageId(body.thread),
        text=body.text,
    )
    return Request(inbox_actor(standing.user), keep, _kept)


def _kept(answer: DraftUpdated) -> Outgoing:
    return wire.draft_object(answer.draft)
