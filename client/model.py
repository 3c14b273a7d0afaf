"""Everything a client holds of its channels, fed with frames and told what to ask next."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from streamhub.client import events
from streamhub.client.channel_state import ChannelState, Need
from streamhub.client.events import ClientEvent
from streamhub.protocol.drafting import DraftObject
from streamhub.protocol.files import FileEvent, FileGone, StorageObject
from streamhub.protocol.frames import (
    ChannelAdded,
    ChannelOverview,
    ChannelRef,
    Event,
    History,
    MessageEvent,
    Outgoing,
    ReadState,
    Ready,
    SeenEvent,
    ServerNotice,
    Since,
    SyncPage,
    SyncReset,
    ThreadObject,
    Typing,
    UserObject,
)
from streamhub.protocol.notifying import NotificationCreated, NotificationsRead, NotifyState
from streamhub.protocol.presence import PresenceObject
from streamhub.protocol.scheduling import ScheduledObject
from streamhub.protocol.tables import EVENTS


class Model:
    """The channels of one user. Does no I/O; what it returns has happened, in that order.

    Events of a channel come out exactly once, whatever was lost or came twice. While somebody is
    `busy`, what can be told later is only noted; it becomes a need.
    """

    def __init__(self, keep: int) -> None:
        """`keep`: how many messages of a channel are held."""
        self._keep: Final = keep
        self._channels: dict[str, ChannelState] = {}
        self._needs: dict[str, None] = {}
        self._epoch: int | None = None
        self.user: UserObject | None = None
        self._looked_at: frozenset[str] = frozenset()
        self.unread_notifications = 0
        self.presences: dict[str, PresenceObject] = {}
        self.channels: Final[Mapping[str, ChannelState]] = MappingProxyType(self._channels)

    def since(self) -> Since | None:
        """What to tell a server when coming back."""
        if self._epoch is None:
            return None
        revs = {state.id: state.rev for state in self._channels.values() if state.resumable}
        return Since(epoch=self._epoch, channels=revs)

    def next_need(self) -> Need | None:
        """What to ask the server next; its reply goes to `answer`. The same until then."""
        while self._needs:
            channel = next(iter(self._needs))
            state = self._channels.get(channel)
            if state is not None and (need := state.need):
                return need
            del self._needs[channel]
        return None

    # -- connections --------------------------------------------------------------------------

    def look_at(self, users: Collection[str]) -> None:
        """Nothing is held of anybody else's presence."""
        self._looked_at = frozenset(users)
        for user in self.presences.keys() - self._looked_at:
            del self.presences[user]

    def ready(self, ready: Ready, epoch: int) -> list[ClientEvent]:
        """A connection was opened, for the first time or again with `since`."""
        first, rewound = self._epoch is None, self._epoch != epoch
        self._epoch, self.user = epoch, ready.user
        self.unread_notifications = ready.notifications.unread
        happened: list[ClientEvent] = []
        for overview in ready.channels:
            state = self._channels.get(overview.id)
            if state is None:
                happened += self._add(overview)
            elif rewound or overview.rev < state.rev:
                self._add(overview)
                happened.append(events.ChannelReset(overview.id))
            else:
                state.stands(overview)
                self._look(state)
        for channel in self._channels.keys() - {overview.id for overview in ready.channels}:
            happened += self.removed(channel)
        return [] if first else happened

    def lost(self) -> None:
        """The connection is gone."""
        self.presences.clear()
        for state in self._channels.values():
            state.lost()

    # -- frames -------------------------------------------------------------------------------

    def take(self, event: Event, *, busy: bool = False) -> Sequence[ClientEvent]:
        """An event of the socket."""
        match event.body:
            case Typing(channel=channel, user=user):
                return [] if busy else [events.TypingStarted(channel, user)]
            case DraftObject() as draft:
                return [] if busy else [events.DraftUpdated(draft)]
            case ScheduledObject() as scheduled:
                return [] if busy else [events.ScheduleUpdated(scheduled)]
            case NotificationCreated(notification=one, unread=unread):
                self.unread_notifications = unread
                return [] if busy else [events.Notified(one, unread)]
            case NotificationsRead(notifications=ids, unread=unread):
                self.unread_notifications = unread
                return [] if busy else [events.NotificationsRead(ids, unread)]
            case NotifyState() as state:
                return [] if busy else [events.NotifyUpdated(state)]
            case FileEvent(file=file):
                happened = events.FileReady if event.name == "file.ready" else events.FileShared
                return [] if busy else [happened(file)]
            case FileGone(file=file):
                return [] if busy else [events.FileDeleted(file)]
            case StorageObject() as storage:
                return [] if busy else [events.QuotaUpdated(storage)]
            case ThreadObject() as thread:
                return [] if busy else [events.ThreadUpdated(thread)]
            case SeenEvent(channel=channel, user=user, seq=seq):
                return [] if busy else [events.SeenUpdated(channel, user, seq)]
            case PresenceObject() as presence:
                if presence.user not in self._looked_at:
                    return []
                self.presences[presence.user] = presence
                return [] if busy else [events.PresenceUpdated(presence)]
            case ServerNotice(text=text):
                return [] if busy else [events.ServerNotice(text)]
            case ChannelAdded(channel=overview):
                return self._added(overview)
            case ChannelRef(channel=channel) if event.name == "channel.removed":
                return self.removed(channel)
            case _:
                return self._take_of_channel(event, busy)

    def answer(self, need: Need, reply: Outgoing) -> Sequence[ClientEvent]:
        """What the server said to a need."""
        state = self._channels.get(need.channel)
        if state is None:
            return []
        happened: Sequence[ClientEvent] = []
        match reply:
            case SyncPage(reset=True):
                happened = state.reset(reply.to_rev)
            case SyncPage():
                happened = state.page(reply)
            case History():
                happened = state.filled(reply)
            case _:
                pass
        self._look(state)
        return happened

    def read(self, state: ReadState) -> Sequence[ClientEvent]:
        """How far a channel is read, as the reply to `channel.read` says it."""
        held = self._channels.get(state.channel)
        return held.read(state) if held else []

    def removed(self, channel: str) -> list[ClientEvent]:
        """The user is no longer there."""
        if self._channels.pop(channel, None) is None:
            return []
        return [events.ChannelRemoved(channel)]

    # -- private ------------------------------------------------------------------------------

    def _take_of_channel(self, event: Event, busy: bool) -> Sequence[ClientEvent]:
        state = self._channels.get(_channel_of(event.body))
        if state is None:
            return []
        happened = self._happened(state, event, busy)
        self._look(state)
        return happened

    def _happened(self, state: ChannelState, event: Event, busy: bool) -> Sequence[ClientEvent]:
        match event.body:
            case SyncReset(rev=rev):
                return state.reset(rev)
            case ReadState() as read:
                happened = state.read(read)
                return [] if busy else happened
            case SyncPage() as page if busy:
                state.hear_page(page)
            case SyncPage() as page:
                return state.pushed(page)
            case body if EVENTS[event.name].durable and event.rev is not None:
                if not busy:
                    updated = event.name == "member.updated"
                    return state.change(event.rev, body, event.key, updated=updated)
                state.hear(event.rev)
        return []

    def _added(self, overview: ChannelOverview) -> Sequence[ClientEvent]:
        state = self._channels.get(overview.id)
        if state is None:
            return self._add(overview)
        hidden = state.hidden
        state.added(overview)
        self._look(state)
        return [] if state.hidden == hidden else [events.HiddenChanged(state.id, state.hidden)]

    def _add(self, overview: ChannelOverview) -> list[ClientEvent]:
        me = self.user.id if self.user else None
        self._channels[overview.id] = ChannelState(overview, self._keep, me)
        return [events.ChannelAdded(overview)]

    def _look(self, state: ChannelState) -> None:
        """At the end of the line if it needs something, so that none waits for ever."""
        self._needs.pop(state.id, None)
        if state.need:
            self._needs[state.id] = None


def _channel_of(body: Outgoing) -> str:
    if isinstance(body, MessageEvent):
        return body.message.channel
    channel = getattr(body, "channel", "")
    return channel if isinstance(channel, str) else str(getattr(channel, "id", ""))
