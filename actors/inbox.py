"""The actor that keeps one user's read markers and passes hints on to the user's sessions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from streamhub.actors.context import Context, Token
from streamhub.actors.drafting import Drafting
from streamhub.actors.notifying import Notices, Notifying
from streamhub.actors.scheduling import Scheduling
from streamhub.actors.settling import Settling
from streamhub.domain.changes import Hint
from streamhub.domain.channel_store import ChannelStore, Outbox
from streamhub.domain.channels import ReadMarker, Thread
from streamhub.domain.errors import StreamHubError
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.ids import NOTIFICATION, ChannelId, MessageId, NotificationId, UserId
from streamhub.domain.kept_drafts import DraftStore
from streamhub.domain.messages import (
    BROKEN,
    AwayChanged,
    ChannelAdded,
    ChannelRemoved,
    Done,
    KeepDraft,
    Marked,
    MarkRead,
    MarkThread,
    MarkUnread,
    NotificationCreated,
    NotificationsRead,
    Problem,
    ReadNotifications,
    ReadUpdated,
    Seen,
    SetAway,
    SetNotify,
    TakeHint,
    channel_actor,
)
from streamhub.domain.notifications import NotificationStore
from streamhub.domain.reading import Marking, read_up_to, unread_from
from streamhub.domain.schedule_messages import (
    CancelJob,
    ChangeJob,
    KeepJob,
    OfSchedule,
    ShowJob,
)
from streamhub.domain.scheduling import JobStore
from streamhub.domain.upload_messages import UploadProgress

_COUNTED: Final = ("mentioned", "unmentioned")
"""Hints after which the count of mentions is another."""

_MOVES: Final = ("channel_added", "channel_removed")
"""Hints that are about belonging to a channel."""

_UNKNOWN: Final = Problem(code="not_found", detail="there is no such notification", field="up_to")

_NOT_A_MEMBER: Final = Problem(
    code="not_found", detail="there is no such channel, or it is not for you", field="channel"
)


class _News(NamedTuple):
    """What the stores said: read markers, channels the user was added to or removed from, and what
    became of the notifications."""

    markers: Sequence[ReadMarker]
    channels: Sequence[ChannelAdded | ChannelRemoved]
    notices: Notices


class InboxActor:
    """One user's read markers, notifications, drafts, scheduled sends and hints.

    What it publishes is absolute state read from rows, in the order it was read: it may come twice
    or get lost, but never an older one after a newer. What arrives while the store is at work is
    done together by the next turn. A hint is forgotten only after its rows were published, to
    all who listen: not by an owner that an unread view has replaced. `view` is the version read.
    """

    def __init__(
        self,
        user: UserId,
        store: ChannelStore,
        outbox: Outbox,
        drafts: DraftStore,
        jobs: JobStore,
        notifications: NotificationStore,
        view: Callable[[], int],
    ) -> None:
        self._user = user
        self._store = store
        self._outbox = outbox
        self._view = view
        self._drafting = Drafting(user, drafts)
        self._scheduling = Scheduling(user, jobs)
        self._notifying = Notifying(user, notifications)
        self._settling = Settling(user, store, notifications, self._read_thread)
        self._marks: dict[ChannelId, Marking] = {}
        self._waiting: list[tuple[ChannelId, Token]] = []
        self._threads: dict[tuple[ChannelId, MessageId], int] = {}
        self._reading: list[tuple[ReadNotifications, Token]] = []
        self._hints: dict[int, Hint] = {}
        self._busy = False

    def handle(self, message: Any, ctx: Context) -> None:
        self._handlers[type(message)](self, message, ctx)

    def closed(self) -> None:
        """Nothing is held of the host."""

    def on_mark_read(self, mark: MarkRead, ctx: Context) -> None:
        self._mark(mark.channel, read_up_to(mark.seq), ctx)

    def on_mark_unread(self, mark: MarkUnread, ctx: Context) -> None:
        self._mark(mark.channel, unread_from(mark.seq), ctx)

    def on_hint(self, take: TakeHint, ctx: Context) -> None:
        self._hints[take.hint.number] = take.hint
        self._turn(ctx)

    def on_read(self, read: ReadNotifications, ctx: Context) -> None:
        self._reading.append((read, ctx.take_reply()))
        self._turn(ctx)

    def on_wish(self, wish: MarkThread | SetNotify, ctx: Context) -> None:
        self._settling.take(wish, ctx)

    def on_keep_draft(self, keep: KeepDraft, ctx: Context) -> None:
        self._drafting.take(keep, ctx)

    def on_schedule(self, asked: OfSchedule, ctx: Context) -> None:
        self._scheduling.take(asked, ctx)

    def on_set_away(self, said: SetAway, ctx: Context) -> None:
        ctx.publish(AwayChanged(away=said.away))
        ctx.reply(Done())

    def on_told(self, told: UploadProgress | FileChanged | QuotaUpdated, ctx: Context) -> None:
        ctx.publish(told)

    # -- private ----------------------------------------------------------------------------

    def _mark(self, channel: ChannelId, marking: Marking, ctx: Context) -> None:
        self._marks[channel] = self._marks.get(channel, Marking()).then(marking)
        self._waiting.append((channel, ctx.take_reply()))
        self._turn(ctx)

    def _turn(self, ctx: Context) -> None:
        """Do all that waits, unless the store is at work for us."""
        if self._busy or not (self._marks or self._hints or self._threads or self._reading):
            return
        self._busy = True
        marks, self._marks = self._marks, {}
        waiting, self._waiting = self._waiting, []
        threads, self._threads = self._threads, {}
        reading, self._reading = self._reading, []
        hints, self._hints = tuple(self._hints.values()), {}

        def new_id() -> NotificationId:
            return NotificationId(ctx.new_id(NOTIFICATION))

        def then(news: _News, ctx: Context) -> None:
            self._busy = False
            found = {marker.channel: marker for marker in news.markers}
            for channel, token in waiting:
                marker = found.get(channel)
                ctx.answer(token, Marked(marker=marker) if marker else _NOT_A_MEMBER)
            for marker in news.markers:
                ctx.publish(ReadUpdated(marker=marker))
                if marker.shown and marker.channel in marks:
                    seen = Seen(user=self._user, seq=marker.read_seq)
                    ctx.tell(channel_actor(marker.channel), seen)
            for event in news.channels:
                ctx.publish(event)
            self._tell(news.notices, [token for _, token in reading], ctx)
            self._forget(hints, ctx)
            self._turn(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            """The outbox's sweep brings the hints again."""
            self._busy = False
            problem = Problem.of(error) if isinstance(error, StreamHubError) else BROKEN
            for token in (*(token for _, token in waiting), *(token for _, token in reading)):
                ctx.answer(token, problem)
            self._turn(ctx)

        asked, now_ms = [read for read, _ in reading], ctx.now_ms
        ctx.run(lambda: self._news(marks, hints, threads, asked, now_ms, new_id), then, failed)

    def _read_thread(self, thread: Thread, seq: int, ctx: Context) -> None:
        place = (thread.root.channel, thread.root.id)
        self._threads[place] = max(seq, self._threads.get(place, 0))
        self._turn(ctx)

    def _tell(self, notices: Notices, reading: Sequence[Token], ctx: Context) -> None:
        unread = notices.unread
        if unread is None:
            return
        read = NotificationsRead(notifications=tuple(notices.gone), unread=unread)
        for token, known in zip(reading, notices.known, strict=True):
            ctx.answer(token, read if known else _UNKNOWN)
        for one in notices.created:
            ctx.publish(NotificationCreated(notification=one, unread=unread))
        if notices.gone:
            ctx.publish(read)

    async def _news(
        self,
        marks: Mapping[ChannelId, Marking],
        hints: Sequence[Hint],
        threads: Mapping[tuple[ChannelId, MessageId], int],
        asked: Sequence[ReadNotifications],
        now_ms: int,
        new_id: Callable[[], NotificationId],
    ) -> _News:
        """Write the marks, and read what the hints are about."""
        moved = dict.fromkeys(hint.channel for hint in hints if hint.kind in _MOVES)
        wanted = {hint.channel: Marking() for hint in hints if hint.kind in _COUNTED} | dict(marks)
        markers: Sequence[ReadMarker] = ()
        if wanted:
            markers = await self._store.mark_read(self._user, tuple(wanted.items()))
        channels: list[ChannelAdded | ChannelRemoved] = []
        for channel in moved:
            overview = await self._store.overview(channel, self._user)
            channels.append(
                ChannelAdded(overview=overview) if overview else ChannelRemoved(channel=channel)
            )
        read = {one.channel: one.read_seq for one in markers if _reads(marks.get(one.channel))}
        notices = await self._notifying.turn(hints, read, threads, asked, now_ms, new_id)
        return _News(markers, channels, notices)

    def _forget(self, hints: Sequence[Hint], ctx: Context) -> None:
        numbers = [hint.number for hint in hints if hint.number]
        if numbers:
            view = self._view()
            ctx.run(lambda: self._outbox.taken(numbers, view), _ignore, _ignore)

    _handlers: Final[dict[type, Callable[["InboxActor", Any, Context], None]]] = {
        MarkRead: on_mark_read,
        MarkUnread: on_mark_unread,
        TakeHint: on_hint,
        ReadNotifications: on_read,
        SetNotify: on_wish,
        MarkThread: on_wish,
        KeepDraft: on_keep_draft,
        KeepJob: on_schedule,
        ChangeJob: on_schedule,
        CancelJob: on_schedule,
        ShowJob: on_schedule,
        SetAway: on_set_away,
        UploadProgress: on_told,
        FileChanged: on_told,
        QuotaUpdated: on_told,
    }


def _reads(marking: Marking | None) -> bool:
    """Whether it marks something as read, too."""
    return marking is not None and marking.at_least > 0


def _ignore(result: object, ctx: Context) -> None:
    """What is not taken out of the outbox now comes again."""
