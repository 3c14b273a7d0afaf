"""Who listens to what: answered at once from committed state, on the link of what follows."""

from typing import Any

import pytest
from support.actor_bench import ELSEWHERE, HERE, THERE, FixedDirectory, RecordingSwitch

from streamhub.actors.interest import Interests
from streamhub.domain.changes import MembersJoined
from streamhub.domain.envelopes import (
    Changed,
    Digest,
    Interest,
    Listening,
    NoInterest,
    NotOwner,
    Standing,
)
from streamhub.domain.ids import ChannelId
from streamhub.domain.messages import ActorId

TOPIC, OTHER, INBOX = "channel:ch_a", "channel:ch_b", "inbox:us_a"
CHANGED = Changed(
    topic=TOPIC, term=1, change=MembersJoined(channel=ChannelId("ch_a"), rev=6, members=())
)


class Awake:
    """A channel that is awake, at rev 5."""

    def standing(self, topic: str, since: int) -> Standing:
        return Standing(topic=topic, term=1, rev=5, changes=() if since == 5 else None)


class Actors:
    """`awake` are the actors of this host."""

    def __init__(self) -> None:
        self.awake: dict[ActorId, Any] = {ActorId("channel", "ch_a"): Awake()}
        self.woken: list[ActorId] = []

    def active(self, actor_id: ActorId) -> object:
        return self.awake.get(actor_id)

    def wake(self, actor_id: ActorId) -> None:
        self.woken.append(actor_id)


class Stage:
    def __init__(self) -> None:
        self.directory = FixedDirectory()
        self.switch = RecordingSwitch()
        self.actors = Actors()
        self.interests = Interests(HERE, self.actors, self.directory, self.switch)

    def listens(self, topic: str, since: int = -1) -> list[object]:
        """What THERE is told when it asks."""
        self.interests.on_interest(THERE, Interest(topics=((topic, since),)))
        return list(self.switch.to(THERE))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_who_listens_is_told_where_it_stands_and_hears_what_follows(stage: Stage) -> None:
    standing = Standing(topic=TOPIC, term=1, rev=5, changes=())
    assert stage.listens(TOPIC, 5) == [Listening(topics=(standing,))]
    stage.interests.publish(CHANGED)
    assert stage.switch.sent == [(THERE, CHANGED)]


def test_listening_wakes_nobody(stage: Stage) -> None:
    assert stage.listens(OTHER) == [Listening(topics=(Standing(topic=OTHER),))]


def test_what_this_host_does_not_own_is_said(stage: Stage) -> None:
    stage.directory.elsewhere[ActorId("channel", "ch_b")] = ELSEWHERE
    stage.interests.on_interest(THERE, Interest(topics=((TOPIC, 5), (OTHER, 1))))
    listening, not_owner = stage.switch.to(THERE)
    assert isinstance(listening, Listening)
    assert [standing.topic for standing in listening.topics] == [TOPIC]
    assert not_owner == NotOwner(topics=(OTHER,), version=1)
    assert stage.interests.listeners(OTHER) == frozenset()


def test_without_its_lease_a_host_owns_nothing(stage: Stage) -> None:
    stage.directory.serving = False
    assert stage.listens(TOPIC) == [NotOwner(topics=(TOPIC,), version=1)]


def test_one_copy_goes_to_each_host(stage: Stage) -> None:
    for host in (THERE, ELSEWHERE, THERE):
        stage.interests.on_interest(host, Interest(topics=((TOPIC, 5),)))
    stage.switch.sent.clear()
    stage.interests.publish(CHANGED)
    assert sorted(stage.switch.sent, key=str) == [(ELSEWHERE, CHANGED), (THERE, CHANGED)]


def test_who_does_not_care_any_more_hears_nothing(stage: Stage) -> None:
    stage.listens(TOPIC)
    stage.interests.on_no_interest(THERE, NoInterest(topics=(TOPIC, OTHER)))
    stage.interests.publish(CHANGED)
    assert stage.switch.sent == []


