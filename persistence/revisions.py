"""A batch of revisions: read what they are about, work out what becomes of it, write that."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from streamhub.domain.changes import (
    Committed,
    Hint,
    MessageDeleted,
    MessageUpdated,
    NotStored,
    Outcome,
    Unchanged,
)
from streamhub.domain.channels import Head, Message
from streamhub.domain.drafts import React, RevisionDraft
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.reactions import SHOWN_USERS, Given, Tally
from streamhub.domain.revisions import NO_MESSAGE, Gathered, Revision
from streamhub.persistence.postgres import Connection, Record
from streamhub.persistence.rows import encoded, message_of
from streamhub.persistence.sql import load

_READ: Final = load("revised_messages")
_REACTIONS: Final = load("first_reactions")
_CALLED: Final = load("called")
_WRITE: Final = load("revise_messages")
_STALE: Final = NotStored(reason="stale")

Tallies = dict[MessageId, dict[str, Tally]]


async def revise_messages(connection: Connection, drafts: Sequence[RevisionDraft]) -> list[Outcome]:
    """Store a batch in which each channel has one term. One outcome per draft, in order.

    Raises the driver's errors; then nothing was stored, or nobody knows.
    """
    rows = await connection.fetch(
        _READ, [draft.channel for draft in drafts], [draft.message for draft in drafts]
    )
    found = {row["ord"]: row for row in rows}
    batch = _Batch(await _tallies(connection, drafts, found))
    for number, draft in enumerate(drafts, 1):
        batch.take(draft, found.get(number))
    if silenced := batch.calling_no_more():
        batch.called = await _called(connection, silenced)
    if numbered := batch.numbered():
        batch.settle(numbered, await connection.fetch(_WRITE, *_arguments(numbered)))
    return batch.outcomes()


async def _tallies(
    connection: Connection, drafts: Sequence[RevisionDraft], found: dict[int, Record]
) -> Tallies:
    """Of every kind that is given or taken back here."""
    asked: dict[tuple[MessageId, str], set[UserId]] = {}
    counts: dict[tuple[MessageId, str], int] = {}
    for number, draft in enumerate(drafts, 1):
        row = found.get(number)
        if row is None or row["id"] is None or row["term"] != draft.term:
            continue
        if isinstance(draft.operation, React):
            named = (draft.message, draft.operation.kind)
            asked.setdefault(named, set()).add(draft.by)
            held = message_of(row[5:]).reactions if named not in counts else ()
            counts.setdefault(named, sum(one.count for one in held if one.kind == named[1]))
    if not asked:
        return {}
    users = [(*named, user) for named, some in asked.items() for user in sorted(some)]
    rows = await connection.fetch(
        _REACTIONS,
        [message for message, _ in asked],
        [kind for _, kind in asked],
        [SHOWN_USERS + len(some) for some in asked.values()],
        *columns_of(users, 3),
    )
    first: dict[tuple[MessageId, str], list[Given]] = {}
    among: dict[tuple[MessageId, str], list[UserId]] = {}
    for message, kind, user, rev in rows:
        if rev is None:
            among.setdefault((message, kind), []).append(user)
        else:
            first.setdefault((message, kind), []).append((rev, user))
    tallies: Tallies = {}
    for message, kind in asked:
        named = (message, kind)
        tally = Tally(counts[named], first.get(named, ()), among.get(named, ()))
        tallies.setdefault(message, {})[kind] = tally
    return tallies


async def _called(
    connection: Connection, messages: Sequence[Message]
) -> dict[MessageId, list[UserId]]:
    """Whom each of them mentions."""
    asked = columns_of(((m.channel, m.nth, m.seq) for m in messages), 3)
    found: dict[MessageId, list[UserId]] = {}
    for number, user in await connection.fetch(_CALLED, *asked):
        found.setdefault(messages[number - 1].id, []).append(user)
    return found


class _Batch:
    """The drafts of a batch, what they make of their messages, and the numbers those get."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._heads: dict[ChannelId, Head] = {}
        self._revisions: dict[MessageId, Revision] = {}
        self._told: list[tuple[RevisionDraft, Outcome | None]] = []
        self._written: dict[MessageId, Outcome] = {}
        self.called: dict[MessageId, list[UserId]] = {}

    def calling_no_more(self) -> list[Message]:
        """Messages of which it must be read whom they called: then it is `called`."""
        return [one.message for one in self._revisions.values() if one.calls_no_more]

    def take(self, draft: RevisionDraft, row: Record | None) -> None:
        if row is None or row["term"] != draft.term:
            self._told.append((draft, _STALE))
            return
        _, term, rev, seq, nth, *message = row
        self._heads.setdefault(draft.channel, Head(term=term, rev=rev, seq=seq, nth=nth))
        if row["id"] is None:
            self._told.append((draft, NO_MESSAGE))
            return
        revision = self._revisions.get(draft.message)
        if revision is None:
            tallies = self._tallies.get(draft.message, {})
            revision = self._revisions[draft.message] = Revision(message_of(message), tallies)
        self._told.append((draft, revision.take(draft)))

    def numbered(self) -> list["_Numbered"]:
        """What changed, each under the number that the first draft it took gives it."""
        heads = dict(self._heads)
        numbered: dict[MessageId, _Numbered] = {}
        for draft, declined in self._told:
            revision = self._revisions.get(draft.message)
            if declined or revision is None or not revision.changed or draft.message in numbered:
                continue
            head = heads[draft.channel]
            head = heads[draft.channel] = replace(head, rev=head.rev + 1)
            change, before = revision.change(head.rev), self._heads[draft.channel].rev
            rows = revision.gathered(self.called.get(draft.message, ()))
            numbered[draft.message] = _Numbered(change, head, before, rows)
        return list(numbered.values())

    def settle(self, numbered: list["_Numbered"], rows: list[Record]) -> None:
        """What of it was written, by the statement's answer."""
        hints: dict[tuple[ChannelId, int], list[Hint]] = {}
        written: set[ChannelId] = set()
        for channel, rev, seq, number, user, kind in rows:
            if number is None:
                written.add(channel)
            else:
                hint = Hint(number=number, user=user, kind=kind, channel=channel, rev=rev, seq=seq)
                hints.setdefault((channel, rev), []).append(hint)
        for change, head, _, _ in numbered:
            told = tuple(hints.get((change.channel, change.rev), ()))
            committed = Committed(change=change, head=head, hints=told)
            self._written[change.message.id] = committed if change.channel in written else _STALE

    def outcomes(self) -> list[Outcome]:
        return [
            declined
            or self._written.get(draft.message)
            or Unchanged(message=self._revisions[draft.message].message)
            for draft, declined in self._told
        ]


