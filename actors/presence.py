"""The actor that tells those who look at a user whether it is there."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from streamhub.actors.context import Context, Token
from streamhub.domain.envelopes import Standing, Topic
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import UserId
from streamhub.domain.messages import (
    BROKEN,
    OVERLOADED,
    Answer,
    Done,
    GetPresence,
    PresenceUpdated,
    Problem,
    Reconsider,
    SetPresence,
)
from streamhub.domain.presence import Kept, PresenceStore, State, Whereabouts

REST_S: Final = 1.0
"""What comes sooner after something was told is told together."""

MAX_WAITING: Final = 64
"""Things said that are not kept yet."""


class Places(Protocol):
    """Where users are; see `actors.whereabouts`."""

    @property
    def in_doubt(self) -> bool: ...
    def of(self, user: UserId) -> Whereabouts: ...


class PresenceActor:
    """Whether one user is there: what it said, and where it is.

    It is awake while somebody looks, or the user says something. Those who listen get what is
    shown, and its changes at most once a second; nobody is told `offline` while in doubt. What the
    user says is kept before it is shown or answered, one thing after the other.
    """

    def __init__(self, user: UserId, kept: Kept, store: PresenceStore, places: Places) -> None:
        self._user = user
        self._kept = kept
        self._store = store
        self._places = places
        self._changes: deque[tuple[SetPresence, Token | None]] = deque()
        self._busy = False
        self._resting = False
        self._doubted = places.in_doubt
        self._shown = self._present()

    def standing(self, topic: Topic, since: int) -> Standing:
        """What is shown, if that is known."""
        return Standing(topic=topic, presence=self._shown)

    def handle(self, message: Any, ctx: Context) -> None:
        self._handlers[type(message)](self, message, ctx)

    def closed(self) -> None:
        """Nothing is held of the host."""

    def on_get(self, asked: GetPresence, ctx: Context) -> None:
        to_oneself = asked.by == self._user
        ctx.reply(self._seen(self._places.of(self._user), hidden=self._hidden and not to_oneself))

    def on_set(self, said: SetPresence, ctx: Context) -> None:
        if said.status is None and said.dnd in (None, self._kept.dnd) and not self._busy:
            ctx.reply(Done())
            return
        if len(self._changes) >= MAX_WAITING:
            raise OVERLOADED.error()
        self._changes.append((said, ctx.take_reply()))
        self._turn(ctx)

    def on_reconsider(self, told: Reconsider, ctx: Context) -> None:
        """What was read while in doubt may be older than what an earlier owner kept: again then."""
        if told.reload or (self._doubted and not self._places.in_doubt):
            self._doubted = False
            self._changes.append((SetPresence(), None))
            self._turn(ctx)
        self._show(ctx)

    # -- private ----------------------------------------------------------------------------

    @property
    def _hidden(self) -> bool:
        return not self._kept.shown

    def _seen(self, where: Whereabouts, *, hidden: bool) -> PresenceUpdated:
        if hidden:
            return PresenceUpdated(user=self._user, state="offline")
        state: State = "dnd" if self._kept.dnd and where != "offline" else where
        return PresenceUpdated(user=self._user, state=state, status=self._kept.status)

    def _present(self) -> PresenceUpdated | None:
        """What there is to show; None while that is in doubt."""
        where = self._places.of(self._user)
        if where == "offline" and self._places.in_doubt and not self._hidden:
            return None
        return self._seen(where, hidden=self._hidden)

    def _show(self, ctx: Context) -> None:
        present = self._present()
        if self._resting or present is None or present == self._shown:
            return
        self._shown = present
        self._resting = True
        ctx.publish(present)
        ctx.timer(REST_S, self._rested)

    def _rested(self, ctx: Context) -> None:
        self._resting = False
        self._show(ctx)

    def _turn(self, ctx: Context) -> None:
        """Keep the next thing that was said, and read what is kept since."""
        if self._busy or not self._changes:
            return
        self._busy = True
        said, token = self._changes.popleft()
        now_ms = ctx.now_ms

        async def work() -> Kept:
            if said.dnd is not None or said.status is not None:
                await self._store.keep(self._user, said.dnd, said.status)
            return await self._store.kept(self._user, now_ms)

        def then(kept: Kept, ctx: Context) -> None:
            self._kept = kept
            over(Done(), ctx)

        def failed(error: Exception, ctx: Context) -> None:
            if token is None:
                ctx.drop()  # whoever looks has it read anew
            over(Problem.of(error) if isinstance(error, StreamHubError) else BROKEN, ctx)

        def over(answer: Answer, ctx: Context) -> None:
            self._busy = False
            if token is not None:
                ctx.answer(token, answer)
            self._show(ctx)
            self._turn(ctx)

        ctx.run(work, then, failed)

    _handlers: Final[dict[type, Callable[["PresenceActor", Any, Context], None]]] = {
        GetPresence: on_get,
        SetPresence: on_set,
        Reconsider: on_reconsider,
    }
