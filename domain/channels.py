"""Channels, their members and messages: what is stored of them, and what is read."""

from typing import Final, Generic, Literal, TypeVar

import msgspec

from streamhub.domain.ids import ChannelId, FileId, MessageId, UserId
from streamhub.domain.reactions import Reaction

Item = TypeVar("Item")

MAX_SAVED: Final = 10_000
"""Messages on one user's own list."""

Kind = Literal["channel", "direct", "group"]
Visibility = Literal["public", "private"]
Role = Literal["owner", "moderator", "member"]
Level = Literal["all", "mentions", "none"]
"""How much of a channel its member is notified of."""

LOOKED_BACK: Final = 1000
"""Of so many messages a new owner reads who wrote when, for the slow mode."""

MAX_SEEN: Final = 20
"""Members of a channel in which they are told how far the others have read."""

MUTED_FOR_EVER: Final = 2**53 - 1
"""The largest time on the wire."""


class Head(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A channel's numbers: the durable truth is its row.

    `term` fences owners, `rev` counts durable changes, `seq` messages, `nth` the messages that
    count as unread.
    """

    term: int
    rev: int
    seq: int
    nth: int


class Rules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds in a channel beside who is in it.

    slow_mode_s  seconds between two messages of one member who does not moderate; 0: none
    history      who joins a private channel sees all of it, or what comes from then on
    announcers   who may call everybody by `@channel` and `@here`
    keep_days    messages older than that go; 0: none does
    """

    slow_mode_s: int = 0
    history: Literal["all", "joined"] = "joined"
    announcers: Literal["members", "moderators"] = "members"
    keep_days: int = 0


class Channel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel's properties; `rev` is that of their last change, `created_at` in ms.

    `users` are the people of a direct conversation, in the order of their ids; who is in a channel
    is said by its members alone. Messages up to `gone_seq` are kept no longer.
    """

    id: ChannelId
    kind: Kind
    visibility: Visibility
    created_by: UserId
    created_at: int
    name: str | None = None
    topic: str | None = None
    archived_at: int | None = None
    rev: int = 0
    users: tuple[UserId, ...] = ()
    rules: Rules = Rules()
    gone_seq: int = 0

    @property
    def seen_from_joining(self) -> bool:
        """Whether what was said before is not for who joins."""
        return self.visibility == "private" and self.rules.history == "joined"


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One user's membership. Who left stays as a tombstone: `left_at` is set and `rev` rises.

    History up to and including `floor_seq` is not for this member (0: all of it is). Until
    `muted_until` (ms) it may only read; who is banned since `banned_at` may not come back.
    """

    user: UserId
    role: Role
    joined_at: int
    rev: int
    left_at: int | None = None
    floor_seq: int = 0
    muted_until: int | None = None
    banned_at: int | None = None


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`text[offset:offset + length]` (code points) names `user`, or `calls` everybody in the
    channel, or those who are there at the moment."""

    user: UserId | None = None
    offset: int
    length: int
    calls: Literal["channel", "here"] | None = None


class SystemNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says that the server wrote in the place of a text: its author `joined` or
    `left`, or `added` or `removed` these users."""

    kind: Literal["joined", "added", "left", "removed"]
    users: tuple[UserId, ...]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A committed message. `rev` is that of its last change; `nth` is that of the last counted
    message up to this one; times in ms. A deleted one keeps its numbers and loses its text.

    `thread` is the message it replies to, which counts its `replies`, deleted ones included; a
    reply is shown in the channel, too, if it is `in_channel`. A message of the `system` has no
    text of its own.
    """

    id: MessageId
    channel: ChannelId
    seq: int
    nth: int
    rev: int
    author: UserId
    text: str
    created_at: int
    mentions: tuple[Mention, ...] = ()
    thread: MessageId | None = None
    files: tuple[FileId, ...] = ()
    edited_at: int | None = None
    deleted_at: int | None = None
    reactions: tuple[Reaction, ...] = ()
    pinned_at: int | None = None
    pinned_by: UserId | None = None
    in_channel: bool = False
    replies: int = 0
    last_reply_seq: int | None = None
    last_reply_at: int | None = None
    system: SystemNote | None = None


class Edition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message said from `written_at` until it was edited."""

    text: str
    written_at: int
    mentions: tuple[Mention, ...] = ()


class Wrote(msgspec.Struct, frozen=True):
    """A user's newest message: when it was posted (ms), and by which key."""

    user: UserId
    at: int
    key: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as its new owner finds it: the present members, who is banned, and by whom the
    newest messages are, one of each, as far as its slow mode asks."""

    channel: Channel
    head: Head
    members: tuple[Member, ...]
    banned: tuple[UserId, ...] = ()
    wrote: tuple[Wrote, ...] = ()


class Overview(msgspec.Struct, frozen=True, gc=False):
    """One channel as `ready` shows it to one user, and no more: a connect reads hundreds. Up to
    `hidden_nth` its user took it off the list, see `domain.hiding`."""

    id: ChannelId
    kind: Kind
    name: str | None
    role: Role
    rev: int
    seq: int
    nth: int
    read_seq: int
    read_nth: int
    mentions: int
    floor_seq: int = 0
    users: tuple[UserId, ...] = ()
    hidden_nth: int | None = None
    notify: Level | None = None
    notify_until: int | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader at `since` lacks, as state: it then holds `to`. Ordered by `rev`.

    `channel` is None when the properties did not change. `more` means: ask again from `to`.
    `behind` is how many changes there are in all after `since`.
    """

    since: int
    to: int
    behind: int
    messages: tuple[Message, ...] = ()
    members: tuple[Member, ...] = ()
    channel: Channel | None = None
    more: bool = False


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A page of messages in `seq` order; `rev` is the channel's when it was read."""

    messages: tuple[Message, ...]
    has_before: bool
    has_after: bool
    rev: int


class ReadMarker(msgspec.Struct, frozen=True, kw_only=True):
    """How far a user has read: absolute numbers. `nth` is the channel's, so unread = nth -
    read_nth. `shown`: the channel is small, and its others may know."""

    channel: ChannelId
    read_seq: int
    read_nth: int
    nth: int
    mentions: int
    shown: bool = False

    @property
    def unread(self) -> int:
        return max(0, self.nth - self.read_nth)


class SeenUpTo(msgspec.Struct, frozen=True):
    """How far a member has read, as the others are told."""

    user: UserId
    seq: int


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread as one user follows it: its first message, and how many replies were read."""

    root: Message
    following: bool
    read_replies: int

    @property
    def unread(self) -> int:
        return max(0, self.root.replies - self.read_replies)


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A message on a user's own list, and since when it is there (ms)."""

    message: Message
    saved_at: int


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A keyset page; `next_cursor` is opaque, None at the end."""

    items: tuple[Item, ...]
    next_cursor: str | None = None
