"""Bugs put in on purpose: the oracle must find each within a bounded number of seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace
from simulation.database import Database, SimulatedJournal
from simulation.loop import Life
from simulation.parts import Parts
from simulation.scenario import Commit

from streamhub.actors.channel import ChannelActor
from streamhub.actors.context import Context
from streamhub.actors.system import ActorSystem
from streamhub.domain.changes import Change, Committed, NotStored, Outcome, Settled
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.drafts import Draft, MessageDraft
from streamhub.domain.ids import MESSAGE, MessageId
from streamhub.domain.membership import check_may_post
from streamhub.domain.messages import Post, Receipt
from streamhub.persistence.memory import commits
from streamhub.persistence.memory.journal import InMemoryJournal
from streamhub.persistence.memory.tables import Tables
from streamhub.transport.relay import Directory, Relay, Switch


@dataclass(frozen=True)
class Plant:
    """A bug, what is said when it is found, and the seeds within which it must be."""

    parts: Parts
    found_by: str
    within: int
    commit: Commit = commits.commit


class _NoDigest(Relay):
    """What a lost link or a dead owner hid stays hidden."""

    def _send_digests(self) -> None:
        pass


class _KeepsRemoved(Relay):
    """Who was removed goes on hearing."""

    def _fan_out(self, topic: Any, change: Change) -> None:
        live = set(topic.live)
        super()._fan_out(topic, change)
        topic.live |= live


class _TwoInFlight(SimulatedJournal):
    """A batch does not wait for the answer to the one before."""

    def __init__(self, database: Database, life: Life) -> None:
        super().__init__(database, life)
        self._database = database

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        database = self._database
        alone = InMemoryJournal(database.tables, database.soon, faults=database.fault)
        alone.submit(draft, lambda outcome: self._life.run(done, outcome))


class _LastFirst(SimulatedJournal):
    """It commits the newest draft of a batch first."""

    def _commit(self, channel: Any, batch: list[Any], lock: Any, fault: Any) -> None:
        super()._commit(channel, batch[::-1], lock, fault)


class _AnswersEarly(ChannelActor):
    """It promises a number that no commit has given yet."""

    def on_post(self, post: Post, ctx: Context) -> None:
        check_may_post(self._channel, self._members, post.author)
        draft = MessageDraft(
            channel=self._channel.id,
            term=self._head.term,
            id=MessageId(ctx.new_id(MESSAGE)),
            author=post.author,
            key=post.key,
            digest=post.digest,
            text=post.text,
            created_at=ctx.now_ms,
        )
        seq, rev = self._head.seq + 1, self._head.rev + 1
        ctx.reply(Receipt(id=draft.id, seq=seq, nth=seq, rev=rev, created_at=ctx.now_ms))
        ctx.store(draft, self._on_stored, self._on_not_stored)

    def _on_stored(self, outcome: Settled, ctx: Context) -> None:
        if isinstance(outcome, Committed):
            self._commit(outcome, ctx)

    def _on_not_stored(self, failure: NotStored, ctx: Context) -> None:
        self._give_up(failure, ctx)

    _handlers = {**ChannelActor._handlers, Post: on_post}  # type: ignore[misc,dict-item]


class _TakesAny(ChannelActor):
    """It takes a post whether or not it has the one before."""

    def _knows(self, identity: Any) -> bool:
        return True


class SkipsVersions(ActorSystem):
    """Who came back within a version that was not seen is taken for never gone."""

    def on_view(self) -> None:
        self._version = self.directory.version - 1
        super().on_view()


def _without_fence(tables: Tables, draft: Draft) -> Outcome:
    """The store takes what an older owner writes."""
    rows = tables.channels.get(draft.channel)
    term = rows.head.term if rows else draft.term
    return commits.commit(tables, replace(draft, term=term))


def _without_keys(tables: Tables, draft: Draft) -> Outcome:
    """A message that is sent again is another message."""
    if isinstance(draft, MessageDraft):
        tables.channels[draft.channel].keys.pop((draft.author, draft.key), None)
    return commits.commit(tables, draft)


def _made(relay: type[Relay]) -> Callable[[Directory, Switch, ChannelStore], Relay]:
    def make(directory: Directory, switch: Switch, store: ChannelStore) -> Relay:
        return relay(directory, switch, store.heads)

    return make


PLANTS: Final[Mapping[str, Plant]] = {
    "no digest": Plant(Parts(relay=_made(_NoDigest)), "holds", 400),
    "removed members stay": Plant(Parts(relay=_made(_KeepsRemoved)), "which is not its own", 400),
    "two batches in flight": Plant(Parts(journal=_TwoInFlight), "overtaken", 400),
    "newest first": Plant(Parts(journal=_LastFirst), "overtaken", 400),
    "answer before the commit": Plant(Parts(channel=_AnswersEarly), "was acknowledged as", 400),
    "posts asked again on their own": Plant(Parts(orderly=False), "overtaken", 400),
    "posts taken in any order": Plant(Parts(channel=_TakesAny), "overtaken", 400),
    "no fence": Plant(Parts(), "took rev", 400, _without_fence),
    "no eviction": Plant(Parts(evicts=False), "still waits", 400),
    "who left the view stays": Plant(Parts(leaves=False), "holds", 400),
    "views not compared": Plant(Parts(compares=False), "was published twice", 400),
    "no keys": Plant(Parts(), "times", 400, _without_keys),
}
