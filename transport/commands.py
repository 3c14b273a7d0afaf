"""The commands of the wire, carried out the same way for sockets and for REST.

A command either asks an actor, and its answer is given on at once, so that it precedes the events
it caused; or it reads, and takes a while.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from streamhub.domain.access import Standing, check_right
from streamhub.domain.changes import Hint
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Changes, Channel, History, Mention, Rules
from streamhub.domain.errors import Refused
from streamhub.domain.files import FileStore
from streamhub.domain.hiding import HidingStore
from streamhub.domain.ids import (
    CHANNEL,
    RANDOM_BYTES,
    ChannelId,
    FileId,
    MessageId,
    UserId,
    make_id,
)
from streamhub.domain.kept_drafts import DraftStore
from streamhub.domain.membership import MAX_CHANNELS_PER_USER
from streamhub.domain.mentions import handles_in, mentions_in
from streamhub.domain.messages import (
    AddMembers,
    Answer,
    Marked,
    MarkRead,
    MarkUnread,
    Post,
    Problem,
    RemoveMembers,
    TakeHint,
    Typing,
    channel_actor,
    counts_as_unread,
    inbox_actor,
)
from streamhub.domain.notifications import NotificationStore
from streamhub.domain.people import People
from streamhub.domain.presence import PresenceStore
from streamhub.domain.replies import ReplyStore
from streamhub.domain.reports import ReportStore
from streamhub.domain.scheduling import JobStore
from streamhub.domain.search import SearchStore
from streamhub.domain.sync import fitting, reset_to, trimmed
from streamhub.protocol import frames, managing, notifying, revising, scheduling, threads
from streamhub.protocol.codec import body_digest
from streamhub.protocol.tables import COMMANDS
from streamhub.transport import wire
from streamhub.transport.asking import Asking
from streamhub.transport.commands_directs import Directs
from streamhub.transport.commands_drafting import DraftingCommands
from streamhub.transport.commands_managing import ManagingCommands, members
from streamhub.transport.commands_notifying import NotifyingCommands
from streamhub.transport.commands_presence import PresenceCommands
from streamhub.transport.commands_reporting import ReportingCommands
from streamhub.transport.commands_revising import RevisingCommands
from streamhub.transport.commands_saving import SavingCommands
from streamhub.transport.commands_scheduling import SchedulingCommands
from streamhub.transport.commands_searching import SearchingCommands
from streamhub.transport.commands_threads import ThreadCommands
from streamhub.transport.pipeline import Pipelines, Turn
from streamhub.transport.requests import Outcome, Request, found

SYNC_CHANGES: Final = 100
SYNC_BYTES: Final = 64 * 1024
HISTORY_BYTES: Final = 256 * 1024
"""Of text in UTF-8; JSON's escapes at most double it, so a page fits a frame."""

NAMES: Final = {spec.body: name for name, spec in COMMANDS.items()}
"""What each body is called on the wire, and in the table of rights."""

_KEY_BYTES: Final = 12


