"""What hosts send each other over their link, in the order it was sent.

A *topic* is the text of an actor's id: a channel publishes its changes on it, an inbox what its
user's sessions must hear, a presence whether its user is there. Asks carry the time left in ms, not
a point in time, since the clocks of two hosts differ.
"""

import msgspec

from streamhub.domain.changes import Change
from streamhub.domain.messages import (
    ActorId,
    Answer,
    AwayChanged,
    Message,
    Passing,
    PresenceUpdated,
)

Topic = str


class Ask(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=1):
    """A request to an actor. `number` is the asker's; `hops` counts forwards (at most one)."""

    to: ActorId
    number: int
    within_ms: int
    message: Message
    hops: int = 0
    origin: str = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=2):
    """The one answer to the request `number`."""

    number: int
    answer: Answer


class Tell(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=3):
    """A message without an answer, at most once."""

    to: ActorId
    message: Message


class Changed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=4):
    """A durable change of a topic, published by the owner of `term`."""

    topic: Topic
    term: int
    change: Change


class Passed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=5):
    """Something ephemeral on a topic."""

    topic: Topic
    event: Passing | AwayChanged


class Interest(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=6):
    """Listen to these topics. The number is the rev the listener holds (-1: none yet)."""

    topics: tuple[tuple[Topic, int], ...]


class NoInterest(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=7):
    """Listen no longer."""

    topics: tuple[Topic, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a topic stands at its owner.

    `term` 0 and `rev` -1: it sleeps there, ask the store. `changes` are those after the rev that
    was asked for, None when they are not at hand: pull them from the store. A presence has no
    revs: `presence` is all there is to know.
    """

    topic: Topic
    term: int = 0
    rev: int = -1
    changes: tuple[Change, ...] | None = None
    presence: PresenceUpdated | None = None


class Listening(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=8):
    """The answer to `Interest`; everything published later follows it on this link."""

    topics: tuple[Standing, ...]


class NotOwner(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=9):
    """The answer to `Interest` in topics that this host does not own, in its view `version`."""

    topics: tuple[Topic, ...]
    version: int


class Digest(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=10):
    """The revs held of topics that were quiet lately; answered by `Listening` for those that
    differ or sleep."""

    topics: tuple[tuple[Topic, int], ...]


class Away(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=11):
    """Of these inboxes, which the sender listens to, its sessions are all away, or no longer."""

    topics: tuple[Topic, ...]
    away: bool


Envelope = (
    Ask
    | Answered
    | Tell
    | Changed
    | Passed
    | Interest
    | NoInterest
    | Listening
    | NotOwner
    | Digest
    | Away
)
