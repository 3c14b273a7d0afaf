"""Where users are, as the owner of their inboxes knows it, without waking anybody."""

import asyncio
from typing import Final, Protocol

from streamhub.actors.interest import Interests
from streamhub.domain.envelopes import Away, Topic
from streamhub.domain.ids import HostId, UserId
from streamhub.domain.messages import ActorId, Message, Reconsider, presence_actor
from streamhub.domain.presence import Whereabouts

DOUBT_S: Final = 5.0
"""After a link was lost or the view changed, hosts and clients come back within that time."""

_INBOX: Final = "inbox:"


class _Actors(Protocol):
    def tell_if_awake(self, to: ActorId, message: Message) -> None: ...


class UserWhereabouts:
    """Who is online, away or offline, of the users whose inbox this host owns.

    A host listens to a user's inbox while it has sessions of the user, and some seconds longer: so
    the listeners are where the user is, told and told again like all interest. Those among them
    whose sessions are all away say so. Presences that are awake are told of changes; for a user
    nobody looks at nothing is done.
    """

    def __init__(self, interests: Interests, actors: _Actors) -> None:
        self._interests = interests
        self._actors = actors
        self._away: dict[Topic, set[HostId]] = {}
        self._doubt: asyncio.TimerHandle | None = None
        interests.changed = self._on_change

    def of(self, user: UserId) -> Whereabouts:
        topic = f"{_INBOX}{user}"
        hosts = self._interests.listeners(topic)
        if not hosts:
            return "offline"
        return "away" if hosts <= self._away.get(topic, set()) else "online"

    @property
    def in_doubt(self) -> bool:
        """Whether somebody who looks offline may only not have been heard of yet."""
        return self._doubt is not None

    def on_away(self, sender: HostId, told: Away) -> None:
        for topic in told.topics:
            if sender not in self._interests.listeners(topic):
                continue  # we are not the owner; whoever is will be told
            if told.away:
                self._away.setdefault(topic, set()).add(sender)
            else:
                self._forget(topic, sender)
            self._tell(topic)

    def doubt(self) -> None:
        """A host was lost: its clients are on their way to another one, or it to us."""
        if self._doubt is not None:
            self._doubt.cancel()
        self._doubt = asyncio.get_running_loop().call_later(DOUBT_S, self._settle)

    def on_view(self) -> None:
        """Hosts tell new owners where their users are."""
        listeners = self._interests.listeners
        self._away = {topic: hosts for topic, hosts in self._away.items() if listeners(topic)}
        self.doubt()

    def close(self) -> None:
        if self._doubt is not None:
            self._doubt.cancel()

    def _settle(self) -> None:
        self._doubt = None
        for topic in self._interests.presences():
            self._tell(topic)

    def _on_change(self, topic: Topic, host: HostId) -> None:
        if topic.startswith(_INBOX):
            self._forget(topic, host)  # who comes back is not away, unless it says so again
            self._tell(topic)

    def _forget(self, topic: Topic, host: HostId) -> None:
        if hosts := self._away.get(topic):
            hosts.discard(host)
            if not hosts:
                del self._away[topic]

    def _tell(self, topic: Topic) -> None:
        user = UserId(topic.partition(":")[2])
        self._actors.tell_if_awake(presence_actor(user), Reconsider())