class Commands:
    """Carries out commands of users whose token was checked.

    What the account as such may do is checked here; what depends on a channel, by the actor or the
    store that holds it. Unknown and forbidden look the same.
    """

    def __init__(
        self,
        *,
        asking: Asking,
        store: ChannelStore,
        people: People,
        replies: ReplyStore,
        reports: ReportStore,
        drafts: DraftStore,
        scheduled: JobStore,
        hiding: HidingStore,
        notifications: NotificationStore,
        search: SearchStore,
        files: FileStore,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        edit_within_ms: int | None = None,
        presence: PresenceStore | None = None,
    ) -> None:
        """`presence` None: nobody sees who is there."""
        self._asking = asking
        self._store = store
        self._notifications = notifications
        self._people = people
        self._replies = replies
        self._files = files
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        changing = RevisingCommands(store, people, edit_within_ms=edit_within_ms)
        self._scheduling = SchedulingCommands(store, scheduled, people, now_ms, random_bytes)
        self._others = {
            **changing.handlers,
            **ThreadCommands(store).handlers,
            **SavingCommands(store, now_ms).handlers,
            **ManagingCommands(store, people).handlers,
            **DraftingCommands(drafts).handlers,
            **self._scheduling.handlers,
            **NotifyingCommands(notifications).handlers,
            **ReportingCommands(store, reports, now_ms, random_bytes).handlers,
            **PresenceCommands(presence, now_ms).handlers,
            **SearchingCommands(search, people).handlers,
        }
        self._directs = Directs(
            asking=asking,
            store=store,
            people=people,
            hiding=hiding,
            check_room=self._check_room,
            now_ms=now_ms,
            random_bytes=random_bytes,
        )

    def begin(self, standing: Standing, body: frames.Incoming, key: str | None) -> Outcome:
        """What must be done for a command. Awaiting may raise StreamHubError.

        Raises Refused: forbidden, suspended, unauthenticated.
        """
        check_right(standing, NAMES[type(body)])
        if key is not None and type(body) in _REMEMBERED:
            return self._once(standing, body, key)
        return self._begun(standing, body, key)

    def _begun(self, standing: Standing, body: frames.Incoming, key: str | None) -> Outcome:
        if handler := self._handlers.get(type(body)):
            return handler(self, standing.user, body, key or self._fresh_key())
        other = self._others.get(type(body))
        if other is None:
            raise Refused("bad_request", "uploads have a socket of their own: /v1/uploads/ws")
        return other(standing, body)

    async def perform(
        self, standing: Standing, body: frames.Incoming, key: str | None = None
    ) -> frames.Outgoing:
        """Carry a command out and wait for its reply. Raises StreamHubError."""
        return await self._finished(self.begin(standing, body, key))

    async def _finished(self, outcome: Outcome) -> frames.Outgoing:
        if not isinstance(outcome, Request):
            answer = await outcome
            if not isinstance(answer, Request):
                return answer
            outcome = answer
        result: frames.Outgoing = outcome.reply(
            await self._asking.request(outcome.to, outcome.message)
        )
        return result

    def pipelines(self) -> Pipelines:
        """For the messages of one client, which are to keep their order."""
        return self._asking.pipelines()

    def ask(
        self,
        request: Request,
        done: Callable[[frames.Outgoing | Problem], None],
        turn: Turn | None = None,
    ) -> None:
        """Ask, for a message when it is its turn, and give the reply on in the same breath."""

        def answered(answer: Answer) -> None:
            done(answer if isinstance(answer, Problem) else request.reply(answer))

        if turn is None:
            self._asking.ask(request.to, request.message, answered)
        else:
            turn.give(request.to, request.message, answered)

    async def _once(self, standing: Standing, body: frames.Incoming, key: str) -> frames.Outgoing:
        """Carry a command out once a day for its key; again, it gets the first reply."""
        user, digest = standing.user, body_digest(body)
        kept = await self._replies.first(user, key, digest)
        if kept is None:
            reply = await self._finished(self._begun(standing, body, key))
            said = msgspec.msgpack.encode(reply)
            kept = await self._replies.keep(user, key, digest, said)
            if kept == said:
                return reply
        return msgspec.msgpack.decode(kept, type=_REMEMBERED[type(body)])

    # -- channels ---------------------------------------------------------------------------

    async def _create(self, user: UserId, body: frames.ChannelCreate, key: str) -> frames.Outgoing:
        await self._check_room((user,))
        now_ms = self._now_ms()
        channel = await self._store.create(
            Channel(
                id=ChannelId(make_id(CHANNEL, now_ms, self._random_bytes(RANDOM_BYTES))),
                kind="channel",
                visibility=body.visibility,
                created_by=user,
                created_at=now_ms,
                name=body.name,
                topic=body.topic,
                rules=Rules(history=body.history or "joined"),
            ),
            key=key,
            digest=body_digest(body),
        )
        hint = Hint(number=0, user=user, kind="channel_added", channel=channel.id)
        self._asking.tell(inbox_actor(user), TakeHint(hint=hint))
        return wire.channel_object(channel)

    async def _get(self, user: UserId, body: frames.ChannelGet, key: str) -> frames.Outgoing:
        channel = found(await self._store.get(ChannelId(body.channel), user), "channel")
        levels = await self._notifications.levels(user, [channel.id])
        return wire.channel_object(channel, levels.get(channel.id))

    async def _list(self, user: UserId, body: frames.ChannelList, key: str) -> frames.Outgoing:
        page = await self._store.discover(user, body.cursor, body.limit)
        levels = await self._notifications.levels(user, [one.id for one in page.items])
        items = tuple(wire.channel_object(one, levels.get(one.id)) for one in page.items)
        return frames.ChannelPage(items=items, next_cursor=page.next_cursor)

    async def _join(self, user: UserId, body: frames.ChannelJoin, key: str) -> frames.Outgoing:
        await self._check_room((user,))
        channel = ChannelId(body.channel)
        join = AddMembers(by=user, users=(user,))
        await self._asking.request(channel_actor(channel), join)
        return wire.channel_object(found(await self._store.get(channel, user), "channel"))

    def _leave(self, user: UserId, body: frames.ChannelLeave, key: str) -> Outcome:
        leave = RemoveMembers(by=user, users=(user,))
        return Request(channel_actor(ChannelId(body.channel)), leave, _done)

    async def _sync(self, user: UserId, body: frames.ChannelSync, key: str) -> frames.Outgoing:
        channel = ChannelId(body.channel)
        page = await self._store.changes(channel, user, body.rev, SYNC_CHANGES)
        changes: Changes = found(page, "channel")
        if (head := reset_to(changes, user)) is not None:
            return frames.SyncPage(
                channel=channel,
                from_rev=body.rev,
                to_rev=head,
                messages=(),
                members=(),
                more=False,
                reset=True,
            )
        return wire.sync_page(channel, trimmed(changes, SYNC_BYTES))

    def _read(self, user: UserId, body: frames.ChannelRead, key: str) -> Outcome:
        mark = MarkRead(channel=ChannelId(body.channel), seq=body.seq)
        return Request(inbox_actor(user), mark, _marked)

    def _unread(self, user: UserId, body: frames.ChannelMarkUnread, key: str) -> Outcome:
        mark = MarkUnread(channel=ChannelId(body.channel), seq=body.seq)
        return Request(inbox_actor(user), mark, _marked)

    async def _seen(self, user: UserId, body: frames.ChannelSeen, key: str) -> frames.Outgoing:
        seen = found(await self._store.seen(ChannelId(body.channel), user), "channel")
        return frames.SeenList(
            items=tuple(frames.SeenObject(user=one.user, seq=one.seq) for one in seen)
        )

    def _open_direct(self, user: UserId, body: frames.DirectOpen, key: str) -> Outcome:
        return self._directs.open(user, body)

    def _hide_direct(self, user: UserId, body: frames.DirectHide, key: str) -> Outcome:
        return self._directs.hide(user, body)

    # -- members ----------------------------------------------------------------------------

    async def _add(self, user: UserId, body: frames.MemberAdd, key: str) -> Request:
        users = tuple(UserId(name) for name in body.users)
        known = await self._people.by_ids(users)
        for at, name in enumerate(users):
            if name not in known:
                raise Refused("not_found", "there is no such user", field=f"users[{at}]")
        await self._check_room(users)
        add = AddMembers(by=user, users=users)
        return Request(channel_actor(ChannelId(body.channel)), add, members)

    async def _member_list(
        self, user: UserId, body: frames.MemberList, key: str
    ) -> frames.Outgoing:
        channel = ChannelId(body.channel)
        page = found(await self._store.members(channel, user, body.cursor, body.limit), "channel")
        items = tuple(wire.member_object(member) for member in page.items)
        return frames.MemberPage(items=items, next_cursor=page.next_cursor)

    # -- messages ---------------------------------------------------------------------------

    def _send(self, user: UserId, body: frames.MessageSend, key: str) -> Outcome:
        if not body.text and not body.files:
            raise Refused("bad_request", "say something, or attach a file", field="text")
        if body.files:
            return self._send_attaching(user, body, key)
        if handles := handles_in(body.text):
            return self._send_mentioning(user, body, key, handles)
        return _post(user, body, key, ())

    async def _send_attaching(self, user: UserId, body: frames.MessageSend, key: str) -> Request:
        kept = await self._files.kept(user, tuple(map(FileId, body.files)))
        for at, file in enumerate(body.files):
            if file not in kept or file in body.files[:at]:
                raise Refused("not_found", "you have no such file", field=f"files[{at}]")
        if handles := handles_in(body.text):
            return await self._send_mentioning(user, body, key, handles)
        return _post(user, body, key, ())

    async def _send_mentioning(
        self, user: UserId, body: frames.MessageSend, key: str, handles: frozenset[str]
    ) -> Request:
        people = await self._people.by_handles(handles)
        return _post(user, body, key, mentions_in(body.text, people))

    def _schedule(self, user: UserId, body: scheduling.ScheduleCreate, key: str) -> Outcome:
        return self._scheduling.create(user, body, key)

    async def _message(self, user: UserId, body: frames.MessageGet, key: str) -> frames.Outgoing:
        message = found(await self._store.message(MessageId(body.message), user), "message")
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
        return wire.message_object(message)

    async def _history(
        self, user: UserId, body: frames.MessageHistory, key: str
    ) -> frames.Outgoing:
        channel, anchors = (
            ChannelId(body.channel),
            {
                "before": body.before,
                "after": body.after,
                "around": body.around,
            },
        )
        if body.thread is None:
            page = await self._store.history(channel, user, **anchors, limit=body.limit)
        else:
            root = MessageId(body.thread)
            page = await self._store.replies(channel, root, user, **anchors, limit=body.limit)
        asked: History = found(page, "channel")
        fits = fitting(asked, HISTORY_BYTES, after=body.after, around=body.around)
        return wire.history(fits)

    async def _typing(self, user: UserId, body: frames.TypingStart, key: str) -> frames.Outgoing:
        self._asking.tell(channel_actor(ChannelId(body.channel)), Typing(user=user))
        return frames.Done()

    # -- private ----------------------------------------------------------------------------

    async def _check_room(self, users: tuple[UserId, ...]) -> None:
        for user, count in (await self._store.memberships(users)).items():
            if count >= MAX_CHANNELS_PER_USER:
                detail = f"{user} is in {count} channels; {MAX_CHANNELS_PER_USER} is the most"
                raise Refused("limit_reached", detail)

    def _fresh_key(self) -> str:
        """For a command without one: the server's own retries need it."""
        return f"server-{self._random_bytes(_KEY_BYTES).hex()}"

    _handlers: Final[dict[type[frames.Incoming], Callable[..., Outcome]]] = {
        frames.ChannelCreate: _create,
        frames.ChannelGet: _get,
        frames.ChannelList: _list,
        frames.ChannelJoin: _join,
        frames.ChannelLeave: _leave,
        frames.ChannelSync: _sync,
        frames.ChannelRead: _read,
        frames.ChannelMarkUnread: _unread,
        frames.ChannelSeen: _seen,
        frames.DirectHide: _hide_direct,
        frames.DirectOpen: _open_direct,
        frames.MemberAdd: _add,
        frames.MemberList: _member_list,
        frames.MessageSend: _send,
        scheduling.ScheduleCreate: _schedule,
        frames.MessageGet: _message,
        frames.MessageHistory: _history,
        frames.TypingStart: _typing,
    }


