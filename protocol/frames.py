"""Every object, command, event and control of the wire, and nothing else; the one place that
names a wire field.

A field that is None or equal to its default is left out. What clients send refuses unknown
fields; what servers send may grow, so clients ignore fields they do not know. Which body goes with
which name is said by `protocol.tables`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from streamhub.protocol.managing import (
    Announcers,
    HistorySeen,
)
from streamhub.protocol.notifying import NotifyLevel
from streamhub.protocol.problems import PROBLEMS
from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    MAX_CHANNELS,
    MAX_DIRECT_USERS,
    MAX_FILES,
    MAX_FOCUS_CHANNELS,
    MAX_FOCUS_USERS,
    MAX_USERS,
    AnyText,
    ChannelId,
    CommandNumber,
    Count,
    Cursor,
    Duration,
    FileId,
    HeldChannelId,
    MessageId,
    Name,
    PageSize,
    ReactionKind,
    Rev,
    Seq,
    SessionId,
    Timestamp,
    Token,
    Topic,
    UserId,
)
from streamhub.protocol.shapes import ChannelCommand as ChannelCommand
from streamhub.protocol.shapes import Incoming as Incoming
from streamhub.protocol.shapes import MessageCommand
from streamhub.protocol.shapes import Outgoing as Outgoing

API: Final = 1
"""`hello.api`: raised by every addition."""

ChannelKind = Literal["channel", "direct", "group"]
Visibility = Literal["public", "private"]
Role = Annotated[str, Meta(description="owner, moderator or member; more may come")]


# Objects


class UserObject(Outgoing, frozen=True, kw_only=True):
    """A person or bot. `handle` is what `@` mentions use, `name` is for display."""

    id: UserId
    handle: str
    name: str


class Entity(Outgoing, frozen=True, kw_only=True):
    """A stretch of a message's text with a meaning. Offset and length count code points.

    `mention` names a `user`; `channel` calls everybody who was a member when it was sent, for whom
    it counts as a mention; `here` those who are there when it comes, and is counted for nobody.
    """

    type: str
    offset: Count
    length: Count
    user: UserId | None = None


class ReactionObject(Outgoing, frozen=True, kw_only=True):
    """One kind of reaction to a message: how many gave it, and the first 20 of them."""

    reaction: ReactionKind
    count: Count
    users: tuple[UserId, ...]


class SystemNoteObject(Outgoing, frozen=True, kw_only=True):
    """What the server says in a channel of few members: the message's author `joined` or `left`,
    or `added` or `removed` these users. More kinds may come."""

    kind: str
    users: tuple[UserId, ...]


class MessageObject(Outgoing, frozen=True, kw_only=True):
    """A message, always whole; the one with the larger `rev` replaces the other.

    `seq` numbers the channel's messages densely; `nth` is the number of the last message up to
    this one that counts as unread. A deleted message keeps its place and loses its text.
    `thread` is the message it replies to, whose `replies` count deleted ones, too. What has
    `system` was written by the server: its text is empty, and it is unread for nobody.
    """

    id: MessageId
    channel: ChannelId
    seq: Seq
    nth: Count
    rev: Rev
    author: UserId
    text: str | None = None
    entities: tuple[Entity, ...] = ()
    thread: MessageId | None = None
    files: tuple[FileId, ...] = ()
    created_at: Timestamp
    edited_at: Timestamp | None = None
    deleted: bool = False
    reactions: tuple[ReactionObject, ...] = ()
    pinned_at: Timestamp | None = None
    pinned_by: UserId | None = None
    in_channel: bool = False
    replies: Count = 0
    last_reply_seq: Seq | None = None
    last_reply_at: Timestamp | None = None
    system: SystemNoteObject | None = None


class EditionObject(Outgoing, frozen=True, kw_only=True):
    """What a message said from `written_at` until it was edited."""

    text: str
    entities: tuple[Entity, ...] = ()
    written_at: Timestamp


class MemberObject(Outgoing, frozen=True, kw_only=True):
    """A user's place in a channel. `left` marks one who is no longer there, `banned` one who may
    not come back. Until `muted_until_at` the member may only read."""

    user: UserId
    role: Role
    joined_at: Timestamp
    left: bool = False
    rev: Rev
    muted_until_at: Timestamp | None = None
    banned: bool = False


class ChannelObject(Outgoing, frozen=True, kw_only=True):
    """A channel's own properties. Direct and group conversations have no name; `users` says whose
    they are. `slow_mode_s`, `history`, `announcers` and `keep_days` are explained with
    `channel.update`. Messages up to `gone_seq` are kept no longer: drop them. `notify` and
    `notify_until_at` are one's own, see ChannelOverview: only `channel.get` and `channel.list` say
    them, as events and pages are the same for all members."""

    id: ChannelId
    kind: ChannelKind
    name: str | None = None
    topic: str | None = None
    visibility: Visibility
    archived: bool = False
    created_at: Timestamp
    created_by: UserId
    rev: Rev
    users: tuple[UserId, ...] = ()
    slow_mode_s: Count = 0
    history: HistorySeen = "all"
    announcers: Announcers = "members"
    keep_days: Count = 0
    gone_seq: Count = 0
    notify: NotifyLevel | None = None
    notify_until_at: Timestamp | None = None


class ChannelOverview(Outgoing, frozen=True, kw_only=True, gc=False):
    """A channel as one of its members sees it: where it stands, and how far they have read. A
    direct conversation is hidden while `nth` is at most `hidden_nth` and nothing is unread.

    `notify` is missing as long as they have not said how much they want to hear of; after
    `notify_until_at` it is as if it were."""

    id: ChannelId
    kind: ChannelKind
    name: str | None = None
    role: Role
    rev: Rev
    last_seq: Count
    nth: Count
    read_seq: Count
    read_nth: Count
    unread: Count
    mentions: Count
    users: tuple[UserId, ...] = ()
    hidden_nth: Count | None = None
    notify: NotifyLevel | None = None
    notify_until_at: Timestamp | None = None


class Problem(Outgoing, frozen=True, kw_only=True):
    """Why something was refused: a problem of RFC 9457 with a stable `code`."""

    code: str
    title: str
    status: int
    detail: str | None = None
    field: str | None = None
    retry_after_ms: Duration | None = None
    request_id: str | None = None


def problem(
    code: str,
    detail: str | None = None,
    *,
    field: str | None = None,
    retry_after_ms: int | None = None,
    request_id: str | None = None,
) -> Problem:
    """The problem of a code in `PROBLEMS`, with its status and title. KeyError for any other."""
    kind = PROBLEMS[code]
    return Problem(
        code=code,
        title=kind.title,
        status=kind.status,
        detail=detail or None,
        field=field,
        retry_after_ms=retry_after_ms,
        request_id=request_id,
    )


# What commands carry


class ChannelCreate(Incoming, frozen=True, kw_only=True):
    """`history`: what those see who join a private channel, `joined` (from then on) if it is not
    said; of a public one everybody sees all."""

    name: Name
    visibility: Visibility
    topic: Topic | None = None
    history: HistorySeen | None = None

    def __post_init__(self) -> None:
        if self.history == "joined" and self.visibility == "public":
            raise ValueError("everybody may read a public channel from its beginning")


class ChannelGet(ChannelCommand, frozen=True, kw_only=True):
    pass


class ChannelList(Incoming, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class ChannelJoin(ChannelCommand, frozen=True, kw_only=True):
    pass


class ChannelLeave(ChannelCommand, frozen=True, kw_only=True):
    pass


class ChannelSync(ChannelCommand, frozen=True, kw_only=True):
    rev: Rev


class ChannelRead(ChannelCommand, frozen=True, kw_only=True):
    seq: Seq


class ChannelMarkUnread(ChannelCommand, frozen=True, kw_only=True):
    seq: Seq


class ChannelSeen(ChannelCommand, frozen=True, kw_only=True):
    pass


class DirectOpen(Incoming, frozen=True, kw_only=True):
    """Who else is in it: one person, or several. Alone with oneself it is a place for notes."""

    users: Annotated[tuple[UserId, ...], Meta(min_length=1, max_length=MAX_DIRECT_USERS)]


class MemberAdd(ChannelCommand, frozen=True, kw_only=True):
    users: Annotated[tuple[UserId, ...], Meta(min_length=1, max_length=MAX_USERS)]


class MemberRemove(ChannelCommand, frozen=True, kw_only=True):
    users: Annotated[tuple[UserId, ...], Meta(min_length=1, max_length=MAX_USERS)]


class MemberList(ChannelCommand, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class DirectHide(ChannelCommand, frozen=True, kw_only=True):
    """Off your list, not out of it: it comes back with the next message that counts as unread, or
    when you open it. Your other sessions hear of it by `channel.added`."""


class MessageSend(ChannelCommand, frozen=True, kw_only=True):
    """A reply names the message it replies to as `thread`; it is unread in the channel only if it
    is shown there, too (`in_channel`), or mentions somebody. What is `silent` is unread for nobody,
    and those it mentions are not told. `files` are some of your own; who may read the message may
    read them. Without files there must be a text."""

    text: AnyText = ""
    thread: MessageId | None = None
    in_channel: bool = False
    silent: bool = False
    files: Annotated[tuple[FileId, ...], Meta(max_length=MAX_FILES)] = ()


class MessageGet(MessageCommand, frozen=True, kw_only=True):
    pass


class MessageHistory(ChannelCommand, frozen=True, kw_only=True):
    """At most one of `before`, `after`, `around`; without one: the newest. With `thread`: of the
    replies to that message."""

    thread: MessageId | None = None
    before: Seq | None = None
    after: Count | None = None
    around: Seq | None = None
    limit: PageSize = DEFAULT_PAGE

    def __post_init__(self) -> None:
        if sum(place is not None for place in (self.before, self.after, self.around)) > 1:
            raise ValueError("give at most one of before, after and around")


class TypingStart(ChannelCommand, frozen=True, kw_only=True):
    pass


class Focus(Incoming, frozen=True, kw_only=True):
    """What is on screen: typing and presence are sent only for these. Replaces the last focus."""

    channels: Annotated[tuple[ChannelId, ...], Meta(max_length=MAX_FOCUS_CHANNELS)] = ()
    users: Annotated[tuple[UserId, ...], Meta(max_length=MAX_FOCUS_USERS)] = ()


# What replies carry


class Done(Outgoing, frozen=True, kw_only=True):
    """It is done; there is nothing more to say."""


class Receipt(Outgoing, frozen=True, kw_only=True):
    """The numbers a committed message got."""

    id: MessageId
    seq: Seq
    nth: Count
    rev: Rev
    created_at: Timestamp


class SeenObject(Outgoing, frozen=True, kw_only=True):
    """A member, and up to which message it has read."""

    user: UserId
    seq: Count


class SeenList(Outgoing, frozen=True, kw_only=True):
    """How far the others have read who let it be known; of nobody in a channel of more than 20."""

    items: tuple[SeenObject, ...]


class Members(Outgoing, frozen=True, kw_only=True):
    """The members a command changed, as they are now."""

    members: tuple[MemberObject, ...]


class Editions(Outgoing, frozen=True, kw_only=True):
    """What a message said before, oldest first; what it says now is in the message."""

    items: tuple[EditionObject, ...]


class MessagePage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[MessageObject, ...]
    next_cursor: str | None = None


class SavedObject(Outgoing, frozen=True, kw_only=True):
    """A message on the user's own list, and since when it is there."""

    message: MessageObject
    saved_at: Timestamp


class SavedPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[SavedObject, ...]
    next_cursor: str | None = None


class ThreadObject(Outgoing, frozen=True, kw_only=True):
    """A thread as the user follows it: the message it began with, and how many replies to it the
    user has not read."""

    root: MessageObject
    following: bool
    unread: Count


class ThreadPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[ThreadObject, ...]
    next_cursor: str | None = None


class ChannelPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[ChannelObject, ...]
    next_cursor: str | None = None


class MemberPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[MemberObject, ...]
    next_cursor: str | None = None


class History(Outgoing, frozen=True, kw_only=True):
    """Messages in `seq` order, as of `rev`."""

    items: tuple[MessageObject, ...]
    has_before: bool
    has_after: bool
    rev: Rev


# What events carry; some are replies too


class MessageEvent(Outgoing, frozen=True, kw_only=True):
    """The whole message as it is now."""

    message: MessageObject


class MemberEvent(Outgoing, frozen=True, kw_only=True):
    """Members as they are now."""

    channel: ChannelId
    members: tuple[MemberObject, ...]


class ChannelEvent(Outgoing, frozen=True, kw_only=True):
    """The channel as it is now."""

    channel: ChannelObject


class ChannelAdded(Outgoing, frozen=True, kw_only=True):
    """A channel the user now belongs to."""

    channel: ChannelOverview


