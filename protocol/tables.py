"""The tables of the wire: its commands, events and controls. The codec decodes by them, and the
reference is made from them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from streamhub.protocol.drafting import DraftList, DraftObject, DraftPage, DraftSet
from streamhub.protocol.files import FileEvent, FileGone, StorageObject
from streamhub.protocol.frames import (
    Auth,
    AuthExpiring,
    ChannelAdded,
    ChannelCreate,
    ChannelEvent,
    ChannelGet,
    ChannelJoin,
    ChannelLeave,
    ChannelList,
    ChannelMarkUnread,
    ChannelObject,
    ChannelPage,
    ChannelRead,
    ChannelRef,
    ChannelSeen,
    ChannelSync,
    DirectHide,
    DirectOpen,
    Done,
    Drain,
    Editions,
    Focus,
    Hello,
    History,
    MemberAdd,
    MemberEvent,
    MemberList,
    MemberPage,
    MemberRemove,
    Members,
    MessageEvent,
    MessageGet,
    MessageHistory,
    MessageObject,
    MessagePage,
    MessageSend,
    Ping,
    Pong,
    Problem,
    ReadState,
    Ready,
    Receipt,
    SavedPage,
    SeenEvent,
    SeenList,
    ServerControl,
    ServerNotice,
    SyncPage,
    SyncReset,
    ThreadObject,
    ThreadPage,
    Typing,
    TypingStart,
)
from streamhub.protocol.managing import (
    ChannelArchive,
    ChannelUpdate,
    MemberBan,
    MemberBanned,
    MemberUnban,
    MemberUpdate,
)
from streamhub.protocol.notifying import (
    ChannelNotify,
    NotificationCreated,
    NotificationList,
    NotificationPage,
    NotificationRead,
    NotificationsLeft,
    NotificationsRead,
    NotifyState,
)
from streamhub.protocol.presence import PresenceGet, PresenceObject, PresenceSet
from streamhub.protocol.reports import MessageReport
from streamhub.protocol.revising import (
    MessageDelete,
    MessageEdit,
    MessageEditions,
    PinAdd,
    PinList,
    PinRemove,
    ReactionAdd,
    ReactionRemove,
)
from streamhub.protocol.saving import MessageSave, MessageSaved, MessageUnsave
from streamhub.protocol.scheduling import (
    ScheduleCancel,
    ScheduleCreate,
    ScheduledObject,
    ScheduledPage,
    ScheduleList,
    ScheduleUpdate,
)
from streamhub.protocol.searching import MessageSearch
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.protocol.threads import ThreadFollow, ThreadList, ThreadRead
from streamhub.protocol.uploads import (
    AttachedUpload,
    PartObject,
    UploadAttach,
    UploadCancel,
    UploadCredit,
    UploadDurable,
    UploadFinish,
    UploadOpen,
    UploadPart,
    UploadProgress,
    UploadReceived,
    UploadRefused,
    UploadState,
)


class CommandSpec(Struct, frozen=True):
    """`keyed`: it makes something new, so a client that may send it twice must give a key.
    `socket`: where it is given."""

    body: type[Incoming]
    reply: type[Outgoing]
    summary: str
    keyed: bool = False
    socket: Literal["chat", "uploads"] = "chat"


EventKind = Literal["channel", "sync", "inbox", "ephemeral", "upload"]


class EventSpec(Struct, frozen=True):
    """Kinds: `channel` events are durable and carry `rev`; `sync` brings what was missed; `inbox`
    is absolute state that is safe to lose; `ephemeral` is worth nothing a moment later; `upload`
    comes on the socket of uploads."""

    body: type[Outgoing]
    kind: EventKind
    summary: str

    @property
    def durable(self) -> bool:
        return self.kind == "channel"


COMMANDS: Final[Mapping[str, CommandSpec]] = MappingProxyType(
    {
        "channel.create": CommandSpec(
            ChannelCreate, ChannelObject, "Make a channel and become its owner.", keyed=True
        ),
        "channel.get": CommandSpec(ChannelGet, ChannelObject, "One channel you may see."),
        "channel.list": CommandSpec(
            ChannelList, ChannelPage, "The public channels and those you belong to, by pages."
        ),
        "channel.join": CommandSpec(ChannelJoin, ChannelObject, "Join a public channel."),
        "channel.leave": CommandSpec(ChannelLeave, Done, "Leave a channel."),
        "channel.sync": CommandSpec(
            ChannelSync, SyncPage, "What changed since the rev you hold: after a hole or a doubt."
        ),
        "channel.read": CommandSpec(
            ChannelRead, ReadState, "Everything up to `seq` is read. Never goes back."
        ),
        "channel.mark_unread": CommandSpec(
            ChannelMarkUnread,
            ReadState,
            "`seq` and all after it are unread again; what you may not see stays read.",
        ),
        "channel.seen": CommandSpec(
            ChannelSeen, SeenList, "How far the others have read, where at most 20 are."
        ),
        "channel.update": CommandSpec(
            ChannelUpdate,
            ChannelObject,
            "Change its name, topic and rules. Owners; name, topic and slow mode also moderators.",
        ),
        "channel.archive": CommandSpec(
            ChannelArchive, ChannelObject, "Let it only be read, or bring it back. Owners."
        ),
        "direct.open": CommandSpec(
            DirectOpen,
            ChannelObject,
            "The conversation of you and these users: the same people have the same one.",
        ),
        "direct.hide": CommandSpec(
            DirectHide, Done, "Take a direct conversation off your list until there is news."
        ),
        "member.add": CommandSpec(MemberAdd, Members, "Bring users into a channel.", keyed=True),
        "member.remove": CommandSpec(MemberRemove, Members, "Take users out of a channel."),
        "member.list": CommandSpec(MemberList, MemberPage, "Who is in a channel, by pages."),
        "member.update": CommandSpec(
            MemberUpdate, Members, "Give a role (owners), or mute (moderators: members)."
        ),
        "member.ban": CommandSpec(
            MemberBan, Members, "Take a user out who may not come back. Owners and moderators."
        ),
        "member.unban": CommandSpec(MemberUnban, Members, "Let a banned user come back."),
        "member.banned": CommandSpec(
            MemberBanned, MemberPage, "Who is banned, by pages. Owners and moderators."
        ),
        "message.send": CommandSpec(
            MessageSend, Receipt, "Post a message. The reply means it is committed.", keyed=True
        ),
        "message.get": CommandSpec(MessageGet, MessageObject, "One message of a channel."),
        "message.history": CommandSpec(
            MessageHistory, History, "Messages before, after or around a seq; else the newest."
        ),
        "message.edit": CommandSpec(
            MessageEdit, MessageObject, "Say something else. Only the author; what it said is kept."
        ),
        "message.delete": CommandSpec(
            MessageDelete,
            MessageObject,
            "Leave only its place. The author, and moderators and owners of the channel.",
        ),
        "message.editions": CommandSpec(
            MessageEditions,
            Editions,
            "What it said before. The author, and moderators and owners of the channel.",
        ),
        "reaction.add": CommandSpec(
            ReactionAdd, Done, "React to a message; at most 50 kinds a message. Twice is once."
        ),
        "reaction.remove": CommandSpec(ReactionRemove, Done, "Take a reaction back."),
        "pin.add": CommandSpec(PinAdd, MessageObject, "Pin a message to its channel."),
        "pin.remove": CommandSpec(PinRemove, MessageObject, "Unpin a message."),
        "pin.list": CommandSpec(
            PinList, MessagePage, "The pinned messages, the last one pinned first, by pages."
        ),
        "message.save": CommandSpec(
            MessageSave, Done, "Put a message on your own list, which nobody else sees."
        ),
        "message.unsave": CommandSpec(MessageUnsave, Done, "Take a message off your own list."),
        "message.report": CommandSpec(
            MessageReport, Done, "Show a message to the site's moderators. Twice is once."
        ),
        "message.saved": CommandSpec(
            MessageSaved, SavedPage, "Your own list, the last one saved first, by pages."
        ),
        "message.search": CommandSpec(
            MessageSearch,
            MessagePage,
            "Messages you may read, found by words and filters, newest first.",
        ),
        "draft.set": CommandSpec(
            DraftSet, DraftObject, "Keep what you are writing, for your other devices."
        ),
        "draft.list": CommandSpec(
            DraftList, DraftPage, "What you are writing, the last one first, by pages."
        ),
        "schedule.create": CommandSpec(
            ScheduleCreate, ScheduledObject, "Post a message later.", keyed=True
        ),
        "schedule.list": CommandSpec(
            ScheduleList,
            ScheduledPage,
            "Your scheduled messages that wait or have failed, the soonest first, by pages.",
        ),
        "schedule.update": CommandSpec(
            ScheduleUpdate, ScheduledObject, "Say something else, or at another time."
        ),
        "schedule.cancel": CommandSpec(
            ScheduleCancel, ScheduledObject, "Do not post it; take what failed off the list."
        ),
        "notification.list": CommandSpec(
            NotificationList, NotificationPage, "What you are to look at, the last first, by pages."
        ),
        "notification.read": CommandSpec(
            NotificationRead, NotificationsLeft, "You have looked at some, or at all up to one."
        ),
        "channel.notify": CommandSpec(
            ChannelNotify, NotifyState, "How much of a channel you want to hear of."
        ),
        "thread.list": CommandSpec(
            ThreadList, ThreadPage, "The threads you follow: those you began or replied to."
        ),
        "thread.read": CommandSpec(
            ThreadRead, ThreadObject, "Replies up to `seq` are read. Never goes back."
        ),
        "thread.follow": CommandSpec(ThreadFollow, ThreadObject, "Follow a thread, or no longer."),
        "typing.start": CommandSpec(
            TypingStart, Done, "You are typing; at most one per 3 s and channel."
        ),
        "presence.set": CommandSpec(
            PresenceSet, Done, "Say whether you are there, and anything else about yourself."
        ),
        "presence.get": CommandSpec(
            PresenceGet, PresenceObject, "Whether somebody you share a channel with is there."
        ),
        "focus": CommandSpec(Focus, Done, "Say what is on screen."),
        "upload.open": CommandSpec(
            UploadOpen,
            AttachedUpload,
            "Begin a file, and send to it.",
            keyed=True,
            socket="uploads",
        ),
        "upload.attach": CommandSpec(
            UploadAttach, AttachedUpload, "Send to an upload that was begun.", socket="uploads"
        ),
        "upload.part": CommandSpec(
            UploadPart, PartObject, "Compare a durable part with yours.", socket="uploads"
        ),
        "upload.finish": CommandSpec(
            UploadFinish,
            UploadState,
            "Make a file of it; `upload.state` says how that ended.",
            socket="uploads",
        ),
        "upload.cancel": CommandSpec(UploadCancel, UploadState, "Give it up.", socket="uploads"),
    }
)

EVENTS: Final[Mapping[str, EventSpec]] = MappingProxyType(
    {
        "message.created": EventSpec(MessageEvent, "channel", "A message was posted."),
        "message.updated": EventSpec(
            MessageEvent, "channel", "A message was edited, reacted to, pinned or unpinned."
        ),
        "message.deleted": EventSpec(MessageEvent, "channel", "A message lost its text."),
        "member.joined": EventSpec(MemberEvent, "channel", "Users came in."),
        "member.left": EventSpec(MemberEvent, "channel", "Users left or were taken out."),
        "member.updated": EventSpec(
            MemberEvent, "channel", "Users got another role, were muted, or are banned no more."
        ),
        "channel.updated": EventSpec(ChannelEvent, "channel", "Its properties changed."),
        "channel.archived": EventSpec(ChannelEvent, "channel", "From now on it can only be read."),
        "rev.skipped": EventSpec(
            ChannelRef, "channel", "A change you may not see: only its rev counts."
        ),
        "sync.page": EventSpec(SyncPage, "sync", "What you missed."),
        "sync.reset": EventSpec(SyncReset, "sync", "You missed too much."),
        "channel.added": EventSpec(
            ChannelAdded, "inbox", "You now belong to a channel, or have hidden or opened it."
        ),
        "channel.removed": EventSpec(ChannelRef, "inbox", "You no longer belong to a channel."),
        "read.updated": EventSpec(
            ReadState, "inbox", "You read on, or marked as unread, in another session."
        ),
        "draft.updated": EventSpec(
            DraftObject, "inbox", "You are writing something, or no longer, in another session."
        ),
        "schedule.updated": EventSpec(
            ScheduledObject,
            "inbox",
            "A scheduled message of yours was made, changed, sent or cancelled, or it failed.",
        ),
        "notification.created": EventSpec(
            NotificationCreated, "inbox", "There is something to look at."
        ),
        "notification.read": EventSpec(
            NotificationsRead, "inbox", "You looked at notifications, or they are gone."
        ),
        "notify.updated": EventSpec(
            NotifyState, "inbox", "You hear more or less of a channel, as another session said."
        ),
        "thread.updated": EventSpec(
            ThreadObject,
            "inbox",
            "You read on in a thread, or follow it or not, in another session.",
        ),
        "file.ready": EventSpec(
            FileEvent, "inbox", "A file of yours is there, or is shown with a further version."
        ),
        "file.deleted": EventSpec(
            FileGone, "inbox", "A file of yours went into the trash, or is gone."
        ),
        "file.shared": EventSpec(FileEvent, "inbox", "Somebody shared a file with you."),
        "quota.updated": EventSpec(
            StorageObject, "inbox", "Your files take more, or less, of your quota."
        ),
        "typing.started": EventSpec(Typing, "ephemeral", "Somebody types."),
        "seen.updated": EventSpec(
            SeenEvent, "ephemeral", "Another member of a small channel in focus has read on."
        ),
        "presence.updated": EventSpec(
            PresenceObject,
            "ephemeral",
            "Whether a user you look at is there: at once, and then changes, at most one a second.",
        ),
        "upload.progress": EventSpec(
            UploadProgress, "ephemeral", "How far one of your uploads is; at most one a second."
        ),
        "upload.credit": EventSpec(UploadCredit, "upload", "You may send more."),
        "upload.received": EventSpec(UploadReceived, "upload", "Bytes have come."),
        "upload.durable": EventSpec(UploadDurable, "upload", "Parts are durable: forget them."),
        "upload.refused": EventSpec(UploadRefused, "upload", "A frame of data was not taken."),
        "upload.state": EventSpec(UploadState, "upload", "An upload has come further, or ended."),
        "auth.expiring": EventSpec(AuthExpiring, "ephemeral", "Renew your token."),
        "server.notice": EventSpec(ServerNotice, "ephemeral", "The operator says something."),
    }
)

CLIENT_CONTROLS: Final[Mapping[str, type[Auth] | type[Ping]]] = MappingProxyType(
    {"auth": Auth, "ping": Ping}
)

SERVER_CONTROLS: Final[Mapping[str, type[ServerControl]]] = MappingProxyType(
    {"hello": Hello, "ready": Ready, "pong": Pong, "drain": Drain, "error": Problem}
)
