"""The commands about presence: what a user says of itself, and who is there."""

from collections.abc import Callable, Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.domain.messages import Answer, GetPresence, SetPresence, presence_actor
from streamhub.domain.presence import PresenceStore, Status
from streamhub.protocol import frames
from streamhub.protocol.presence import PresenceGet, PresenceSet, StatusSet
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Outcome, Request, found


class PresenceCommands:
    """Keeps what users say, and tells those who share a channel with them. Which sessions are away
    is for whoever has the sessions."""

    def __init__(self, store: PresenceStore | None, now_ms: Callable[[], int]) -> None:
        """`store` None: presence is switched off."""
        self._store = store
        self._now_ms = now_ms
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            PresenceSet: self._set,
            PresenceGet: self._get,
        }

    def _set(self, standing: Standing, body: PresenceSet) -> Outcome:
        self._switched_on()
        status = None if body.status is None else self._status(body.status)
        dnd = None if body.state in (None, "away") else body.state == "dnd"
        if dnd is None and status is None:
            return _done()
        said = SetPresence(dnd=dnd, status=status)
        return Request(presence_actor(standing.user), said, _said)

    async def _get(self, standing: Standing, body: PresenceGet) -> Request:
        user = UserId(body.user)
        seen = user in await self._switched_on().sharing(standing.user, (user,))
        found(seen or None, "user")
        return Request(presence_actor(user), GetPresence(by=standing.user), wire.presence)

    def _switched_on(self) -> PresenceStore:
        if self._store is None:
            raise Refused("forbidden", "presence is switched off on this server")
        return self._store

    def _status(self, status: StatusSet) -> Status:
        until = status.expires_at
        if until is not None and until <= self._now_ms():
            raise Refused("bad_request", "must be in the future", field="status.expires_at")
        return Status(text=status.text, emoji=status.emoji, expires_at=until)


async def _done() -> Outgoing:
    return frames.Done()


def _said(answer: Answer) -> Outgoing:
    return frames.Done()
