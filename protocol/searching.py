"""The command that finds messages."""

from streamhub.protocol.scalars import DEFAULT_PAGE, Cursor, PageSize, SearchText
from streamhub.protocol.shapes import Incoming


class MessageSearch(Incoming, frozen=True, kw_only=True):
    """All words of `query` must be there, or, with `or` between them, those on one side; `"these
    words"` next to each other, `-this` not. Filters: `from:@handle`, `in:` a channel's name or id,
    `after:` a day (UTC) or later, `before:` that day, both like 2026-01-31, `has:file`, `has:link`.
    """

    query: SearchText
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
