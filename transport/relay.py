"""What this host listens to, and the fan-out to its own sessions: position and pull.

One mechanism serves connecting, coming back, a lost link, a moved owner and a slow reader. A
*topic* is `held` while its owner is known to send us everything; a session is *live* on a topic
while it has all that the topic has. Who is not live has a position of its own and pulls from the
store until it has caught up.

    asked    -- Listening with a rev ------> held
    asked    -- Listening, it sleeps ------> looking   (the store knows the rev)
    looking  -- rev from the store, event -> held
    any      -- link lost, owner changed, gap, NotOwner -> asked   (again every second)
    held     -- a digest that differs -----> repaired, and counted
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

import structlog

from streamhub.domain.changes import Change, MembersJoined, MembersLeft
from streamhub.domain.envelopes import (
    Away,
    Changed,
    Digest,
    Envelope,
    Interest,
    Listening,
    NoInterest,
    NotOwner,
    Passed,
    Standing,
    Topic,
)
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import ChannelId, HostId, UserId
from streamhub.domain.messages import (
    ActorId,
    AwayChanged,
    PresenceUpdated,
    channel_actor,
    inbox_actor,
    presence_actor,
)
from streamhub.transport.broadcast import Broadcast

log = structlog.get_logger()

RETRY_S: Final = 1.0
DIGEST_S: Final = 5.0
_LINGER_TICKS: Final = 10
"""Seconds a topic without sessions is kept, for those who reconnect."""

_EARLY_CHECKS: Final = 3
_CHECK_EVERY: Final = 12
_LOOKUP_LIMIT: Final = 1000


class Directory(Protocol):
    """See `actors.ports.Directory`."""

    def owner(self, actor: ActorId) -> HostId | None: ...


class Switch(Protocol):
    """See `actors.ports.Switch`."""

    def send(self, host: HostId, envelope: Envelope) -> bool: ...


class Session(Protocol):
    """A connected client, as the relay sees it. Nothing here may wait."""

    user: UserId
    away: bool

    def take(self, channel: ChannelId, broadcast: Broadcast) -> None:
        """A durable change that follows what the session has."""
        ...

    def fall_behind(self, channel: ChannelId, position: int) -> None:
        """It has `position` and is no longer live on the channel."""
        ...

    def stands(self, channel: ChannelId, rev: int) -> None:
        """The channel is held again, at `rev`: settle or pull."""
        ...

    def left(self, channel: ChannelId) -> None:
        """Its user is no longer a member; nothing more will come."""
        ...

    def set_away(self, away: bool) -> None:
        """The user says so, for all of its sessions."""
        ...

    def company_changed(self, users: Collection[UserId]) -> None:
        """These came into a channel of the session's, or left it."""
        ...

    def pass_on(self, broadcast: Broadcast) -> None:
        """Something ephemeral."""
        ...

    def inbox_stands(self) -> None:
        """All that the user's inbox publishes will come; what it published before may be lost."""
        ...


class _Topic:
    __slots__ = (
        "actor",
        "away",
        "behind",
        "checks",
        "idle",
        "key",
        "live",
        "owner",
        "presence",
        "quiet",
        "rev",
        "state",
        "term",
    )

    def __init__(self, actor: ActorId) -> None:
        self.actor = actor
        self.key: Topic = str(actor)
        self.owner: HostId | None = None
        self.state: Literal["asked", "looking", "held"] = "asked"
        self.term = 0
        self.rev: int = -1
        self.live: set[Session] = set()
        self.behind: set[Session] = set()
        self.quiet = False
        self.idle = 0
        self.checks = 0
        self.away = False
        self.presence: Broadcast | None = None

    @property
    def channel(self) -> ChannelId:
        return ChannelId(self.actor.key)

    @property
    def is_channel(self) -> bool:
        return self.actor.kind == "channel"


