"""Who listens to what: topic -> hosts, kept outside the actors so that listening wakes nobody."""

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from streamhub.actors.ports import Directory, Switch
from streamhub.domain.envelopes import (
    Changed,
    Digest,
    Interest,
    Listening,
    NoInterest,
    NotOwner,
    Passed,
    Standing,
    Topic,
)
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

_PRESENCE: Final = "presence:"


@runtime_checkable
class Replayable(Protocol):
    """An actor whose changes are numbered and can be given again."""

    def standing(self, topic: Topic, since: int) -> Standing:
        """Where it stands now, with the changes after `since` if they are at hand."""
        ...


class _Actors(Protocol):
    def active(self, actor_id: ActorId) -> object: ...
    def wake(self, actor_id: ActorId) -> None: ...


class Interests:
    """The listeners of the topics that this host owns.

    The answer to an interest is made at once from committed state, on the link that carries what
    is published later, so all that follows it is newer. To ask for a presence wakes it, as nobody
    else would, and so does the digest of one; all others sleep on. `changed` is told of topics
    that a host begins or ceases to listen to.
    """

    def __init__(self, host: HostId, actors: _Actors, directory: Directory, switch: Switch) -> None:
        self._host = host
        self._actors = actors
        self._directory = directory
        self._switch = switch
        self._listeners: dict[Topic, set[HostId]] = {}
        self.changed: Callable[[Topic, HostId], None] = _nothing

    def listeners(self, topic: Topic) -> frozenset[HostId]:
        return frozenset(self._listeners.get(topic, ()))

    def on_interest(self, sender: HostId, interest: Interest) -> None:
        standings: list[Standing] = []
        foreign: list[Topic] = []
        for topic, since in interest.topics:
            if self._owns(topic):
                self._add(topic, sender)
                standings.append(self._standing(topic, since))
            else:
                foreign.append(topic)
        if standings:
            self._switch.send(sender, Listening(topics=tuple(standings)))
        if foreign:
            version = self._directory.version
            self._switch.send(sender, NotOwner(topics=tuple(foreign), version=version))

    def on_no_interest(self, sender: HostId, message: NoInterest) -> None:
        for topic in message.topics:
            self._remove(topic, sender)

    def on_digest(self, sender: HostId, digest: Digest) -> None:
        """Answer the topics that differ, sleep, or are not listened to after all."""
        differing = [
            (topic, rev) for topic, rev in digest.topics if not self._agrees(sender, topic, rev)
        ]
        if differing:
            self.on_interest(sender, Interest(topics=tuple(differing)))

    def presences(self) -> tuple[Topic, ...]:
        """Those that somebody looks at."""
        return tuple(topic for topic in self._listeners if topic.startswith(_PRESENCE))

    def publish(self, envelope: Changed | Passed) -> None:
        """Send one copy to every host that listens."""
        for host in tuple(self._listeners.get(envelope.topic, ())):
            if not self._switch.send(host, envelope):
                self._remove(envelope.topic, host)

    def announce(self, topic: Topic) -> None:
        """Its actor was loaded, and may have found changes that were committed but never told:
        whoever committed them did not hear of it. Those who listen learn where it stands."""
        listeners = self._listeners.get(topic)
        actor = self._actors.active(_actor(topic)) if listeners else None
        if isinstance(actor, Replayable):
            standing = Listening(topics=(actor.standing(topic, -1),))
            for host in tuple(listeners or ()):
                if not self._switch.send(host, standing):
                    self._remove(topic, host)

    def forget(self, host: HostId) -> None:
        """The link to `host` ended, and with it all it asked for."""
        for topic in [t for t, hosts in self._listeners.items() if host in hosts]:
            self._remove(topic, host)

    def on_view(self) -> None:
        """Topics that moved are asked for at their new owner."""
        for topic in [t for t in self._listeners if not self._owns(t)]:
            del self._listeners[topic]

    def _owns(self, topic: Topic) -> bool:
        return self._directory.serving and self._directory.owner(_actor(topic)) == self._host

    def _standing(self, topic: Topic, since: int) -> Standing:
        if topic.startswith(_PRESENCE):
            self._actors.wake(_actor(topic))
        actor = self._actors.active(_actor(topic))
        # Most sleep, and `isinstance` of a Protocol takes 10 us: a digest asks for thousands.
        if actor is not None and isinstance(actor, Replayable):
            return actor.standing(topic, since)
        return Standing(topic=topic)

    def _agrees(self, sender: HostId, topic: Topic, rev: int) -> bool:
        if sender not in self._listeners.get(topic, ()) or not self._owns(topic):
            return False
        return self._standing(topic, rev).rev == rev

    def _add(self, topic: Topic, host: HostId) -> None:
        hosts = self._listeners.setdefault(topic, set())
        if host not in hosts:
            hosts.add(host)
            self.changed(topic, host)

    def _remove(self, topic: Topic, host: HostId) -> None:
        if (hosts := self._listeners.get(topic)) and host in hosts:
            hosts.discard(host)
            if not hosts:
                del self._listeners[topic]
            self.changed(topic, host)


def _actor(topic: Topic) -> ActorId:
    kind, _, key = topic.partition(":")
    return ActorId(kind, key)


def _nothing(topic: Topic, host: HostId) -> None:
    pass
