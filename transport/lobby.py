"""What all sockets of a host share, and what they need of a session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Changes, Overview
from streamhub.domain.fair_use import FairUse
from streamhub.domain.ids import ChannelId, SessionId, UserId
from streamhub.domain.messages import Passing
from streamhub.domain.notifications import NotificationStore
from streamhub.domain.principals import Principals
from streamhub.protocol.connection import Rules
from streamhub.transport.admission import Admission
from streamhub.transport.broadcast import Broadcast
from streamhub.transport.commands import Commands
from streamhub.transport.joined_writes import Flusher


class Session(Protocol):
    """The actor of this client; see `actors.session`."""

    user: UserId

    async def listen(self, within_s: float) -> None: ...
    def start(
        self, overviews: Sequence[Overview], since: Mapping[ChannelId, int] | None
    ) -> None: ...
    def focus(self, channels: Sequence[ChannelId], users: Sequence[UserId] = ()) -> None: ...
    def set_away(self, away: bool) -> None: ...
    def close(self) -> None: ...


class Socket(Protocol):
    """What a session writes to: a `ClientWriter` that can be closed; see `actors.session`."""

    def unsent_bytes(self) -> int: ...
    async def drained(self) -> None: ...
    def broadcast(self, event: Broadcast) -> None: ...
    def page(self, channel: ChannelId, changes: Changes) -> None: ...
    def reset(self, channel: ChannelId, rev: int) -> None: ...
    def passing(self, event: Passing) -> None: ...
    def too_slow(self) -> None: ...


class MakeSession(Protocol):
    """Makes the session of a socket that was let in."""

    def __call__(self, session_id: SessionId, user: UserId, socket: Socket) -> Session: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lobby:
    """What all sockets of a host share."""

    rules: Rules
    principals: Principals
    store: ChannelStore
    notifications: NotificationStore
    commands: Commands
    admission: Admission
    fair_use: FairUse
    make_session: MakeSession
    epoch: int
    features: tuple[str, ...]
    max_frame_bytes: int
    pause_bytes: int
    paused_limit_s: float
    flusher: Flusher = field(default_factory=Flusher)
