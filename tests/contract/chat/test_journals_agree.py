"""Whatever is submitted, PostgreSQL and its twin number it alike."""

import asyncio
from collections.abc import Iterator
from typing import Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.stores import (
    ChatStores,
    in_memory,
    in_postgres,
    join,
    leave,
    message,
    note,
    revise,
)

from streamhub.domain.changes import (
    Committed,
    Declined,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    NotStored,
    Outcome,
    Repeated,
    Unchanged,
)
from streamhub.domain.channels import Loaded, Message
from streamhub.domain.drafts import Delete, Draft, Edit, Operation, Pin, React, RevisionDraft
from streamhub.domain.ids import UserId
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.postgres import open_pool

Kind = Literal["message", "mention", "silent", "join", "leave", "edit", "delete", "react", "pin"]
PEOPLE = 3
CHANNELS = 2
REVISIONS: tuple[Kind, ...] = ("edit", "delete", "react", "react", "pin")
ADDITIONS: tuple[Kind, ...] = (
    "message",
    "message",
    "message",
    "mention",
    "silent",
    "join",
    "leave",
)


class Ask(NamedTuple):
    """One draft; keys are made of the text's first letter, so they often repeat."""

    kind: Kind
    channel: int
    person: int
    text: str
    by_older_owner: bool


class Step(NamedTuple):
    """Submit all at once; then perhaps every channel gets a new owner."""

    asks: list[Ask]
    new_owners: bool


asks = st.builds(
    Ask,
    st.sampled_from(ADDITIONS + REVISIONS),
    st.integers(0, CHANNELS - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(["a", "b", "bb", "c", "nul \0"]),
    st.booleans(),
)
scripts = st.lists(st.builds(Step, st.lists(asks, max_size=12), st.booleans()), max_size=6)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@given(script=scripts)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_script_has_the_same_outcomes_in_both(
    servers: EmbeddedUrls, runner: asyncio.Runner, script: list[Step]
) -> None:
    async def play_both() -> tuple[list[object], list[object]]:
        pool = await open_pool(servers.postgres, size=4, application_name="agree")
        try:
            async with in_postgres(pool) as stores:
                return await play(in_memory(), script), await play(stores, script)
        finally:
            await pool.close()

    twin, postgres = runner.run(play_both())
    assert twin == postgres


async def play(stores: ChatStores, script: list[Step]) -> list[object]:
    """What came of it, told so that two runs can be compared."""
    people = [stores.user() for _ in range(PEOPLE)]
    owned = [await stores.channel(*people[:2]) for _ in range(CHANNELS)]
    ids = [channel.channel.id for channel in owned]
    told: list[object] = []
    posted: list[Message] = []
    for step in script:
        added = [ask for ask in step.asks if ask.kind not in REVISIONS]
        outcomes = await stores.store_all(draft(ask, owned, people) for ask in added)
        told += [shown(outcome, people) for outcome in outcomes]
        posted += [message for outcome in outcomes for message in new_in(outcome)]
        for ask in step.asks:  # one by one: together, some may become one change, or none
            if ask.kind in REVISIONS and posted:
                outcome = await stores.store(revision(ask, posted, owned, people))
                told.append(shown(outcome, people))
        if step.new_owners:
            owned = [await stores.take_over(id) for id in ids]
    for id in ids:
        loaded = await stores.take_over(id)
        told.append(loaded.head)
        told.append(sorted((people.index(m.user), m.rev, m.floor_seq) for m in loaded.members))
        for person in people:
            if overview := await stores.channels.overview(id, person):
                told.append((overview.read_seq, overview.read_nth, overview.mentions))
    return told


def draft(ask: Ask, owned: list[Loaded], people: list[UserId]) -> Draft:
    channel = owned[ask.channel]
    if ask.by_older_owner:
        channel = replace(channel, head=replace(channel.head, term=channel.head.term - 1))
    user, other = people[ask.person], people[(ask.person + 1) % PEOPLE]
    if ask.kind == "join":
        draft = join(channel, user, other, floor_seq=None)
        return replace(draft, note=note(user, "added", user, other)) if ask.text == "b" else draft
    if ask.kind == "leave":
        noted = note(other, "removed", user) if ask.text == "b" else None
        return replace(leave(channel, user), note=noted)
    return message(
        channel,
        user,
        ask.text,
        key=ask.text[0],
        mentions=(other,) if ask.kind == "mention" else (),
        counts=ask.kind != "silent",
    )


def new_in(outcome: Outcome) -> list[Message]:
    changes = (outcome.change, *outcome.also) if isinstance(outcome, Committed) else ()
    return [change.message for change in changes if isinstance(change, MessageCreated)]


def revision(
    ask: Ask, posted: list[Message], owned: list[Loaded], people: list[UserId]
) -> RevisionDraft:
    message = posted[(ask.person + len(ask.text)) % len(posted)]
    channel = next(one for one in owned if one.channel.id == message.channel)
    on = ask.channel == 0
    operations: dict[Kind, Operation] = {
        "edit": Edit(text=ask.text),
        "delete": Delete(),
        "react": React(kind=ask.text, on=on),
        "pin": Pin(on=on),
    }
    made = revise(channel, message, people[ask.person], operations[ask.kind])
    return replace(made, term=made.term - ask.by_older_owner)


def shown(outcome: Outcome, people: list[UserId]) -> object:
    match outcome:
        case Repeated():
            return "repeated", outcome.message.seq, outcome.message.rev, outcome.digest
        case NotStored():
            return outcome.reason
        case Committed():
            hints = sorted((people.index(hint.user), hint.kind) for hint in outcome.hints)
            members = getattr(outcome.change, "members", ())
            changed = [(people.index(member.user), member.floor_seq) for member in members]
            noted = [(one.seq, one.nth, one.rev) for one in new_in(outcome)]
            revision = revised(outcome, people)
            return outcome.head, outcome.change.rev, hints, changed, noted, revision
        case Unchanged():
            return "unchanged", outcome.message.rev
        case Declined():
            return outcome.code


def revised(outcome: Committed, people: list[UserId]) -> object:
    """What readers see of a message that was changed."""
    change = outcome.change
    if not isinstance(change, MessageUpdated | MessageDeleted):
        return None
    said = change.message
    reactions = [
        (one.kind, one.count, [people.index(user) for user in one.users]) for one in said.reactions
    ]
    times = (said.edited_at, said.deleted_at, said.pinned_at)
    return said.seq, said.nth, said.text, reactions, times, type(change).__name__
