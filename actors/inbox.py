"""The actor that keeps one user's read markers and passes hints on to the user's sessions."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from streamhub.actors.context import Context, Token
from streamhub.domain.channels import ChannelStore, Hint, Outbox, Overview, ReadMarker
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import (
    BROKEN,
    ChannelAdded,
    ChannelRemoved,
    Marked,
    MarkRead,
    Problem,
    ReadUpdated,
    TakeHint,
)

_NOT_A_MEMBER: Final = Problem(
    code="not_found", detail="there is no such channel, or it is not for you", field="channel"
)


class InboxActor:
    """One user's read markers and hints.

    What it publishes is absolute state read from rows, so it may come twice or get lost. Marks
    that arrive while a write is under way are written together by the next. A hint is forgotten
    only after its rows were read and published.
    """

    def __init__(self, user: UserId, store: ChannelStore, outbox: Outbox) -> None:
        self._user = user
        self._store = store
        self._outbox = outbox
        self._marks: dict[ChannelId, int] = {}
        self._waiting: list[tuple[ChannelId, Token]] = []
        self._hints: dict[int, Hint] = {}
        self._writing = False
        self._reading = False

    def handle(self, message: Any, ctx: Context) -> None:
        self._handlers[type(message)](self, message, ctx)

    def closed(self) -> None:
        """Nothing is held of the host."""

    # -- read markers -----------------------------------------------------------------------

    def on_mark_read(self, mark: MarkRead, ctx: Context) -> None:
        self._marks[mark.channel] = max(mark.seq, self._marks.get(mark.channel, 0))
        self._waiting.append((mark.channel, ctx.take_reply()))
        self._write_marks(ctx)

    def _write_marks(self, ctx: Context) -> None:
        if self._writing or not self._marks:
            return
        self._writing = True
        marks, self._marks = tuple(self._marks.items()), {}
        waiting, self._waiting = self._waiting, []

        def then(markers: Sequence[ReadMarker], ctx: Context) -> None:
            self._writing = False
            found = {marker.channel: marker for marker in markers}
            for channel, token in waiting:
                marker = found.get(channel)
                ctx.answer(token, Marked(marker=marker) if marker else _NOT_A_MEMBER)
            for marker in markers:
                ctx.publish(ReadUpdated(marker=marker))
            self._write_marks(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._writing = False
            problem = Problem.of(error) if isinstance(error, StreamHubError) else BROKEN
            for _, token in waiting:
                ctx.answer(token, problem)
            self._write_marks(ctx)

        ctx.run(lambda: self._store.mark_read(self._user, marks), then, failed)

    # -- hints ------------------------------------------------------------------------------

    def on_hint(self, take: TakeHint, ctx: Context) -> None:
        self._hints[take.hint.number] = take.hint
        self._read_hints(ctx)

    def _read_hints(self, ctx: Context) -> None:
        if self._reading or not self._hints:
            return
        self._reading = True
        hints, self._hints = tuple(self._hints.values()), {}

        def then(events: list[ChannelAdded | ChannelRemoved | ReadUpdated], ctx: Context) -> None:
            self._reading = False
            for event in events:
                ctx.publish(event)
            ctx.run(
                lambda: self._outbox.taken([hint.number for hint in hints]),
                lambda _, ctx: None,
                lambda error, ctx: None,  # the outbox's sweep brings them again
            )
            self._read_hints(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._reading = False  # the outbox's sweep brings them again

        ctx.run(lambda: self._news(hints), then, failed)

    async def _news(
        self, hints: Sequence[Hint]
    ) -> list[ChannelAdded | ChannelRemoved | ReadUpdated]:
        """What the rows say now about each channel that was hinted at."""
        moved = dict.fromkeys(h.channel for h in hints if h.kind != "mentioned")
        mentioned = dict.fromkeys(h.channel for h in hints if h.kind == "mentioned")
        news: list[ChannelAdded | ChannelRemoved | ReadUpdated] = []
        for channel in moved:
            overview: Overview | None = await self._store.overview(channel, self._user)
            news.append(
                ChannelAdded(overview=overview) if overview else ChannelRemoved(channel=channel)
            )
        markers = await self._store.mark_read(
            self._user, [(channel, 0) for channel in mentioned if channel not in moved]
        )
        news.extend(ReadUpdated(marker=marker) for marker in markers)
        return news

    _handlers: Final[dict[type, Callable[["InboxActor", Any, Context], None]]] = {
        MarkRead: on_mark_read,
        TakeHint: on_hint,
    }
