"""The users a session looks at, and what its client was told of them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, Protocol

import structlog

from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import UserId
from streamhub.domain.messages import PresenceUpdated

log = structlog.get_logger()

REST_S: Final = 1.0
"""Between two events about one user."""

_RETRY_S: Final = 1.0

Sharing = Callable[[UserId, Sequence[UserId]], Awaitable[frozenset[UserId]]]
"""Those of the others who share a channel with the user. Raises StreamHubError."""


class _Socket(Protocol):
    def unsent_bytes(self) -> int: ...
    def broadcast(self, event: Any) -> None: ...


class Gaze:
    """Passes on whether users are there, of those who share a channel with the session's user.

    Of each the client gets the present state first, then changes: the latest one, at most once a
    second, and nothing while the socket is paused. So at most one event a user waits. Nothing comes
    of a user who shares no channel, or is none; who is not looked at any more is forgotten.
    """

    def __init__(
        self,
        *,
        look_at: Callable[[UserId], Any],
        look_away: Callable[[UserId], None],
        sharing: Callable[[Sequence[UserId]], Awaitable[frozenset[UserId]]],
        socket: _Socket,
        pause_bytes: int,
    ) -> None:
        """`look_at` gives the event that was told last, if any is known."""
        self._look_at = look_at
        self._look_away = look_away
        self._sharing = sharing
        self._socket = socket
        self._pause_bytes = pause_bytes
        self._wanted: tuple[UserId, ...] = ()
        self._seen: set[UserId] = set()
        self._told: dict[UserId, PresenceUpdated] = {}
        self._waiting: dict[UserId, tuple[PresenceUpdated, Any]] = {}
        self._resting: dict[UserId, asyncio.TimerHandle] = {}
        self._unsure = False
        self._checking: asyncio.Task[None] | None = None

    def turn_to(self, users: Sequence[UserId]) -> None:
        """Look at these and nobody else."""
        self._wanted = tuple(dict.fromkeys(users))
        for user in self._seen.difference(self._wanted):
            self._forget(user)
        self.check()

    def is_at(self, users: Collection[UserId]) -> bool:
        """Whether one of them is wanted, seen or not."""
        return any(user in users for user in self._wanted)

    def check(self) -> None:
        """Who may be seen may have changed."""
        self._unsure = True
        if self._checking is None and self._wanted:
            self._checking = asyncio.ensure_future(self._check())

    def take(self, presence: PresenceUpdated, event: Any) -> None:
        """What the relay has of a user; `event` is the same, ready to be sent."""
        if presence.user not in self._seen:
            return
        self._waiting[presence.user] = (presence, event)
        if presence.user not in self._resting:
            self._say(presence.user)

    def close(self) -> None:
        for user in tuple(self._seen):
            self._forget(user)
        for rest in self._resting.values():
            rest.cancel()
        if self._checking is not None:
            self._checking.cancel()

    # -- private ----------------------------------------------------------------------------

    async def _check(self) -> None:
        try:
            while self._unsure:
                self._unsure = False
                wanted = self._wanted
                try:
                    allowed = await self._sharing(wanted)
                except StreamHubError as error:
                    log.info("gaze.check_failed", error=error.code)
                    self._unsure = True
                    await asyncio.sleep(_RETRY_S)
                    continue
                if wanted == self._wanted:
                    self._see(allowed)
        finally:
            self._checking = None

    def _see(self, allowed: frozenset[UserId]) -> None:
        for user in self._seen - allowed:
            self._forget(user)
        for user in self._wanted:
            if user in allowed and user not in self._seen:
                self._seen.add(user)
                if (event := self._look_at(user)) is not None:
                    self.take(event.event, event)

    def _say(self, user: UserId) -> None:
        """Send what waits, unless the client knows it; then let the user rest."""
        self._resting.pop(user, None)
        waiting = self._waiting.get(user)
        if waiting is None:
            return
        if self._socket.unsent_bytes() <= self._pause_bytes:
            presence, event = self._waiting.pop(user)
            if presence == self._told.get(user):
                return
            self._told[user] = presence
            self._socket.broadcast(event)
        self._resting[user] = asyncio.get_running_loop().call_later(REST_S, self._say, user)

    def _forget(self, user: UserId) -> None:
        self._seen.discard(user)
        self._told.pop(user, None)
        self._waiting.pop(user, None)
        self._look_away(user)