class ChannelRef(Outgoing, frozen=True, kw_only=True):
    """Names a channel and says nothing else of it."""

    channel: ChannelId


class SyncPage(Outgoing, frozen=True, kw_only=True):
    """What changed after `from` up to `to`, as state: upsert it, then hold `to`.

    `more`: another page follows (as an event), or ask again from `to` (as a reply). `reset` comes
    only in a reply and means what `sync.reset` means: drop the copy, page by history from `to`.
    """

    channel: ChannelId
    from_rev: Rev = field(name="from")
    to_rev: Rev = field(name="to")
    messages: tuple[MessageObject, ...]
    members: tuple[MemberObject, ...]
    info: ChannelObject | None = None
    more: bool
    reset: bool = False


class SyncReset(Outgoing, frozen=True, kw_only=True):
    """Too far behind, or another epoch: drop the copy of the channel and page by history."""

    channel: ChannelId
    rev: Rev


class ReadState(Outgoing, frozen=True, kw_only=True):
    """How far the user has read. Counts are absolute; `unread` is the channel's nth - read_nth."""

    channel: ChannelId
    read_seq: Count
    read_nth: Count
    unread: Count
    mentions: Count


class Typing(Outgoing, frozen=True, kw_only=True):
    """Somebody is typing; it is over after 5 s without another."""

    channel: ChannelId
    user: UserId


