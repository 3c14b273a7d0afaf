"""What a commit makes of a draft: a change, or why there is none.

The `rev` of changes is dense in their channel. Every change is also a row that remembers it, so a
reader who holds `rev` n gets all that came later by one indexed read.
"""

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from streamhub.domain.channels import Channel, Head, Member, Message
from streamhub.domain.drafts import Draft
from streamhub.domain.ids import ChannelId, UserId


class MessageCreated(msgspec.Struct, frozen=True, kw_only=True, tag="message.created"):
    channel: ChannelId
    rev: int
    message: Message
    key: str | None = None


class MessageUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="message.updated"):
    """An edit, reactions, a pin: the message as it is now."""

    channel: ChannelId
    rev: int
    message: Message


class MessageDeleted(msgspec.Struct, frozen=True, kw_only=True, tag="message.deleted"):
    """What is left of it: its numbers."""

    channel: ChannelId
    rev: int
    message: Message


class MembersJoined(msgspec.Struct, frozen=True, kw_only=True, tag="member.joined"):
    channel: ChannelId
    rev: int
    members: tuple[Member, ...]


class MembersLeft(msgspec.Struct, frozen=True, kw_only=True, tag="member.left"):
    channel: ChannelId
    rev: int
    members: tuple[Member, ...]


class MembersUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="member.updated"):
    """A role, a mute, the end of a ban."""

    channel: ChannelId
    rev: int
    members: tuple[Member, ...]


class ChannelUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="channel.updated"):
    """Its properties as they are now; `archived`: since this change it is."""

    channel: ChannelId
    rev: int
    info: Channel
    archived: bool = False


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A change for those who may not see it; only its rev counts. It never travels between hosts,
    since who may see what is decided where the session is."""

    channel: ChannelId
    rev: int


MembersChange = MembersJoined | MembersLeft | MembersUpdated
Change = MessageCreated | MessageUpdated | MessageDeleted | MembersChange | ChannelUpdated


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the outbox: something a user's inbox must be told at least once.

    `rev` is that of the change it was written with, `seq` that of the message it is about, `by` who
    made the user a member. `unmentioned` says that something the user was told of is gone.
    """

    number: int
    user: UserId
    kind: Literal[
        "mentioned", "replied", "direct", "unmentioned", "channel_added", "channel_removed"
    ]
    channel: ChannelId
    rev: int = 0
    seq: int | None = None
    by: UserId | None = None


# -- what became of a draft ---------------------------------------------------------------------


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The draft is durable as `change`, with the changes `also` that follow it; `head` is the
    channel's as of the last of them, `hints` the outbox rows written with it."""

    change: Change
    head: Head
    hints: tuple[Hint, ...] = ()
    also: tuple[Change, ...] = ()


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """The key was used before, by this committed message, whose body had this digest."""

    message: Message
    digest: bytes


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """The message is as the revision wants it already: no number was taken."""

    message: Message


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """A rule says no, by what is stored; see `domain.errors`."""

    code: str
    detail: str
    field: str | None = None


class NotStored(msgspec.Struct, frozen=True, kw_only=True):
    """The draft was not committed, or (`unknown`) nobody can say yet.

    stale        another owner has a newer term: drop the channel
    unknown      PostgreSQL gave no answer: it may have been committed; load again
    unavailable  PostgreSQL is away or overloaded: certainly not committed
    refused      PostgreSQL refused this draft alone (poison): others are not concerned
    """

    reason: Literal["stale", "unknown", "unavailable", "refused"]
    detail: str = ""


Settled = Committed | Repeated | Unchanged | Declined
"""PostgreSQL has spoken."""

Outcome = Settled | NotStored


class Journal(Protocol):
    """Group commit of drafts: at most one batch in flight per channel.

    A channel's part of a batch commits whole or not at all; numbers are given by the commit. In a
    batch, revisions come after new messages, and those of one message may become one change, which
    is then the outcome of each.
    """

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        """Store `draft`. `done` is called once, later, in the order of a channel's revs, which is
        that of the calls except for revisions among messages.

        After an `unknown` or `unavailable`, what was submitted behind it for the same channel is
        `unavailable`: load the channel again, then send again with the same keys.
        """
        ...
