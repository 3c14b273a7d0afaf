"""What actors are asked and told, and what they answer: values that travel between hosts.

Commands are imperative and name who asks; the edge has checked the token, the actor checks the
right. Every answer is one of `Answer`; a problem travels as `Problem` and becomes the error that
the asking side raises.
"""

from typing import Final, NamedTuple

import msgspec

from streamhub.domain.changes import Hint
from streamhub.domain.channels import (
    Channel,
    Level,
    Member,
    Mention,
    Overview,
    ReadMarker,
    Role,
    Thread,
)
from streamhub.domain.channels import Message as StoredMessage
from streamhub.domain.drafts import Operation
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.ids import ChannelId, FileId, MessageId, NotificationId, UploadId, UserId
from streamhub.domain.kept_drafts import KeptDraft
from streamhub.domain.notifications import Notification
from streamhub.domain.presence import State, Status
from streamhub.domain.schedule_messages import JobUpdated, OfSchedule
from streamhub.domain.upload_messages import FromUpload, OfUpload, UploadProgress


class ActorId(NamedTuple):
    """An actor's address: `channel:ch_01j9...`."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


def channel_actor(channel: ChannelId) -> ActorId:
    """Who orders this channel."""
    return ActorId("channel", channel)


def inbox_actor(user: UserId) -> ActorId:
    """Who keeps this user's read markers and hints."""
    return ActorId("inbox", user)


def presence_actor(user: UserId) -> ActorId:
    """Who tells whether this user is there."""
    return ActorId("presence", user)


def upload_actor(upload: UploadId) -> ActorId:
    """Who keeps what is stored of this upload."""
    return ActorId("upload", upload)


def placed_as(actor: ActorId) -> str:
    """What decides who owns `actor`: presence is known where the inbox is."""
    return f"inbox:{actor.key}" if actor.kind == "presence" else f"{actor.kind}:{actor.key}"


# -- asked of a channel -------------------------------------------------------------------------


class Post(msgspec.Struct, frozen=True, kw_only=True, tag="post", omit_defaults=True):
    """Append a message. The answer is a `Receipt`, after the commit; the same author and key
    get the first one again, or `key_reused` when `digest` differs.

    `after` is the key of the author's post that must be taken first: until then it is `MOVED`."""

    author: UserId
    key: str
    digest: bytes
    text: str
    mentions: tuple[Mention, ...] = ()
    thread: MessageId | None = None
    files: tuple[FileId, ...] = ()
    counts: bool = True
    after: str | None = None
    in_channel: bool = False
    silent: bool = False


def counts_as_unread(
    *, silent: bool, in_thread: bool, in_channel: bool, mentions: tuple[Mention, ...]
) -> bool:
    """Whether it is unread in its channel: replies only if they are shown there, too, or mention
    somebody."""
    return not silent and (not in_thread or in_channel or bool(mentions))


class AddMembers(msgspec.Struct, frozen=True, kw_only=True, tag="add"):
    """Make `users` members; `by` joins itself or invites. The answer is `MembersChanged`."""

    by: UserId
    users: tuple[UserId, ...]
    role: Role = "member"


class RemoveMembers(msgspec.Struct, frozen=True, kw_only=True, tag="remove", omit_defaults=True):
    """End the membership of `users`; `by` leaves itself or removes. Answered `MembersChanged`.

    `everywhere`, here and below: the account may do in every channel it is in what an owner may."""

    by: UserId
    users: tuple[UserId, ...]
    everywhere: bool = False


class BanMembers(msgspec.Struct, frozen=True, kw_only=True, tag="ban", omit_defaults=True):
    """End the membership of `users` for good, or (not `on`) their ban. Answered
    `MembersChanged`."""

    by: UserId
    users: tuple[UserId, ...]
    on: bool
    everywhere: bool = False


class UpdateMember(
    msgspec.Struct, frozen=True, kw_only=True, tag="update_member", omit_defaults=True
):
    """Give a member a role, or mute it until some time (ms; past: no longer). Answered
    `MembersChanged`."""

    by: UserId
    user: UserId
    role: Role | None = None
    muted_until: int | None = None
    everywhere: bool = False


class UpdateChannel(
    msgspec.Struct, frozen=True, kw_only=True, tag="update_channel", omit_defaults=True
):
    """Change a channel's properties; see `InfoDraft`. Answered `ChannelChanged`."""

    by: UserId
    name: str | None = None
    topic: str | None = None
    archived: bool | None = None
    rules: dict[str, int | str] = {}
    everywhere: bool = False


