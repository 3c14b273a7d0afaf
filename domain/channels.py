"""Channels: what an owner decides on, what a commit gives back, and the ports that store it.

A *draft* is what an owner asks for; it has no numbers. A *change* is what a commit made of it;
its `rev` is dense in its channel. Every change is also a row that remembers the `rev`, so a
reader who holds `rev` n gets all that came later by one indexed read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, FileId, MessageId, UserId
from streamhub.domain.reactions import Reaction
from streamhub.domain.reading import Marking

Item = TypeVar("Item")

MAX_SAVED: Final = 10_000
"""Messages on one user's own list."""

Kind = Literal["channel", "direct", "group"]
Visibility = Literal["public", "private"]
Role = Literal["owner", "moderator", "member"]

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


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A committed message. `rev` is that of its last change; `nth` is that of the last counted
    message up to this one; times in ms. A deleted one keeps its numbers and loses its text.

    `thread` is the message it replies to, which counts its `replies`, deleted ones included; a
    reply is shown in the channel, too, if it is `in_channel`.
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


class Edition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message said from `written_at` until it was edited."""

    text: str
    written_at: int
    mentions: tuple[Mention, ...] = ()


# -- drafts: asked for, without numbers ---------------------------------------------------------


class MessageDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A message to append. `key` is unique per author and channel for ever; `digest` is the
    SHA-256 of the validated body, so a repeat with another body is found out. A reply (`thread`)
    changes the message it replies to as well; its author sees what is above `floor_seq`. What does
    not count is unread for nobody, and those it mentions are not told. `called` are those whom it
    mentions without naming them."""

    channel: ChannelId
    term: int
    id: MessageId
    author: UserId
    key: str
    digest: bytes
    text: str
    created_at: int
    mentions: tuple[Mention, ...] = ()
    thread: MessageId | None = None
    files: tuple[FileId, ...] = ()
    counts: bool = True
    in_channel: bool = False
    floor_seq: int = 0
    called: tuple[UserId, ...] = ()

    @property
    def told(self) -> list[UserId]:
        """Whom it mentions, in the order of their ids."""
        if not self.counts or not (self.mentions or self.called):
            return []
        named = {mention.user for mention in self.mentions if mention.user is not None}
        return sorted((named | {*self.called}) - {self.author})


class JoinDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Make `users` members with `role`, from `floor_seq` on (None: the head at the commit).

    What is there already counts as read. Who is a member, or banned, stays as they are; if that is
    everybody, the outcome is Committed with no `members`, the head unchanged and no rev taken.
    """

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    role: Role
    at: int
    floor_seq: int | None = 0


class LeaveDraft(msgspec.Struct, frozen=True, kw_only=True):
    """End the membership of `users`, leaving tombstones. If none of them is a member, nothing
    changes: the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    at: int


class BanDraft(msgspec.Struct, frozen=True, kw_only=True):
    """End the membership of `users` for good, also of those who were none. Who is banned stays as
    they are: the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    at: int


class MemberDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Give `users` a role, mute them until some time (0: no longer), or end their ban; None leaves
    a field as it is. When nothing changes the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    role: Role | None = None
    muted_until: int | None = None
    unban: bool = False


class InfoDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Change a channel's properties; None leaves one as it is, an empty topic takes it away.
    `rules` are the fields of Rules that change. When nothing changes the outcome is Committed with
    the head unchanged."""

    channel: ChannelId
    term: int
    at: int
    name: str | None = None
    topic: str | None = None
    archived: bool | None = None
    rules: dict[str, int | str] = {}

    def applied_to(self, channel: Channel) -> Channel:
        """What the properties are then; their `rev` is given by the commit."""
        named = {} if self.name is None else {"name": self.name}
        told = {} if self.topic is None else {"topic": self.topic or None}
        kept: dict[str, int | None] = {}
        if self.archived is not None:
            kept = {"archived_at": (channel.archived_at or self.at) if self.archived else None}
        rules = replace(channel.rules, **self.rules)
        return replace(channel, **named, **told, **kept, rules=rules)


class ExpireDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Take out the oldest messages that were posted before that time (ms), at most EXPIRED_AT_ONCE
    (`domain.retention`). If there are none, the outcome is as for an InfoDraft."""

    channel: ChannelId
    term: int
    before: int


class Edit(msgspec.Struct, frozen=True, kw_only=True, tag="edit", omit_defaults=True):
    """Say something else, at most `within_ms` after it was posted (None: at any time)."""

    text: str
    mentions: tuple[Mention, ...] = ()
    within_ms: int | None = None


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """Leave a tombstone: the place stays, and what was said, given and kept of it goes."""


class React(msgspec.Struct, frozen=True, kw_only=True, tag="react"):
    """Give a reaction, or (not `on`) take it back."""

    kind: str
    on: bool


class Pin(msgspec.Struct, frozen=True, kw_only=True, tag="pin"):
    """Pin the message to its channel, or (not `on`) unpin it."""

    on: bool


Operation = Edit | Delete | React | Pin


class RevisionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done to a message that is there. It says what is to be so: a repeat changes
    nothing. `moderates` and `floor_seq` are what `by` may do and see in the channel."""

    channel: ChannelId
    term: int
    message: MessageId
    by: UserId
    moderates: bool
    floor_seq: int
    at: int
    operation: Operation