def test_a_lost_link_takes_its_interests_with_it(stage: Stage) -> None:
    stage.listens(TOPIC)
    stage.interests.on_interest(ELSEWHERE, Interest(topics=((TOPIC, 5),)))
    stage.interests.forget(THERE)
    assert stage.interests.listeners(TOPIC) == {ELSEWHERE}


def test_who_cannot_be_sent_to_is_forgotten(stage: Stage) -> None:
    stage.listens(TOPIC)
    stage.switch.down.add(THERE)
    stage.interests.publish(CHANGED)
    assert stage.interests.listeners(TOPIC) == frozenset()


def test_a_topic_that_moved_has_no_listeners_here(stage: Stage) -> None:
    stage.listens(TOPIC)
    stage.listens(OTHER)
    stage.directory.elsewhere[ActorId("channel", "ch_a")] = ELSEWHERE
    stage.interests.on_view()
    assert stage.interests.listeners(TOPIC) == frozenset()
    assert stage.interests.listeners(OTHER) == {THERE}


def test_a_digest_that_agrees_is_not_answered(stage: Stage) -> None:
    stage.listens(TOPIC)
    stage.listens(INBOX)
    stage.interests.on_digest(THERE, Digest(topics=((TOPIC, 5), (INBOX, -1))))
    assert stage.switch.sent == []


@pytest.mark.parametrize("held", [4, 6])
def test_a_digest_that_differs_is_answered(stage: Stage, held: int) -> None:
    stage.listens(TOPIC)
    stage.interests.on_digest(THERE, Digest(topics=((TOPIC, held),)))
    standing = Standing(topic=TOPIC, term=1, rev=5)
    assert stage.switch.to(THERE) == [Listening(topics=(standing,))]


def test_a_digest_of_who_is_not_known_to_listen_makes_it_a_listener(stage: Stage) -> None:
    stage.interests.on_digest(THERE, Digest(topics=((TOPIC, 5),)))
    assert stage.interests.listeners(TOPIC) == {THERE}
    [answer] = stage.switch.to(THERE)
    assert isinstance(answer, Listening)


def test_a_digest_of_a_sleeping_topic_says_that_it_sleeps(stage: Stage) -> None:
    stage.listens(OTHER)
    stage.interests.on_digest(THERE, Digest(topics=((OTHER, 3),)))
    assert stage.switch.to(THERE) == [Listening(topics=(Standing(topic=OTHER),))]


def test_who_listens_hears_where_a_channel_stands_when_it_wakes(stage: Stage) -> None:
    stage.interests.announce(TOPIC)
    assert stage.switch.sent == [], "nobody listens"
    stage.listens(TOPIC)
    stage.interests.announce(TOPIC)
    [told] = stage.switch.to(THERE)
    assert isinstance(told, Listening)
    assert told.topics[0].rev == 5


def test_only_a_presence_is_woken_and_kept_awake(stage: Stage) -> None:
    for topic in (TOPIC, OTHER, INBOX):
        stage.listens(topic)
    assert stage.actors.woken == []
    presence = ActorId("presence", "us_a")
    stage.listens(str(presence))
    stage.interests.on_digest(THERE, Digest(topics=((str(presence), -1),)))
    assert stage.actors.woken == [presence, presence]
    assert stage.switch.to(THERE) == [], "there is nothing to answer"
    assert stage.interests.presences() == (str(presence),)


def test_hosts_that_come_and_go_are_told_once(stage: Stage) -> None:
    changed: list[tuple[str, str]] = []
    stage.interests.changed = lambda topic, host: changed.append((topic, host))
    for _ in range(2):
        stage.listens(INBOX)
    assert changed == [(INBOX, THERE)]
    for _ in range(2):
        stage.interests.on_no_interest(THERE, NoInterest(topics=(INBOX,)))
    assert changed == [(INBOX, THERE)] * 2