class _Numbered(NamedTuple):
    """A message's change, the head after it, the rev before the batch, and the rows beside it."""

    change: MessageUpdated | MessageDeleted
    head: Head
    before: int
    rows: Gathered


def _arguments(numbered: list[_Numbered]) -> Iterator[list[object]]:
    """Of the statement that writes it all."""
    heads = {one.change.channel: one for one in numbered}  # the last one has the channel's new rev
    yield from columns_of(
        ((id, one.head.term, one.before, one.head.rev) for id, one in heads.items()), 4
    )
    yield from columns_of((_row(one.change.message) for one in numbered), 13)
    messages = [(one.change.message, one.rows) for one in numbered]
    yield from columns_of(
        (
            (message.id, said.text, encoded(said.mentions), said.written_at)
            for message, rows in messages
            for said in rows.editions
        ),
        4,
    )
    yield from columns_of(((m.id, *one) for m, rows in messages for one in rows.added), 3)
    yield from columns_of(((m.id, *one) for m, rows in messages for one in rows.removed), 3)
    yield from columns_of(
        ((user, m.channel, m.nth, m.seq) for m, rows in messages for user in rows.unmentioned), 4
    )
    yield from columns_of(
        ((user, m.channel, m.nth, m.seq) for m, rows in messages for user in rows.mentioned), 4
    )


def _row(message: Message) -> tuple[object, ...]:
    return (
        message.channel,
        message.seq,
        message.id,
        message.rev,
        message.text,
        encoded(message.mentions),
        encoded(message.files),
        message.edited_at,
        message.deleted_at,
        encoded(message.reactions),
        message.pinned_at,
        message.pinned_by,
        message.deleted_at is not None,
    )


def columns_of(rows: Iterable[tuple[object, ...]], width: int) -> Iterator[list[object]]:
    """Rows as arrays, one per column; of no rows, empty ones."""
    columns: list[list[object]] = [[] for _ in range(width)]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return iter(columns)