class Relay:
    """The topics of one host and the sessions that follow them.

    Events with an older term or a rev that is held already are dropped; a gap is asked for again.
    `repairs` counts what only a digest found: without faults it stays 0.
    """

    def __init__(
        self,
        directory: Directory,
        switch: Switch,
        heads: Callable[[Sequence[ChannelId]], Awaitable[Mapping[ChannelId, int]]],
    ) -> None:
        self._directory = directory
        self._switch = switch
        self._heads = heads
        self._topics: dict[Topic, _Topic] = {}
        self._asking: dict[_Topic, None] = {}
        self._flushing: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._ticks = 0
        self.repairs = 0

    def __len__(self) -> int:
        return len(self._topics)

    def start(self) -> None:
        """Begin to retry and to compare digests."""
        self._timer = asyncio.get_running_loop().call_later(RETRY_S, self._tick)

    async def close(self) -> None:
        for handle in (self._timer, self._flushing):
            if handle is not None:
                handle.cancel()
        for task in tuple(self._lookups):
            task.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)

    def held(self, key: str) -> bool:
        """Whether all that happens on the topic of this channel or user reaches this host."""
        topics = (self._topics.get(f"{kind}:{key}") for kind in ("channel", "inbox"))
        return any(topic is not None and topic.state == "held" for topic in topics)

    # -- sessions ---------------------------------------------------------------------------

    def enter(self, session: Session, channel: ChannelId, position: int) -> bool:
        """Follow a channel of which the session has `position`. True: it is live at once;
        otherwise `stands` comes when the channel is held."""
        topic = self._topics.get(_channel_topic(channel)) or self._new(channel_actor(channel))
        topic.idle = 0
        if self._settle(topic, session, position):
            return True
        topic.behind.add(session)
        return False

    def settle(self, session: Session, channel: ChannelId, position: int) -> bool:
        """The session has pulled up to `position`. True: it is live."""
        topic = self._topics.get(_channel_topic(channel))
        return topic is not None and self._settle(topic, session, position)

    def lacks(self, channel: ChannelId, position: int) -> bool:
        """Whether the channel is known to have more than `position`."""
        topic = self._topics.get(_channel_topic(channel))
        return topic is not None and topic.state == "held" and topic.rev > position

    def fall_behind(self, session: Session, channel: ChannelId) -> None:
        """The session cannot take what comes live."""
        topic = self._topics[_channel_topic(channel)]
        topic.live.discard(session)
        topic.behind.add(session)

    def leave(self, session: Session, channels: Iterable[ChannelId]) -> None:
        for channel in channels:
            if topic := self._topics.get(_channel_topic(channel)):
                topic.live.discard(session)
                topic.behind.discard(session)

    def follow_inbox(self, session: Session) -> bool:
        """Hear what the user's inbox publishes. False: from the next `inbox_stands` on."""
        actor = inbox_actor(session.user)
        topic = self._topics.get(str(actor)) or self._new(actor)
        topic.idle = 0
        topic.live.add(session)
        self._note_away(topic)
        return topic.state == "held"

    def leave_inbox(self, session: Session) -> None:
        if topic := self._topics.get(str(inbox_actor(session.user))):
            topic.live.discard(session)
            self._note_away(topic)

    def away_changed(self, session: Session) -> None:
        """The session is away now, or no longer: the inbox is told if that makes a difference."""
        if topic := self._topics.get(str(inbox_actor(session.user))):
            self._note_away(topic)

    def _note_away(self, topic: _Topic) -> None:
        away = all(session.away for session in topic.live)
        if not topic.live or away == topic.away:
            return
        topic.away = away
        if topic.state == "held" and topic.owner is not None:
            self._switch.send(topic.owner, Away(topics=(topic.key,), away=away))

    def look_at(self, session: Session, user: UserId) -> Broadcast | None:
        """Hear whether a user is there, from now on: what was told last, if that is current."""
        actor = presence_actor(user)
        topic = self._topics.get(str(actor)) or self._new(actor)
        topic.idle = 0
        topic.live.add(session)
        return topic.presence if topic.state == "held" else None

    def look_away(self, session: Session, user: UserId) -> None:
        if topic := self._topics.get(str(presence_actor(user))):
            topic.live.discard(session)

    def _settle(self, topic: _Topic, session: Session, position: int) -> bool:
        if topic.state != "held" or position != topic.rev:
            return False  # who is ahead waits for what it has to pass: it must not act on it again
        topic.behind.discard(session)
        topic.live.add(session)
        return True

    def _new(self, actor: ActorId) -> _Topic:
        topic = _Topic(actor)
        self._topics[topic.key] = topic
        self._ask(topic)
        return topic

    # -- interest ---------------------------------------------------------------------------

    def _ask(self, topic: _Topic) -> None:
        """Ask the present owner, with all else that is asked in this loop pass."""
        topic.state = "asked"
        topic.owner = self._directory.owner(topic.actor)
        self._asking[topic] = None
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        asking, self._asking = self._asking, {}
        by_owner: dict[HostId, list[tuple[Topic, int]]] = {}
        for topic in asking:
            if self._topics.get(topic.key) is not topic:
                continue  # forgotten meanwhile: nobody would ever end the interest
            if topic.owner is not None and topic.state == "asked":
                by_owner.setdefault(topic.owner, []).append((topic.key, topic.rev))
        for owner, topics in by_owner.items():
            self._switch.send(owner, Interest(topics=tuple(topics)))
            if away := tuple(key for key, _ in topics if self._topics[key].away):
                self._switch.send(owner, Away(topics=away, away=True))

    def on_listening(self, sender: HostId, listening: Listening) -> None:
        looking: list[_Topic] = []
        for standing in listening.topics:
            topic = self._topics.get(standing.topic)
            if topic is None or topic.owner != sender:
                continue
            if standing.rev >= 0:
                if standing.term >= topic.term:
                    self._stands(topic, standing)
            elif topic.actor.kind == "presence":
                self._presence_stands(topic, standing.presence)
            elif not topic.is_channel:
                self._inbox_stands(topic)
            elif self._must_look(topic):
                looking.append(topic)
        for start in range(0, len(looking), _LOOKUP_LIMIT):
            task = asyncio.ensure_future(self._look_up(looking[start : start + _LOOKUP_LIMIT]))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)

    def _inbox_stands(self, topic: _Topic) -> None:
        """Said of one that was held, too: its owner had forgotten us, as only a digest shows."""
        if topic.state == "held" and topic.away and topic.owner is not None:
            self._switch.send(topic.owner, Away(topics=(topic.key,), away=True))
        topic.state = "held"
        for session in tuple(topic.live):
            session.inbox_stands()

    def _presence_stands(self, topic: _Topic, presence: PresenceUpdated | None) -> None:
        """What was told before may be out of date; without `presence` its owner will tell."""
        topic.state = "held"
        topic.presence = None
        if presence is not None:
            self._show(topic, Broadcast.of_passing(presence))

    def _show(self, topic: _Topic, broadcast: Broadcast) -> None:
        topic.presence = broadcast
        for session in tuple(topic.live):
            session.pass_on(broadcast)

    def on_not_owner(self, sender: HostId, message: NotOwner) -> None:
        """Asked again by the next tick, of whoever owns it then."""
        for key in message.topics:
            topic = self._topics.get(key)
            if topic is not None and topic.owner == sender:
                topic.state = "asked"

    def _must_look(self, topic: _Topic) -> bool:
        """A sleeping topic's rev is looked up when it is new here, and now and then."""
        topic.checks += 1
        if topic.state == "asked":
            topic.state = "looking"
            return True
        return topic.checks <= _EARLY_CHECKS or topic.checks % _CHECK_EVERY == 0

    async def _look_up(self, topics: list[_Topic]) -> None:
        """Nobody is awake to say where these channels stand: the store knows."""
        try:
            revs = await self._heads([topic.channel for topic in topics])
        except StreamHubError as error:
            log.warning("relay.lookup_failed", error=str(error), topics=len(topics))
            for topic in topics:
                if topic.state == "looking":
                    topic.state = "asked"
            return
        for topic in topics:
            rev = revs.get(topic.channel, 0)
            if topic.state == "looking":
                self._stands(topic, Standing(topic=topic.key, term=topic.term, rev=rev))
            elif topic.state == "held" and rev > topic.rev:
                self._ask(topic)  # it woke up meanwhile, or we were not told

    def _stands(self, topic: _Topic, standing: Standing) -> None:
        """The topic is at `standing.rev`; what we lack of it is given or must be pulled."""
        was_held, held_rev = topic.state == "held", topic.rev
        same_term = standing.term == topic.term
        topic.state = "held"
        topic.term = max(topic.term, standing.term)
        if standing.rev > held_rev:
            if was_held and same_term:  # a new term is told without being asked for
                self.repairs += 1
                log.info("relay.repaired", topic=topic.key, rev=held_rev, to=standing.rev)
            if held_rev >= 0 and standing.changes is not None:
                for change in standing.changes:
                    if change.rev == topic.rev + 1:
                        self._fan_out(topic, change)
            if topic.rev < standing.rev:
                position, topic.rev = topic.rev, standing.rev
                lagging, topic.live = topic.live, set()
                topic.behind |= lagging
                for session in lagging:
                    session.fall_behind(topic.channel, position)
        if not was_held or topic.behind:
            for session in tuple(topic.behind):
                session.stands(topic.channel, topic.rev)

    # -- events -----------------------------------------------------------------------------

    def on_changed(self, sender: HostId, changed: Changed) -> None:
        topic = self._topics.get(changed.topic)
        if topic is None or topic.state == "asked" or changed.term < topic.term:
            return
        change = changed.change
        if topic.state == "looking" and change.rev > topic.rev + 1:
            # it woke up meanwhile: this is where it stands
            standing = Standing(topic=topic.key, term=changed.term, rev=change.rev)
            self._stands(topic, standing)
            return
        topic.term = changed.term
        topic.quiet = False
        if change.rev <= topic.rev:
            return
        if change.rev > topic.rev + 1:
            log.info("relay.gap", topic=topic.key, rev=topic.rev, got=change.rev)
            self._ask(topic)
            return
        self._fan_out(topic, change)

    def _fan_out(self, topic: _Topic, change: Change) -> None:
        topic.rev = change.rev
        channel = topic.channel
        broadcast = Broadcast.of_change(change)
        for session in tuple(topic.live):
            session.take(channel, broadcast)
        if isinstance(change, MembersJoined | MembersLeft):
            company = frozenset(member.user for member in change.members)
            for session in (*topic.live, *topic.behind):
                session.company_changed(company)
        if isinstance(change, MembersLeft):
            gone = {member.user for member in change.members}
            for session in [s for s in topic.live if s.user in gone]:
                topic.live.discard(session)
                session.left(channel)
        for session in tuple(topic.behind):
            session.stands(channel, topic.rev)

    def on_passed(self, sender: HostId, passed: Passed) -> None:
        topic = self._topics.get(passed.topic)
        if topic is None or not (topic.live or topic.behind or topic.actor.kind == "presence"):
            return
        if isinstance(passed.event, AwayChanged):
            for session in tuple(topic.live):
                session.set_away(passed.event.away)
            return
        broadcast = Broadcast.of_passing(passed.event)
        if topic.actor.kind == "presence":
            self._show(topic, broadcast)
            return
        for session in (*topic.live, *topic.behind):
            session.pass_on(broadcast)

    # -- changes of the cluster -------------------------------------------------------------

    def on_view(self) -> None:
        """Topics whose owner changed are behind until the new one answered."""
        for topic in self._topics.values():
            if self._directory.owner(topic.actor) != topic.owner:
                topic.checks = 0
                self._ask(topic)

    def on_link_lost(self, host: HostId) -> None:
        for topic in self._topics.values():
            if topic.owner == host:
                topic.state = "asked"

    def _tick(self) -> None:
        """Once a second: ask again, forget the unused; every fifth time: compare."""
        self._ticks += 1
        self._forget_unused()
        for topic in self._topics.values():
            if topic.state == "asked":
                self._ask(topic)
        if self._ticks % round(DIGEST_S / RETRY_S) == 0:
            self._send_digests()
        self._timer = asyncio.get_running_loop().call_later(RETRY_S, self._tick)

    def _forget_unused(self) -> None:
        unused: dict[HostId, list[Topic]] = {}
        for topic in list(self._topics.values()):
            topic.idle = 0 if topic.live or topic.behind else topic.idle + 1
            if topic.idle > _LINGER_TICKS:
                del self._topics[topic.key]
                if topic.owner is not None:
                    unused.setdefault(topic.owner, []).append(topic.key)
        for owner, topics in unused.items():
            self._switch.send(owner, NoInterest(topics=tuple(topics)))

    def _send_digests(self) -> None:
        digests: dict[HostId, list[tuple[Topic, int]]] = {}
        for topic in self._topics.values():
            if topic.state == "held" and topic.quiet and topic.owner is not None:
                digests.setdefault(topic.owner, []).append((topic.key, topic.rev))
            topic.quiet = True
        for owner, topics in digests.items():
            self._switch.send(owner, Digest(topics=tuple(topics)))


def _channel_topic(channel: ChannelId) -> Topic:
    """The text of `channel_actor(channel)`, without making one: a connect needs hundreds."""
    return f"channel:{channel}"
