"""Commands about threads: which ones a user follows, and how far it has read them."""

from streamhub.protocol.scalars import DEFAULT_PAGE, Cursor, PageSize, Seq
from streamhub.protocol.shapes import Incoming, MessageCommand


class ThreadList(Incoming, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class ThreadRead(MessageCommand, frozen=True, kw_only=True):
    seq: Seq


class ThreadFollow(MessageCommand, frozen=True, kw_only=True):
    following: bool