class SeenEvent(Outgoing, frozen=True, kw_only=True):
    """Another member has read up to there, or marked as unread from there on."""

    channel: ChannelId
    user: UserId
    seq: Count


class AuthExpiring(Outgoing, frozen=True, kw_only=True):
    """The token runs out: send `auth` with a new one on the same socket."""

    in_ms: Duration


class ServerNotice(Outgoing, frozen=True, kw_only=True):
    """Words from the operator, to be shown."""

    text: str


# Controls


class Hello(Outgoing, frozen=True, kw_only=True):
    """The server's first frame. `wait_ms`: send `auth` only after that long."""

    api: int
    epoch: Count
    heartbeat_ms: Duration
    auth_timeout_ms: Duration
    max_frame_bytes: Count
    features: tuple[str, ...]
    wait_ms: Duration


class ClientInfo(Incoming, frozen=True, kw_only=True):
    name: Name
    version: Name


class Since(Incoming, frozen=True, kw_only=True):
    """What a returning client holds: the rev of each channel, under the epoch it came from."""

    epoch: Count
    channels: Annotated[dict[HeldChannelId, Rev], Meta(max_length=MAX_CHANNELS)]


class Auth(Incoming, frozen=True, kw_only=True):
    """Who is there. Again on an open socket: a new token of the same user, without `since`."""

    token: Token
    client: ClientInfo | None = None
    since: Since | None = None


class NotificationCounts(Outgoing, frozen=True, kw_only=True):
    unread: Count


class Limits(Outgoing, frozen=True, kw_only=True):
    """What the server enforces, so that a client need not find out."""

    text_length: int
    channels: int
    unanswered: int
    commands_per_s: int
    commands_burst: int
    typing_ms: Duration


class Ready(Outgoing, frozen=True, kw_only=True):
    """The socket is open. Channels with missed changes follow by `sync.page` or `sync.reset`."""

    session: SessionId
    user: UserObject
    channels: tuple[ChannelOverview, ...]
    notifications: NotificationCounts
    limits: Limits


class Ping(Incoming, frozen=True, kw_only=True):
    """Sent after `heartbeat_ms` without sending anything."""


class Pong(Outgoing, frozen=True, kw_only=True):
    """The answer to `ping`."""


class Drain(Outgoing, frozen=True, kw_only=True):
    """Reconnect after this long; it differs from client to client."""

    after_ms: Duration


# Frames


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`i` is chosen by the client and comes back in the reply. `body` is COMMANDS[name].body."""

    name: str = field(name="c")
    i: CommandNumber
    body: Incoming = field(name="d")
    key: str | None = field(name="k", default=None)


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one answer to command `i`: a body of COMMANDS[name].reply, or a problem.

    As decoded by a client the body is plain data, since only the client knows what it asked:
    `reply_body` gives it its type.
    """

    i: int = field(name="r")
    body: object = field(name="d", default=None)
    problem: Problem | None = field(name="e", default=None)


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. Durable channel events have a `rev`; `key` is the author's own."""

    name: str = field(name="t")
    rev: int | None = None
    body: Outgoing = field(name="d")
    key: str | None = field(name="k", default=None)


ClientFrame = Command | Auth | Ping
ServerControl = Hello | Ready | Pong | Drain | Problem
ServerFrame = Reply | Event | ServerControl
