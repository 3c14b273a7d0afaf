"""The actor of one connected client: what it has of each channel, and what it still lacks."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import structlog

from streamhub.actors.gaze import Gaze, Sharing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Changes, Overview
from streamhub.domain.errors import SlowReader, StreamHubError
from streamhub.domain.ids import ChannelId, SessionId, UserId
from streamhub.domain.messages import (
    ChannelAdded,
    ChannelRemoved,
    Passing,
    PresenceUpdated,
    SeenUpdated,
    TypingStarted,
)
from streamhub.domain.sync import reset_to, trimmed

log = structlog.get_logger()

PAGE_CHANGES: Final = 100
PAGE_BYTES: Final = 64 * 1024
_RETRY_S: Final = 1.0


class Broadcast(Protocol):
    """One event for many sockets, encoded once."""

    @property
    def event(self) -> object: ...

    @property
    def rev(self) -> int | None: ...

    @property
    def seq(self) -> int | None: ...

    def skipped(self, channel: ChannelId) -> "Broadcast": ...


class Socket(Protocol):
    """The client's connection. Writing never waits."""

    def unsent_bytes(self) -> int:
        """What the transport holds and the client has not taken yet."""
        ...

    async def drained(self) -> None:
        """Wait until there is room again. Raises SlowReader, ConnectionError."""
        ...

    def broadcast(self, event: Any) -> None:
        """One event for many, as the relay made it."""
        ...

    def page(self, channel: ChannelId, changes: Changes) -> None:
        """What the client lacks of a channel, as state."""
        ...

    def reset(self, channel: ChannelId, rev: int) -> None:
        """Tell the client to drop its copy: it holds `rev` from now on."""
        ...

    def passing(self, event: Passing) -> None:
        """Something for this client alone."""
        ...

    def too_slow(self) -> None:
        """Close it: `slow_consumer`."""
        ...


class Relay(Protocol):
    """The host's relay, as a session uses it; see `transport.relay`."""

    def enter(self, session: "SessionActor", channel: ChannelId, position: int) -> bool: ...
    def settle(self, session: "SessionActor", channel: ChannelId, position: int) -> bool: ...
    def lacks(self, channel: ChannelId, position: int) -> bool: ...
    def fall_behind(self, session: "SessionActor", channel: ChannelId) -> None: ...
    def leave(self, session: "SessionActor", channels: Sequence[ChannelId]) -> None: ...
    def follow_inbox(self, session: "SessionActor") -> bool: ...
    def leave_inbox(self, session: "SessionActor") -> None: ...
    def away_changed(self, session: "SessionActor") -> None: ...
    def look_at(self, session: "SessionActor", user: UserId) -> Broadcast | None: ...
    def look_away(self, session: "SessionActor", user: UserId) -> None: ...


