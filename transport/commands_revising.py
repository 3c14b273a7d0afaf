"""The commands that change a message that is there, and those that read what was changed."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing, moderates_everywhere
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Mention
from streamhub.domain.drafts import Delete, Edit, Operation, Pin, React
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, MessageId
from streamhub.domain.membership import moderates
from streamhub.domain.mentions import handles_in, mentions_in
from streamhub.domain.messages import Answer, Revise, Revised, channel_actor
from streamhub.domain.people import People
from streamhub.protocol import frames, revising
from streamhub.protocol.shapes import Incoming, MessageCommand, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Outcome, Request, found


class RevisingCommands:
    """Who may do what to a message is said where it is stored; see `domain.revisions`."""

    def __init__(
        self, store: ChannelStore, people: People, *, edit_within_ms: int | None = None
    ) -> None:
        self._store = store
        self._people = people
        self._edit_within_ms = edit_within_ms
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            revising.MessageEdit: self._edit,
            revising.MessageDelete: _delete,
            revising.MessageEditions: self._editions,
            revising.ReactionAdd: _react,
            revising.ReactionRemove: _react_no_more,
            revising.PinAdd: _pin,
            revising.PinRemove: _unpin,
            revising.PinList: self._pins,
        }

    def _edit(self, standing: Standing, body: revising.MessageEdit) -> Outcome:
        if handles := handles_in(body.text):
            return self._edit_mentioning(standing, body, handles)
        return self._edited(standing, body, ())

    async def _edit_mentioning(
        self, standing: Standing, body: revising.MessageEdit, handles: frozenset[str]
    ) -> Request:
        people = await self._people.by_handles(handles)
        return self._edited(standing, body, mentions_in(body.text, people))

    def _edited(
        self, standing: Standing, body: revising.MessageEdit, mentions: tuple[Mention, ...]
    ) -> Request:
        edit = Edit(text=body.text, mentions=mentions, within_ms=self._edit_within_ms)
        return _revise(standing, body, edit)

    async def _editions(self, standing: Standing, body: revising.MessageEditions) -> Outgoing:
        user, id = standing.user, MessageId(body.message)
        message = found(await self._store.message(id, user), "message")
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
        if message.author != user and not moderates_everywhere(standing):
            mine = found(await self._store.overview(message.channel, user), "channel")
            if not moderates(mine.role):
                raise Refused("forbidden", "its author and the channel's moderators may read this")
        editions = found(await self._store.editions(id, user), "message")
        return frames.Editions(items=tuple(wire.edition(one) for one in editions))

    async def _pins(self, standing: Standing, body: revising.PinList) -> Outgoing:
        channel = ChannelId(body.channel)
        page = await self._store.pins(channel, standing.user, body.cursor, body.limit)
        items = tuple(wire.message_object(one) for one in found(page, "channel").items)
        return frames.MessagePage(items=items, next_cursor=page.next_cursor if page else None)


def _delete(standing: Standing, body: revising.MessageDelete) -> Request:
    return _revise(standing, body, Delete())


def _react(standing: Standing, body: revising.ReactionAdd) -> Request:
    return _revise(standing, body, React(kind=body.reaction, on=True))


def _react_no_more(standing: Standing, body: revising.ReactionRemove) -> Request:
    return _revise(standing, body, React(kind=body.reaction, on=False))


def _pin(standing: Standing, body: revising.PinAdd) -> Request:
    return _revise(standing, body, Pin(on=True))


def _unpin(standing: Standing, body: revising.PinRemove) -> Request:
    return _revise(standing, body, Pin(on=False))


def _revise(standing: Standing, body: MessageCommand, operation: Operation) -> Request:
    revise = Revise(
        by=standing.user,
        message=MessageId(body.message),
        operation=operation,
        moderates=moderates_everywhere(standing),
    )
    return Request(channel_actor(ChannelId(body.channel)), revise, _revised)


def _revised(answer: Answer) -> Outgoing:
    return wire.message_object(answer.message) if isinstance(answer, Revised) else frames.Done()