class Revise(msgspec.Struct, frozen=True, kw_only=True, tag="revise", omit_defaults=True):
    """Do something to a message that is there; twice is like once. Answered `Revised`, and with
    `Done` for a reaction, of which there may be thousands at once.

    `moderates`: the account may do in every channel it is in what the channel's moderators may;
    `officially`: the site's moderators do it, who need not be in the channel."""

    by: UserId
    message: MessageId
    operation: Operation
    moderates: bool = False
    officially: bool = False


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag="seen"):
    """Tell the others how far `user` has read. Told, never answered."""

    user: UserId
    seq: int


class Expire(msgspec.Struct, frozen=True, kw_only=True, tag="expire"):
    """Take out the messages that were posted before that time (ms). Told, never answered."""

    before: int


class Typing(msgspec.Struct, frozen=True, kw_only=True, tag="typing"):
    """Tell the others that `user` types. Told, never answered."""

    user: UserId


# -- asked of an inbox --------------------------------------------------------------------------


class MarkRead(msgspec.Struct, frozen=True, kw_only=True, tag="mark_read"):
    """Raise a read marker. The answer is `Marked`."""

    channel: ChannelId
    seq: int


class MarkUnread(msgspec.Struct, frozen=True, kw_only=True, tag="mark_unread"):
    """Move a read marker back to before `seq`. The answer is `Marked`."""

    channel: ChannelId
    seq: int


class TakeHint(msgspec.Struct, frozen=True, kw_only=True, tag="hint"):
    """An outbox row for this inbox; may come more than once. Told, never answered."""

    hint: Hint


class ReadNotifications(
    msgspec.Struct, frozen=True, kw_only=True, tag="read_notifications", omit_defaults=True
):
    """Mark some of the user's notifications as read, or all up to one. The answer is
    `NotificationsRead`."""

    notifications: tuple[NotificationId, ...] = ()
    up_to: NotificationId | None = None


class SetNotify(msgspec.Struct, frozen=True, kw_only=True, tag="set_notify"):
    """How much of a channel the user wants to hear of, until then (ms). The answer is
    `NotifyUpdated`."""

    channel: ChannelId
    level: Level
    until: int | None = None


class MarkThread(msgspec.Struct, frozen=True, kw_only=True, tag="mark_thread"):
    """Raise the marker in a thread to that reply, or follow it, or no longer. The answer is
    `ThreadUpdated`."""

    root: MessageId
    seq: int | None = None
    following: bool | None = None


class KeepDraft(msgspec.Struct, frozen=True, kw_only=True, tag="keep_draft"):
    """Keep what the user is writing. The answer is `DraftUpdated`."""

    channel: ChannelId
    text: str
    thread: MessageId | None = None


class SetAway(msgspec.Struct, frozen=True, kw_only=True, tag="set_away"):
    """All sessions of the user are away, or no longer. The answer is `Done`, once they are told."""

    away: bool


# -- asked of a presence ------------------------------------------------------------------------


class SetPresence(msgspec.Struct, frozen=True, kw_only=True, tag="set_presence"):
    """Keep what the user says; None changes nothing. The answer is `Done`."""

    dnd: bool | None = None
    status: Status | None = None


class GetPresence(msgspec.Struct, frozen=True, kw_only=True, tag="get_presence"):
    """The answer is `PresenceUpdated`, as it is shown to `by`."""

    by: UserId


class Reconsider(msgspec.Struct, frozen=True, kw_only=True, tag="reconsider"):
    """The user's sessions are others or, with `reload`, what is kept. Told, never answered."""

    reload: bool = False


OfChannel = (
    Post
    | Revise
    | AddMembers
    | RemoveMembers
    | BanMembers
    | UpdateMember
    | UpdateChannel
    | Expire
    | Seen
    | Typing
)
OfInbox = (
    MarkRead
    | MarkUnread
    | TakeHint
    | ReadNotifications
    | SetNotify
    | MarkThread
    | KeepDraft
    | SetAway
    | OfSchedule
    | UploadProgress
    | FileChanged
    | QuotaUpdated
)
OfPresence = SetPresence | GetPresence | Reconsider
Message = OfChannel | OfInbox | OfPresence | OfUpload


# -- answers ------------------------------------------------------------------------------------


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag="receipt"):
    """A message is committed."""

    id: MessageId
    seq: int
    nth: int
    rev: int
    created_at: int


class Revised(msgspec.Struct, frozen=True, kw_only=True, tag="revised"):
    """The message as it is now."""

    message: StoredMessage