_REMEMBERED: Final[Mapping[type[frames.Incoming], type[frames.Outgoing]]] = {
    spec.body: spec.reply
    for spec in COMMANDS.values()
    if spec.body
    in (
        frames.ChannelJoin,
        frames.ChannelLeave,
        frames.ChannelRead,
        frames.ChannelMarkUnread,
        frames.DirectHide,
        frames.DirectOpen,
        frames.MemberAdd,
        frames.MemberRemove,
        managing.ChannelUpdate,
        managing.ChannelArchive,
        managing.MemberUpdate,
        managing.MemberBan,
        managing.MemberUnban,
        revising.MessageEdit,
        revising.MessageDelete,
        revising.ReactionAdd,
        revising.ReactionRemove,
        revising.PinAdd,
        revising.PinRemove,
        scheduling.ScheduleUpdate,
        scheduling.ScheduleCancel,
        notifying.NotificationRead,
        threads.ThreadRead,
        threads.ThreadFollow,
    )
}
"""Commands that change something and whose rows keep no key: the first reply is kept for them."""


def _post(
    user: UserId, body: frames.MessageSend, key: str, mentions: tuple[Mention, ...]
) -> Request:
    post = Post(
        author=user,
        key=key,
        digest=body_digest(body),
        text=body.text,
        mentions=mentions,
        files=tuple(map(FileId, body.files)),
        thread=MessageId(body.thread) if body.thread else None,
        silent=body.silent,
        counts=counts_as_unread(
            silent=body.silent,
            in_thread=body.thread is not None,
            in_channel=body.in_channel,
            mentions=mentions,
        ),
        in_channel=body.in_channel and body.thread is not None,
    )
    return Request(channel_actor(ChannelId(body.channel)), post, wire.receipt)


def _done(answer: Answer) -> frames.Outgoing:
    return frames.Done()


def _marked(answer: Marked) -> frames.Outgoing:
    return wire.read_state(answer.marker)
