"""Commands about saved messages: a user's own list, which nobody else sees."""

from streamhub.protocol.scalars import DEFAULT_PAGE, Cursor, PageSize
from streamhub.protocol.shapes import Incoming, MessageCommand


class MessageSave(MessageCommand, frozen=True, kw_only=True):
    pass


class MessageUnsave(MessageCommand, frozen=True, kw_only=True):
    pass


class MessageSaved(Incoming, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
