"""What happens to a client, as its application sees it."""

from msgspec import Struct

from streamhub.protocol.drafting import DraftObject
from streamhub.protocol.files import FileObject, StorageObject
from streamhub.protocol.frames import (
    ChannelObject,
    ChannelOverview,
    MemberObject,
    MessageObject,
    ReadState,
    ThreadObject,
)
from streamhub.protocol.notifying import NotificationObject, NotifyState
from streamhub.protocol.presence import PresenceObject
from streamhub.protocol.scheduling import ScheduledObject


class MessagePosted(Struct, frozen=True):
    """A message of one's channels, one's own included: each once, in `seq` order.

    `key` is set for those this user sent, when the server still told it.
    """

    message: MessageObject
    key: str | None = None

    @property
    def channel(self) -> str:
        return self.message.channel


class MessageChanged(Struct, frozen=True):
    """A message that was posted before is different now."""

    message: MessageObject


class MemberJoined(Struct, frozen=True):
    channel: str
    member: MemberObject


class MemberLeft(Struct, frozen=True):
    channel: str
    member: MemberObject


class MemberUpdated(Struct, frozen=True):
    """A member has another role, is muted or not, or is banned no more. What changed while one was
    away is told as MemberJoined, which says how the member is now."""

    channel: str
    member: MemberObject


class ChannelUpdated(Struct, frozen=True):
    """Its name, topic, rules or whether it is archived are different now."""

    channel: ChannelObject


class ChannelAdded(Struct, frozen=True):
    """From now on one hears what happens in this channel."""

    channel: ChannelOverview


class HiddenChanged(Struct, frozen=True):
    """One took this direct conversation off the list in some session, or opened it again. With the
    next message it is back without this."""

    channel: str
    hidden: bool


class ChannelRemoved(Struct, frozen=True):
    channel: str


class ChannelReset(Struct, frozen=True):
    """Too much was missed to be told as changes, or the server's history was rewound.

    What the application holds of the channel, members above all, must be asked for again.
    Messages go on coming once each; after a rewind, from where the channel stands now.
    """

    channel: str


class ReadUpdated(Struct, frozen=True):
    """How far one has read a channel, and what is left: from whatever session."""

    state: ReadState


class TypingStarted(Struct, frozen=True):
    """Over after 5 s without another."""

    channel: str
    user: str


class SeenUpdated(Struct, frozen=True):
    """How far another member of a small channel, which is in focus, has read."""

    channel: str
    user: str
    seq: int


class PresenceUpdated(Struct, frozen=True):
    """Whether somebody one looks at is there; see `StreamHubClient.presences`."""

    presence: PresenceObject


class DraftUpdated(Struct, frozen=True):
    """What one is writing, from whatever session; without text there is none any more."""

    draft: DraftObject


class ScheduleUpdated(Struct, frozen=True):
    """One of one's scheduled messages as it is now."""

    scheduled: ScheduledObject


class Notified(Struct, frozen=True):
    """There is something to look at, and so much in all is unread."""

    notification: NotificationObject
    unread: int


class NotificationsRead(Struct, frozen=True):
    """These were read, or are gone, and so many are unread."""

    notifications: tuple[str, ...]
    unread: int


class NotifyUpdated(Struct, frozen=True):
    """How much of a channel one hears of, from whatever session."""

    state: NotifyState


class ThreadUpdated(Struct, frozen=True):
    """How far one has read a thread, and whether one follows it, from whatever session."""

    thread: ThreadObject


class FileReady(Struct, frozen=True):
    """A file of one's own is there, or is shown with a further version."""

    file: FileObject


class FileShared(Struct, frozen=True):
    """Somebody shared a file with one."""

    file: FileObject


class FileDeleted(Struct, frozen=True):
    """A file of one's own went into the trash, or is gone for good."""

    file: str


class QuotaUpdated(Struct, frozen=True):
    """What one's files take of the quota."""

    storage: StorageObject


class ServerNotice(Struct, frozen=True):
    """Words from the operator, to be shown."""

    text: str


class ConnectionLost(Struct, frozen=True):
    """The client is coming back by itself; what is missed meanwhile will be told."""

    reason: str


class ConnectionRestored(Struct, frozen=True):
    pass


ChannelChange = (
    MessagePosted | MessageChanged | MemberJoined | MemberLeft | MemberUpdated | ChannelUpdated
)

ClientEvent = (
    ChannelChange
    | ChannelAdded
    | HiddenChanged
    | ChannelRemoved
    | ChannelReset
    | ReadUpdated
    | DraftUpdated
    | ScheduleUpdated
    | Notified
    | NotificationsRead
    | NotifyUpdated
    | ThreadUpdated
    | FileReady
    | FileShared
    | FileDeleted
    | QuotaUpdated
    | TypingStarted
    | SeenUpdated
    | PresenceUpdated
    | ServerNotice
    | ConnectionLost
    | ConnectionRestored
)
