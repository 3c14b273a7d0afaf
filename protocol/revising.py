"""Commands that change a message that is there, or read what was changed."""

from streamhub.protocol.scalars import DEFAULT_PAGE, Cursor, PageSize, ReactionKind, Text
from streamhub.protocol.shapes import ChannelCommand, MessageCommand


class MessageEdit(MessageCommand, frozen=True, kw_only=True):
    text: Text


class MessageDelete(MessageCommand, frozen=True, kw_only=True):
    pass


class MessageEditions(MessageCommand, frozen=True, kw_only=True):
    pass


class ReactionAdd(MessageCommand, frozen=True, kw_only=True):
    reaction: ReactionKind


class ReactionRemove(MessageCommand, frozen=True, kw_only=True):
    reaction: ReactionKind


class PinAdd(MessageCommand, frozen=True, kw_only=True):
    pass


class PinRemove(MessageCommand, frozen=True, kw_only=True):
    pass


class PinList(ChannelCommand, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