MembershipDraft = JoinDraft | LeaveDraft | BanDraft | MemberDraft
Draft = MessageDraft | RevisionDraft | MembershipDraft | InfoDraft | ExpireDraft


# -- changes: committed, numbered, published ----------------------------------------------------


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
    """A row of the outbox: something a user's inbox must be told at least once."""

    number: int
    user: UserId
    kind: Literal["mentioned", "unmentioned", "channel_added", "channel_removed"]
    channel: ChannelId


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


# -- reading ------------------------------------------------------------------------------------


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
    """One channel as `ready` shows it to one user, and no more: a connect reads hundreds."""

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


def newer_owner() -> TryAgain:
    """Why a channel is not given to who asks for it by an outdated view."""
    return TryAgain("unavailable", "another host owns it by a newer view", retry_after_ms=500)


class ChannelStore(Protocol):
    """Channels, members and messages. Every read is keyed or keyset; none scans.

    Methods that take `user` see only what that user may: a channel that is unknown and one that
    is forbidden are both None. Public channels are found by all, but read by members only. All
    raise TryAgain("unavailable") when the store is away.
    """

    async def create(self, channel: Channel, *, key: str, digest: bytes) -> Channel:
        """Create it with its creator as owner (rev 1), and a hint of it.

        The same creator and key give the first channel again; raises Refused("key_reused") when
        the digest differs.
        """
        ...

    async def open_direct(self, channel: Channel) -> Channel:
        """Create the conversation of `channel.users` with all of them as members (rev 1) and a
        hint for each; if they have one, that one."""
        ...

    async def direct(self, users: Sequence[UserId]) -> Channel | None:
        """The conversation of just these people, who come in the order of their ids."""
        ...

    async def take_over(self, channel: ChannelId, view: int) -> Loaded | None:
        """Raise the term by one and load, for the owner by that version of the view. Waits for a
        batch in flight. Raises TryAgain also when a newer view's owner has it already: an older
        one could take it back for a moment, and the newer would not know."""
        ...

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        """Every channel the user is a member of, by one query."""
        ...

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        """The same for one channel; None when not a member."""
        ...

    async def get(self, channel: ChannelId, user: UserId) -> Channel | None:
        """The properties, if the user is a member or the channel is public."""
        ...

    async def discover(self, user: UserId, cursor: str | None, limit: int) -> Page[Channel]:
        """The user's channels and all public ones, newest first. Raises Refused("bad_request",
        field="cursor")."""
        ...

    async def members(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        """Present members in order of joining."""
        ...

    async def banned(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        """Those who are banned, in the order of their ids."""
        ...

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        """At most `limit` changes after `since`, above the member's floor."""
        ...

    async def history(
        self,
        channel: ChannelId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        """A page by seq: the newest without an anchor. At most one anchor is given."""
        ...

    async def replies(
        self,
        channel: ChannelId,
        root: MessageId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        """The same of the replies to a message; they have the seqs of the channel."""
        ...

    async def threads(self, user: UserId, cursor: str | None, limit: int) -> Page["Thread"]:
        """The threads the user follows, in the channels it is in, by their first messages, newest
        first. Raises Refused("bad_request")."""
        ...

    async def save(self, user: UserId, message: MessageId, now_ms: int) -> bool:
        """Put a message that the user sees on its list; twice is once, the first time. False:
        MAX_SAVED are on it."""
        ...

    async def unsave(self, user: UserId, message: MessageId) -> bool:
        """Whether it was on the list."""
        ...

    async def saved(self, user: UserId, cursor: str | None, limit: int) -> Page["Saved"]:
        """What of the list the user still sees, the last one saved first. Raises
        Refused("bad_request")."""
        ...

    async def mark_thread(
        self,
        user: UserId,
        root: MessageId,
        *,
        seq: int | None = None,
        following: bool | None = None,
    ) -> "Thread | None":
        """Raise the user's marker in a thread to the reply `seq` (never lower), and follow it or
        not; how it is then. None: no such message for the user, or it is a reply itself."""
        ...

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        """The present rev of each of these channels; unknown ones are left out."""
        ...

    async def memberships(self, users: Sequence[UserId]) -> Mapping[UserId, int]:
        """In how many channels each of these users is."""
        ...

    async def message(self, message: MessageId, user: UserId) -> Message | None: ...

    async def editions(self, message: MessageId, user: UserId) -> tuple[Edition, ...] | None:
        """What the message said before, oldest first; nothing once it is deleted."""
        ...

    async def pins(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Message] | None:
        """Pinned messages, the last one pinned first. Raises Refused("bad_request")."""
        ...

    async def seen(self, channel: ChannelId, user: UserId) -> tuple[SeenUpTo, ...] | None:
        """How far the others have read who let it be known, in the order of their ids; of nobody
        in a channel of more than MAX_SEEN members."""
        ...

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        """Move read markers, one after the other (never above the head, never down below the
        member's floor); the markers as they are then, for the channels of which the user is a
        member."""
        ...


class Outbox(Protocol):
    """Hints written by the statement that made the change, kept until the inbox took them."""

    async def due(self, older_than_ms: int, limit: int) -> tuple[Hint, ...]:
        """Hints that waited that long, oldest first."""
        ...

    async def taken(self, numbers: Sequence[int], view: int) -> None:
        """Forget these, unless the view is newer than that version: then another host may be
        asked for the inbox, and those who listen there did not hear of it."""
        ...