class MembersChanged(msgspec.Struct, frozen=True, kw_only=True, tag="members"):
    """The members that changed (none, when there was nothing to change), and the rev since."""

    rev: int
    members: tuple[Member, ...]


class ChannelChanged(msgspec.Struct, frozen=True, kw_only=True, tag="channel"):
    """The channel's properties as they are now."""

    channel: Channel


class Marked(msgspec.Struct, frozen=True, kw_only=True, tag="marked"):
    """The read marker as it is now."""

    marker: ReadMarker


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Nothing more to say."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="problem"):
    """An error as data; see `domain.errors`."""

    code: str
    detail: str = ""
    field: str | None = None
    retry_after_ms: int | None = None
    again: bool = False

    @classmethod
    def of(cls, error: StreamHubError) -> "Problem":
        return cls(
            code=error.code,
            detail=error.detail,
            field=error.field,
            retry_after_ms=error.retry_after_ms,
            again=isinstance(error, TryAgain),
        )

    def error(self) -> StreamHubError:
        kind = TryAgain if self.again else Refused
        return kind(self.code, self.detail, field=self.field, retry_after_ms=self.retry_after_ms)


class PresenceUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="presence.updated"):
    """Whether a user is there; an answer, and from a presence to those who look at it."""

    user: UserId
    state: State
    status: Status | None = None


class DraftUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="draft.updated"):
    """What the user is writing; an answer, and to the user's sessions."""

    draft: KeptDraft


class NotificationsRead(msgspec.Struct, frozen=True, kw_only=True, tag="notification.read"):
    """These are unread no longer, or gone, and `unread` still are; an answer, and to the user's
    sessions."""

    notifications: tuple[NotificationId, ...]
    unread: int


class NotifyUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="notify.updated"):
    """How much of a channel the user hears of; an answer, and to the user's sessions."""

    channel: ChannelId
    level: Level
    until: int | None = None


class ThreadUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="thread.updated"):
    """How far a thread was read, and whether it is followed; an answer, and to the user's
    sessions."""

    thread: Thread


Answer = (
    Receipt
    | Revised
    | MembersChanged
    | ChannelChanged
    | Marked
    | Done
    | PresenceUpdated
    | DraftUpdated
    | JobUpdated
    | NotificationsRead
    | NotifyUpdated
    | ThreadUpdated
    | FromUpload
    | Problem
)

MOVED: Final = Problem(code="moved", detail="ask its new owner", retry_after_ms=50, again=True)
AWAY: Final = Problem(
    code="unavailable", detail="nobody answers for it at the moment", retry_after_ms=500, again=True
)
OVERLOADED: Final = Problem(
    code="overloaded", detail="too many messages wait for it", retry_after_ms=200, again=True
)
UNKNOWN: Final = Problem(
    code="unknown", detail="send again with the same key", retry_after_ms=100, again=True
)
NOT_FOUND: Final = Problem(
    code="not_found", detail="there is no such channel, or it is not for you"
)
BROKEN: Final = Problem(code="internal", detail="the request failed on the server")


# -- what an inbox publishes to its user's sessions: absolute state, safe to lose ----------------


class ChannelAdded(msgspec.Struct, frozen=True, kw_only=True, tag="channel.added"):
    overview: Overview


class ChannelRemoved(msgspec.Struct, frozen=True, kw_only=True, tag="channel.removed"):
    channel: ChannelId


class ReadUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="read.updated"):
    marker: ReadMarker


class NotificationCreated(msgspec.Struct, frozen=True, kw_only=True, tag="notification.created"):
    """A new one, or one brought forward; so many are unread then."""

    notification: Notification
    unread: int


class TypingStarted(msgspec.Struct, frozen=True, kw_only=True, tag="typing.started"):
    """From a channel to those who look at it; not durable."""

    channel: ChannelId
    user: UserId


class SeenUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="seen.updated"):
    """From a small channel to those who look at it; not durable."""

    channel: ChannelId
    user: UserId
    seq: int


class AwayChanged(msgspec.Struct, frozen=True, kw_only=True, tag="away.changed"):
    """From an inbox to its user's sessions, not to the client: they are away now, or no longer."""

    away: bool


Passing = (
    ChannelAdded
    | ChannelRemoved
    | ReadUpdated
    | TypingStarted
    | SeenUpdated
    | PresenceUpdated
    | DraftUpdated
    | NotificationCreated
    | NotificationsRead
    | NotifyUpdated
    | ThreadUpdated
    | UploadProgress
    | FileChanged
    | QuotaUpdated
    | JobUpdated
)