class SessionActor:
    """One connected client, on the host that holds its socket.

    Of each channel the client gets every change above what it has, once, in order: live while the
    socket keeps up, else by pages from the store. At most `pause_bytes` and one page wait in the
    socket; there is no other queue. What is ephemeral is dropped while the client lags.
    """

    __slots__ = (
        "_behind",
        "_channels",
        "_checking",
        "_closed",
        "_early",
        "_floors",
        "_focus",
        "_gaze",
        "_heard",
        "_lacking",
        "_pause_bytes",
        "_pulling",
        "_relay",
        "_sharing",
        "_socket",
        "_store",
        "_unsure",
        "away",
        "id",
        "user",
    )

    def __init__(
        self,
        session_id: SessionId,
        user: UserId,
        *,
        socket: Socket,
        relay: Relay,
        store: ChannelStore,
        pause_bytes: int,
        sharing: Sharing | None = None,
    ) -> None:
        """`sharing` says whom the user may look at. None: nobody."""
        self.id = session_id
        self.user = user
        self.away = False
        self._sharing = sharing
        self._socket = socket
        self._relay = relay
        self._store = store
        self._pause_bytes = pause_bytes
        self._channels: list[ChannelId] = []
        self._behind: dict[ChannelId, int] | None = None
        self._lacking: dict[ChannelId, None] | None = None
        self._floors: dict[ChannelId, int] | None = None
        self._focus: frozenset[ChannelId] = frozenset()
        self._gaze: Gaze | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._heard: asyncio.Event | None = None
        self._early: list[Broadcast] | None = None
        self._unsure = False
        self._closed = False

    @property
    def channels(self) -> Sequence[ChannelId]:
        return self._channels

    @property
    def lagging(self) -> bool:
        """Whether it is pulling what it could not be sent live."""
        return self._pulling is not None

    # -- beginning and end ------------------------------------------------------------------

    async def listen(self, within_s: float) -> None:
        """Before the user's channels are read: from now on no news of the inbox is missed.

        Raises TimeoutError when nobody answers for the inbox.
        """
        self._early = []
        self._heard = asyncio.Event()
        if self._relay.follow_inbox(self):
            self._heard.set()
        else:
            async with asyncio.timeout(within_s):
                await self._heard.wait()

    def start(self, overviews: Sequence[Overview], since: Mapping[ChannelId, int] | None) -> None:
        """After `ready` was written, with the channels it told of. `since` is what a returning
        client holds."""
        if self._heard is None:
            self._relay.follow_inbox(self)
        for overview in overviews:
            channel, rev = overview.id, overview.rev
            held = rev if since is None else since.get(channel, rev)
            if held > rev:
                self._socket.reset(channel, rev)
                held = rev
            self._enter(overview, held, lacks=held < rev)
        if since:
            present = frozenset(self._channels)
            for channel in since:
                if channel not in present:
                    self._socket.passing(ChannelRemoved(channel=channel))
        early, self._early, self._heard = self._early, None, None
        for broadcast in early or ():
            self.pass_on(broadcast)

    def close(self) -> None:
        """The socket is gone."""
        self._closed = True
        if self._gaze is not None:
            self._gaze.close()
        self._relay.leave_inbox(self)
        self._relay.leave(self, self._channels)
        self._channels = []
        for task in (self._pulling, self._checking):
            if task is not None:
                task.cancel()

    def focus(self, channels: Sequence[ChannelId], users: Sequence[UserId] = ()) -> None:
        """What is on screen: ephemeral events come only for these."""
        self._focus = frozenset(channels)
        if self._gaze is None and self._sharing is not None and users and not self._closed:
            self._gaze = Gaze(
                look_at=partial(self._relay.look_at, self),
                look_away=partial(self._relay.look_away, self),
                sharing=partial(self._sharing, self.user),
                socket=self._socket,
                pause_bytes=self._pause_bytes,
            )
        if self._gaze is not None:
            self._gaze.turn_to(users)

    def set_away(self, away: bool) -> None:
        """Whether its user is away from it."""
        if away != self.away:
            self.away = away
            self._relay.away_changed(self)

    # -- from the relay ---------------------------------------------------------------------

    def take(self, channel: ChannelId, broadcast: Broadcast) -> None:
        """A durable change that follows what the client has: the hot path."""
        if self._socket.unsent_bytes() <= self._pause_bytes:
            if self._floors and broadcast.seq is not None:
                broadcast = self._visible(channel, broadcast, broadcast.seq)
            self._socket.broadcast(broadcast)
        else:
            assert broadcast.rev is not None
            self._relay.fall_behind(self, channel)
            self.fall_behind(channel, broadcast.rev - 1)
            self._lack(channel)

    def fall_behind(self, channel: ChannelId, position: int) -> None:
        if self._behind is None:
            self._behind = {}
        self._behind[channel] = position

    def stands(self, channel: ChannelId, rev: int) -> None:
        if self._behind is None or (position := self._behind.get(channel)) is None:
            return
        if position < rev:
            self._lack(channel)
        elif channel not in (self._lacking or ()):  # else its page under way comes first
            self._settle(channel, position)

    def company_changed(self, users: Collection[UserId]) -> None:
        if self._gaze is not None and (self.user in users or self._gaze.is_at(users)):
            self._gaze.check()

    def left(self, channel: ChannelId) -> None:
        self._forget(channel)
        self._check()  # back already, perhaps: the inbox may have said so before the channel did

    def inbox_stands(self) -> None:
        """What the inbox publishes reaches this host; what it published before may be lost."""
        if self._heard is not None and not self._heard.is_set():
            self._heard.set()
        else:
            self._check()

    def pass_on(self, broadcast: Broadcast) -> None:
        if self._early is not None:
            self._early.append(broadcast)
            return
        event = broadcast.event
        if isinstance(event, PresenceUpdated):
            if self._gaze is not None:
                self._gaze.take(event, broadcast)
            return
        if isinstance(event, TypingStarted | SeenUpdated):
            if event.channel not in self._focus or event.user == self.user:
                return
            if self._socket.unsent_bytes() > self._pause_bytes:
                return
        if isinstance(event, ChannelRemoved):
            self._relay.leave(self, [event.channel])
            self._forget(event.channel)
        self._socket.broadcast(broadcast)
        if isinstance(event, ChannelAdded) and event.overview.id not in self._channels:
            self._enter(event.overview, event.overview.rev, lacks=False)

    # -- private ----------------------------------------------------------------------------

    def _visible(self, channel: ChannelId, broadcast: Broadcast, seq: int) -> Broadcast:
        """What happens to messages from before the user joined is not for it."""
        below = self._floors is not None and seq <= self._floors.get(channel, 0)
        return broadcast.skipped(channel) if below else broadcast

    def _enter(self, overview: Overview, position: int, *, lacks: bool) -> None:
        channel = ChannelId(sys.intern(overview.id))  # one text for all who are in it
        self._channels.append(channel)
        if self._gaze is not None:
            self._gaze.check()
        self._set_floor(channel, overview.floor_seq)
        if self._relay.enter(self, channel, position):
            return
        self.fall_behind(channel, position)
        if lacks or self._relay.lacks(channel, position):
            self._lack(channel)

    def _set_floor(self, channel: ChannelId, floor_seq: int) -> None:
        if floor_seq:
            self._floors = self._floors or {}
            self._floors[channel] = floor_seq

    def _note_floor(self, channel: ChannelId, changes: Changes) -> None:
        """It left and came back while it did not listen: its history begins later."""
        for member in changes.members:
            if member.user == self.user:
                self._set_floor(channel, member.floor_seq)

    def _forget(self, channel: ChannelId) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
            if self._gaze is not None:
                self._gaze.check()
        if self._floors is not None:
            self._floors.pop(channel, None)
        if self._behind is not None:
            self._behind.pop(channel, None)
        if self._lacking is not None:
            self._lacking.pop(channel, None)

    def _settle(self, channel: ChannelId, position: int) -> bool:
        if not self._relay.settle(self, channel, position):
            return False
        if self._behind is not None:
            self._behind.pop(channel, None)
        return True

    def _lack(self, channel: ChannelId) -> None:
        if self._lacking is None:
            self._lacking = {}
        self._lacking[channel] = None
        if self._pulling is None and not self._closed:
            self._pulling = asyncio.ensure_future(self._catch_up())

    async def _catch_up(self) -> None:
        """Pull, channel by channel and page by page, as fast as the client reads."""
        try:
            while self._lacking:
                await self._socket.drained()
                channel = next(iter(self._lacking), None)  # it may have left what it lacked
                if channel is not None and not await self._pulled(channel):
                    await asyncio.sleep(_RETRY_S)
        except SlowReader:
            self._socket.too_slow()
        except ConnectionError:
            pass  # whoever reads the socket has noticed
        finally:
            self._pulling = None
            self._lacking = self._lacking or None
            self._behind = self._behind or None

    def _check(self) -> None:
        self._unsure = True  # what is being read at the moment may be older
        if self._checking is None and not self._closed:
            self._checking = asyncio.ensure_future(self._compare())

    async def _compare(self) -> None:
        """Compare the channels followed with those the user has, until they are the same."""
        try:
            while self._unsure:
                self._unsure = False
                if not await self._reconciled():
                    self._unsure = True
        finally:
            self._checking = None

    async def _reconciled(self) -> bool:
        """Whether nothing had to be changed."""
        before = tuple(self._channels)
        try:
            overviews = await self._store.overviews(self.user)
        except StreamHubError as error:
            log.info("session.check_failed", session=self.id, error=error.code)
            await asyncio.sleep(_RETRY_S)
            return False
        if self._early is not None:
            await asyncio.sleep(_RETRY_S)  # what is being read for `start` may be older
            return False
        present = {overview.id for overview in overviews}
        gone = [channel for channel in before if channel not in present]
        new = [o for o in overviews if o.id not in self._channels]
        for channel in gone:
            self._relay.leave(self, [channel])
            self._forget(channel)
            self._socket.passing(ChannelRemoved(channel=channel))
        for overview in new:
            self._socket.passing(ChannelAdded(overview=overview))
            self._enter(overview, overview.rev, lacks=False)
        return not gone and not new

    async def _pulled(self, channel: ChannelId) -> bool:
        """Pull a page. False: that brought nothing, try again later."""
        before = (self._behind or {}).get(channel)
        try:
            await self._pull(channel)
        except StreamHubError as error:
            log.info("session.pull_failed", session=self.id, error=error.code)
            return False
        except Exception:  # this channel's page cannot be made: the session lives on
            log.exception("session.pull_failed", session=self.id, channel=channel)
            return False
        return channel not in (self._lacking or ()) or (self._behind or {}).get(channel) != before

    async def _pull(self, channel: ChannelId) -> None:
        """One page of one channel."""
        position = (self._behind or {}).get(channel)
        if position is None:
            (self._lacking or {}).pop(channel, None)
            return
        changes = await self._store.changes(channel, self.user, position, PAGE_CHANGES)
        if self._closed or self._lacking is None or channel not in self._lacking:
            return
        if changes is None:
            self._relay.leave(self, [channel])
            self._forget(channel)
            self._socket.passing(ChannelRemoved(channel=channel))
            self._check()  # back already, perhaps
            return
        self._note_floor(channel, changes)
        if (rev := reset_to(changes, self.user)) is not None:
            position, more = rev, False
            self._socket.reset(channel, position)
        else:
            page = trimmed(changes, PAGE_BYTES)
            position, more = page.to, page.more
            if position > page.since:
                self._socket.page(channel, page)
        self.fall_behind(channel, position)
        if more:
            return  # it was told that another page follows, even if the relay knows of no more yet
        if self._settle(channel, position) or not self._relay.lacks(channel, position):
            self._lacking.pop(channel, None)
