"""One frame of every kind: the reference shows them, the golden bytes pin them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import structs

from streamhub.protocol.drafting import DraftList, DraftObject, DraftPage, DraftSet
from streamhub.protocol.examples_uploads import FILE_EVENTS, UPLOAD_COMMANDS, UPLOAD_EVENTS
from streamhub.protocol.frames import (
    API,
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
    ChannelOverview,
    ChannelPage,
    ChannelRead,
    ChannelRef,
    ChannelSeen,
    ChannelSync,
    ClientInfo,
    Command,
    DirectHide,
    DirectOpen,
    Done,
    Drain,
    EditionObject,
    Editions,
    Entity,
    Event,
    Focus,
    Hello,
    History,
    Limits,
    MemberAdd,
    MemberEvent,
    MemberList,
    MemberObject,
    MemberPage,
    MemberRemove,
    Members,
    MessageEvent,
    MessageGet,
    MessageHistory,
    MessageObject,
    MessagePage,
    MessageSend,
    NotificationCounts,
    Ping,
    Pong,
    ReactionObject,
    ReadState,
    Ready,
    Receipt,
    Reply,
    SavedObject,
    SavedPage,
    SeenEvent,
    SeenList,
    SeenObject,
    ServerControl,
    ServerNotice,
    Since,
    SyncPage,
    SyncReset,
    ThreadObject,
    ThreadPage,
    Typing,
    TypingStart,
    UserObject,
    problem,
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
    NotificationObject,
    NotificationPage,
    NotificationRead,
    NotificationsLeft,
    NotificationsRead,
    NotifyState,
)
from streamhub.protocol.presence import (
    PresenceGet,
    PresenceObject,
    PresenceSet,
    StatusObject,
    StatusSet,
)
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
from streamhub.protocol.threads import ThreadFollow, ThreadList, ThreadRead

_ALICE: Final = "us_01kc3v9m5zqfyw8h2n4rj6t7ab"
_BOB: Final = "us_01kc3v9n8c1d3e5f7g9hajbkcm"
_SESSION: Final = "se_01kc3vb0x2y4z6a8bcdefghjkm"
_CHANNEL: Final = "ch_01kc3v7p9qrstvwxyz01234567"
_MESSAGE: Final = "me_01kc3vc5e7g9jbmdpfrhtkvnxq"
_AT: Final = 1_764_316_800_123

_USER: Final = UserObject(id=_ALICE, handle="alice", name="Alice")
_POST: Final = MessageObject(
    id=_MESSAGE,
    channel=_CHANNEL,
    seq=40_111,
    nth=39_801,
    rev=48_220,
    author=_ALICE,
    text="hi @bob",
    entities=(Entity(type="mention", user=_BOB, offset=3, length=4),),
    created_at=_AT,
)
_EDITED: Final = structs.replace(
    _POST,
    rev=48_225,
    text="hello @bob",
    entities=(Entity(type="mention", user=_BOB, offset=6, length=4),),
    edited_at=_AT + 60_000,
    reactions=(ReactionObject(reaction="+1", count=1, users=(_BOB,)),),
    pinned_at=_AT + 90_000,
    pinned_by=_BOB,
)
_THREAD: Final = ThreadObject(
    root=structs.replace(
        _POST, rev=48_230, replies=2, last_reply_seq=40_113, last_reply_at=_AT + 99_000
    ),
    following=True,
    unread=1,
)
_DELETED: Final = MessageObject(
    id=_MESSAGE,
    channel=_CHANNEL,
    seq=40_111,
    nth=39_801,
    rev=48_226,
    author=_ALICE,
    created_at=_AT,
    deleted=True,
)
_MEMBER: Final = MemberObject(user=_BOB, role="member", joined_at=_AT, rev=48_221)
_GONE: Final = MemberObject(user=_BOB, role="member", joined_at=_AT, left=True, rev=48_222)
_INFO: Final = ChannelObject(
    id=_CHANNEL,
    kind="channel",
    name="general",
    topic="All and sundry",
    visibility="public",
    created_at=_AT,
    created_by=_ALICE,
    rev=48_223,
)
_PROMOTED: Final = structs.replace(_MEMBER, role="moderator", rev=48_228)
_BANNED: Final = structs.replace(_GONE, banned=True, rev=48_230)
_CLOSED: Final = structs.replace(_INFO, archived=True, rev=48_229)
_JOB: Final = "jo_01kc3vc5e7g9jbmdpfrhtkvnxr"
_LATER: Final = _AT + 3_600_000
_SCHEDULED: Final = ScheduledObject(
    id=_JOB,
    channel=_CHANNEL,
    text="good morning",
    send_at=_LATER,
    created_at=_AT,
    state="pending",
)
_NOTIFICATION: Final = NotificationObject(
    id="no_01kc3vd7q2m4x6z8b0d2f4h6j8",
    kind="mention",
    channel=_CHANNEL,
    message=_POST.id,
    seq=_POST.seq,
    by=_POST.author,
    excerpt="hi @bob",
    created_at=_AT,
)
_NOTIFY: Final = NotifyState(channel=_CHANNEL, level="none", until_at=_AT + 3_600_000)
_DRAFT: Final = DraftObject(channel=_CHANNEL, text="I have been", updated_at=_AT)
_DIRECT: Final = ChannelObject(
    id="ch_01kc3v7p9qrstvwxyz01234568",
    kind="direct",
    visibility="private",
    created_at=_AT,
    created_by=_ALICE,
    rev=1,
    users=(_ALICE, _BOB),
)
_OVERVIEW: Final = ChannelOverview(
    id=_CHANNEL,
    kind="channel",
    name="general",
    role="member",
    rev=48_219,
    last_seq=40_110,
    nth=39_800,
    read_seq=40_105,
    read_nth=39_796,
    unread=4,
    mentions=1,
)
_READ: Final = ReadState(channel=_CHANNEL, read_seq=40_111, read_nth=39_801, unread=0, mentions=0)
_MISSED: Final = SyncPage(
    channel=_CHANNEL,
    from_rev=48_213,
    to_rev=48_220,
    messages=(_POST,),
    members=(),
    more=False,
)

CLIENT_CONTROL_EXAMPLES: Final[Mapping[str, Auth | Ping]] = MappingProxyType(
    {
        "auth": Auth(
            token="access-token",  # noqa: S106 (a placeholder in the reference)
            client=ClientInfo(name="web", version="1.4.0"),
            since=Since(epoch=1, channels={_CHANNEL: 48_213}),
        ),
        "ping": Ping(),
    }
)

SERVER_CONTROL_EXAMPLES: Final[Mapping[str, ServerControl]] = MappingProxyType(
    {
        "hello": Hello(
            api=API,
            epoch=1,
            heartbeat_ms=30_000,
            auth_timeout_ms=5_000,
            max_frame_bytes=1_048_576,
            features=(),
            wait_ms=0,
        ),
        "ready": Ready(
            session=_SESSION,
            user=_USER,
            channels=(_OVERVIEW,),
            notifications=NotificationCounts(unread=2),
            limits=Limits(
                text_length=16_000,
                channels=2_000,
                unanswered=64,
                commands_per_s=20,
                commands_burst=60,
                typing_ms=3_000,
            ),
        ),
        "pong": Pong(),
        "drain": Drain(after_ms=8_200),
        "error": problem("unavailable", retry_after_ms=1_000),
    }
)

COMMAND_EXAMPLES: Final[Mapping[str, tuple[Command, Reply]]] = MappingProxyType(
    {
        command.name: (command, Reply(i=command.i, body=reply))
        for command, reply in (
            (
                Command(
                    name="channel.create",
                    i=1,
                    body=ChannelCreate(name="general", visibility="public", topic="All and sundry"),
                    key="b9d2c1aa",
                ),
                _INFO,
            ),
            (Command(name="channel.get", i=2, body=ChannelGet(channel=_CHANNEL)), _INFO),
            (
                Command(name="channel.list", i=3, body=ChannelList(limit=1)),
                ChannelPage(items=(_INFO,), next_cursor="b64x"),
            ),
            (Command(name="channel.join", i=4, body=ChannelJoin(channel=_CHANNEL)), _INFO),
            (Command(name="channel.leave", i=5, body=ChannelLeave(channel=_CHANNEL)), Done()),
            (
                Command(name="channel.sync", i=6, body=ChannelSync(channel=_CHANNEL, rev=48_213)),
                _MISSED,
            ),
            (
                Command(name="channel.read", i=7, body=ChannelRead(channel=_CHANNEL, seq=40_111)),
                _READ,
            ),
            (
                Command(
                    name="channel.mark_unread",
                    i=31,
                    body=ChannelMarkUnread(channel=_CHANNEL, seq=40_110),
                ),
                ReadState(channel=_CHANNEL, read_seq=40_109, read_nth=39_799, unread=2, mentions=1),
            ),
            (
                Command(
                    name="channel.update",
                    i=35,
                    body=ChannelUpdate(channel=_CHANNEL, topic="Slowly", slow_mode_s=30),
                ),
                structs.replace(_INFO, topic="Slowly", slow_mode_s=30, rev=48_227),
            ),
            (Command(name="channel.archive", i=36, body=ChannelArchive(channel=_CHANNEL)), _CLOSED),
            (
                Command(name="channel.seen", i=42, body=ChannelSeen(channel=_CHANNEL)),
                SeenList(items=(SeenObject(user=_BOB, seq=40_110),)),
            ),
            (Command(name="direct.open", i=30, body=DirectOpen(users=(_BOB,))), _DIRECT),
            (Command(name="direct.hide", i=64, body=DirectHide(channel=_DIRECT.id)), Done()),
            (
                Command(name="member.add", i=8, body=MemberAdd(channel=_CHANNEL, users=(_BOB,))),
                Members(members=(_MEMBER,)),
            ),
            (
                Command(
                    name="member.remove", i=9, body=MemberRemove(channel=_CHANNEL, users=(_BOB,))
                ),
                Members(members=(_GONE,)),
            ),
            (
                Command(name="member.list", i=10, body=MemberList(channel=_CHANNEL)),
                MemberPage(items=(_MEMBER,)),
            ),
            (
                Command(
                    name="member.update",
                    i=37,
                    body=MemberUpdate(channel=_CHANNEL, user=_BOB, role="moderator"),
                ),
                Members(members=(_PROMOTED,)),
            ),
            (
                Command(name="member.ban", i=38, body=MemberBan(channel=_CHANNEL, user=_BOB)),
                Members(members=(_BANNED,)),
            ),
            (
                Command(name="member.unban", i=39, body=MemberUnban(channel=_CHANNEL, user=_BOB)),
                Members(members=(structs.replace(_BANNED, banned=False, rev=48_231),)),
            ),
            (
                Command(name="member.banned", i=40, body=MemberBanned(channel=_CHANNEL)),
                MemberPage(items=(_BANNED,)),
            ),
            (
                Command(
                    name="message.send",
                    i=11,
                    body=MessageSend(channel=_CHANNEL, text="hi @bob"),
                    key="0f8fad5b",
                ),
                Receipt(id=_MESSAGE, seq=40_111, nth=39_801, rev=48_220, created_at=_AT),
            ),
            (
                Command(
                    name="message.get", i=12, body=MessageGet(channel=_CHANNEL, message=_MESSAGE)
                ),
                _POST,
            ),
            (
                Command(
                    name="message.history",
                    i=13,
                    body=MessageHistory(channel=_CHANNEL, before=40_112, limit=1),
                ),
                History(items=(_POST,), has_before=True, has_after=False, rev=48_220),
            ),
            (
                Command(
                    name="message.edit",
                    i=17,
                    body=MessageEdit(channel=_CHANNEL, message=_MESSAGE, text="hello @bob"),
                ),
                _EDITED,
            ),
            (
                Command(
                    name="message.delete",
                    i=18,
                    body=MessageDelete(channel=_CHANNEL, message=_MESSAGE),
                ),
                _DELETED,
            ),
            (
                Command(
                    name="message.editions",
                    i=19,
                    body=MessageEditions(channel=_CHANNEL, message=_MESSAGE),
                ),
                Editions(items=(EditionObject(text="hi", written_at=_AT),)),
            ),
            (
                Command(
                    name="reaction.add",
                    i=20,
                    body=ReactionAdd(channel=_CHANNEL, message=_MESSAGE, reaction="+1"),
                ),
                Done(),
            ),
            (
                Command(
                    name="reaction.remove",
                    i=21,
                    body=ReactionRemove(channel=_CHANNEL, message=_MESSAGE, reaction="+1"),
                ),
                Done(),
            ),
            (
                Command(name="pin.add", i=22, body=PinAdd(channel=_CHANNEL, message=_MESSAGE)),
                _EDITED,
            ),
            (
                Command(
                    name="pin.remove", i=23, body=PinRemove(channel=_CHANNEL, message=_MESSAGE)
                ),
                _POST,
            ),
            (
                Command(name="pin.list", i=24, body=PinList(channel=_CHANNEL)),
                MessagePage(items=(_EDITED,)),
            ),
            (
                Command(
                    name="message.save",
                    i=32,
                    body=MessageSave(channel=_CHANNEL, message=_MESSAGE),
                ),
                Done(),
            ),
            (
                Command(
                    name="message.unsave",
                    i=33,
                    body=MessageUnsave(channel=_CHANNEL, message=_MESSAGE),
                ),
                Done(),
            ),
            (
                Command(name="message.saved", i=34, body=MessageSaved()),
                SavedPage(items=(SavedObject(message=_POST, saved_at=_AT),)),
            ),
            (
                Command(
                    name="message.report",
                    i=41,
                    body=MessageReport(channel=_CHANNEL, message=_MESSAGE, reason="spam"),
                ),
                Done(),
            ),
            (
                Command(
                    name="message.search",
                    i=43,
                    body=MessageSearch(query="hi from:@alice after:2025-11-01"),
                ),
                MessagePage(items=(_POST,)),
            ),
            (
                Command(
                    name="draft.set", i=45, body=DraftSet(channel=_CHANNEL, text="I have been")
                ),
                _DRAFT,
            ),
            (Command(name="draft.list", i=46, body=DraftList()), DraftPage(items=(_DRAFT,))),
            (
                Command(
                    name="schedule.create",
                    i=60,
                    key="0f8fad60",
                    body=ScheduleCreate(channel=_CHANNEL, text="good morning", send_at=_LATER),
                ),
                _SCHEDULED,
            ),
            (
                Command(name="schedule.list", i=61, body=ScheduleList()),
                ScheduledPage(items=(_SCHEDULED,)),
            ),
            (
                Command(
                    name="schedule.update",
                    i=62,
                    body=ScheduleUpdate(schedule=_JOB, text="good morning"),
                ),
                _SCHEDULED,
            ),
            (
                Command(name="schedule.cancel", i=63, body=ScheduleCancel(schedule=_JOB)),
                structs.replace(_SCHEDULED, state="cancelled", text=""),
            ),
            (
                Command(name="notification.list", i=50, body=NotificationList()),
                NotificationPage(items=(_NOTIFICATION,)),
            ),
            (
                Command(
                    name="notification.read",
                    i=51,
                    body=NotificationRead(notifications=(_NOTIFICATION.id,)),
                ),
                NotificationsLeft(unread=1),
            ),
            (
                Command(
                    name="channel.notify",
                    i=52,
                    body=ChannelNotify(channel=_CHANNEL, level="none", until_at=_AT + 3_600_000),
                ),
                _NOTIFY,
            ),
            (
                Command(name="thread.list", i=25, body=ThreadList()),
                ThreadPage(items=(_THREAD,)),
            ),
            (
                Command(
                    name="thread.read",
                    i=26,
                    body=ThreadRead(channel=_CHANNEL, message=_MESSAGE, seq=40_113),
                ),
                _THREAD,
            ),
            (
                Command(
                    name="thread.follow",
                    i=27,
                    body=ThreadFollow(channel=_CHANNEL, message=_MESSAGE, following=True),
                ),
                _THREAD,
            ),
            (Command(name="typing.start", i=14, body=TypingStart(channel=_CHANNEL)), Done()),
            (
                Command(
                    name="presence.set",
                    i=35,
                    body=PresenceSet(
                        state="dnd",
                        status=StatusSet(text="in a meeting", emoji="\N{CALENDAR}", expires_at=_AT),
                    ),
                ),
                Done(),
            ),
            (
                Command(name="presence.get", i=36, body=PresenceGet(user=_BOB)),
                PresenceObject(user=_BOB, state="away"),
            ),
            (
                Command(name="focus", i=15, body=Focus(channels=(_CHANNEL,), users=(_BOB,))),
                Done(),
            ),
            *UPLOAD_COMMANDS,
        )
    }
)

REFUSAL_EXAMPLE: Final = Reply(
    i=16,
    problem=problem(
        "bad_request",
        "must be the id of a channel",
        field="channel",
        request_id="01kc3vd7n2",
    ),
)

EVENT_EXAMPLES: Final[Mapping[str, Event]] = MappingProxyType(
    {
        event.name: event
        for event in (
            Event(
                name="message.created", rev=48_220, body=MessageEvent(message=_POST), key="0f8fad5b"
            ),
            Event(name="message.updated", rev=48_225, body=MessageEvent(message=_EDITED)),
            Event(name="message.deleted", rev=48_226, body=MessageEvent(message=_DELETED)),
            Event(
                name="member.joined",
                rev=48_221,
                body=MemberEvent(channel=_CHANNEL, members=(_MEMBER,)),
            ),
            Event(
                name="member.left",
                rev=48_222,
                body=MemberEvent(channel=_CHANNEL, members=(_GONE,)),
            ),
            Event(
                name="member.updated",
                rev=48_228,
                body=MemberEvent(channel=_CHANNEL, members=(_PROMOTED,)),
            ),
            Event(name="channel.updated", rev=48_223, body=ChannelEvent(channel=_INFO)),
            Event(name="channel.archived", rev=48_229, body=ChannelEvent(channel=_CLOSED)),
            Event(name="rev.skipped", rev=48_224, body=ChannelRef(channel=_CHANNEL)),
            Event(name="sync.page", body=_MISSED),
            Event(name="sync.reset", body=SyncReset(channel=_CHANNEL, rev=41_020)),
            Event(name="channel.added", body=ChannelAdded(channel=_OVERVIEW)),
            Event(name="channel.removed", body=ChannelRef(channel=_CHANNEL)),
            Event(name="read.updated", body=_READ),
            Event(name="draft.updated", body=_DRAFT),
            Event(name="schedule.updated", body=_SCHEDULED),
            Event(
                name="notification.created",
                body=NotificationCreated(notification=_NOTIFICATION, unread=2),
            ),
            Event(
                name="notification.read",
                body=NotificationsRead(notifications=(_NOTIFICATION.id,), unread=1),
            ),
            Event(name="notify.updated", body=_NOTIFY),
            Event(name="thread.updated", body=_THREAD),
            *FILE_EVENTS,
            Event(name="typing.started", body=Typing(channel=_CHANNEL, user=_BOB)),
            Event(name="seen.updated", body=SeenEvent(channel=_CHANNEL, user=_BOB, seq=40_111)),
            Event(
                name="presence.updated",
                body=PresenceObject(
                    user=_BOB,
                    state="dnd",
                    status=StatusObject(text="in a meeting", emoji="\N{CALENDAR}", expires_at=_AT),
                ),
            ),
            *UPLOAD_EVENTS,
            Event(name="auth.expiring", body=AuthExpiring(in_ms=60_000)),
            Event(name="server.notice", body=ServerNotice(text="Maintenance at noon")),
        )
    }
)
