"""A batch of replies: read what they reply to, work out their numbers, write both."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from streamhub.domain import threads
from streamhub.domain.changes import (
    Change,
    Committed,
    Hint,
    MessageCreated,
    MessageUpdated,
    NotStored,
    Outcome,
)
from streamhub.domain.channels import Head, Message
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.ids import ChannelId, MessageId
from streamhub.persistence.batches import message_of_draft
from streamhub.persistence.postgres import Connection, Record
from streamhub.persistence.revisions import columns_of
from streamhub.persistence.rows import encoded, message_of
from streamhub.persistence.sql import load

_READ: Final = load("revised_messages")
_WRITE: Final = load("append_replies")
_STALE: Final = NotStored(reason="stale")


async def append_replies(connection: Connection, drafts: Sequence[MessageDraft]) -> list[Outcome]:
    """Store a batch in which each channel has one term, and no key is used yet. One outcome per
    draft, in order. Raises the driver's errors; then nothing was stored, or nobody knows.
    """
    channels, roots = [draft.channel for draft in drafts], [draft.thread for draft in drafts]
    found = {row["ord"]: row for row in await connection.fetch(_READ, channels, roots)}
    batch = _Batch()
    for number, draft in enumerate(drafts, 1):
        batch.take(draft, found.get(number))
    batch.number_roots()
    if batch.replies:
        batch.settle(await connection.fetch(_WRITE, *batch.arguments()))
    return batch.outcomes


class _Reply(NamedTuple):
    at: int  # which draft
    draft: MessageDraft
    message: Message
    number: int
    head: Head


class _Batch:
    """First all replies get their numbers, then the messages they reply to; a channel's last reply
    carries those changes."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.replies: list[_Reply] = []
        self._before: dict[ChannelId, int] = {}
        self._heads: dict[ChannelId, Head] = {}
        self._roots: dict[MessageId, Message] = {}
        self._also: dict[ChannelId, list[Change]] = {}

    def take(self, draft: MessageDraft, row: Record | None) -> None:
        if row is None or row["term"] != draft.term:
            self.outcomes.append(_STALE)
            return
        _, term, rev, seq, nth, *stored = row
        if draft.channel not in self._heads:
            self._before[draft.channel] = rev
            self._heads[draft.channel] = Head(term=term, rev=rev, seq=seq, nth=nth)
        root = None if row["id"] is None else self._roots.get(row["id"]) or message_of(stored)
        if (declined := threads.declined(root, draft)) or root is None:
            self.outcomes.append(declined or _STALE)
            return
        head = self._heads[draft.channel]
        head = replace(head, rev=head.rev + 1, seq=head.seq + 1, nth=head.nth + draft.counts)
        self._heads[draft.channel] = head
        message = message_of_draft(draft, head.rev, head.seq, head.nth)
        root = self._roots[root.id] = threads.replied(root, message)
        self.replies.append(_Reply(len(self.outcomes), draft, message, root.replies, head))
        self.outcomes.append(_STALE)  # until it is written

    def number_roots(self) -> None:
        for id, root in self._roots.items():
            head = self._heads[root.channel]
            head = self._heads[root.channel] = replace(head, rev=head.rev + 1)
            root = self._roots[id] = replace(root, rev=head.rev)
            change = MessageUpdated(channel=root.channel, rev=head.rev, message=root)
            self._also.setdefault(root.channel, []).append(change)

    def arguments(self) -> Iterator[list[object]]:
        heads = self._heads.items()
        changed = (
            (id, head.term, self._before[id], head.rev, head.seq, head.nth)
            for id, head in heads
            if id in self._also
        )
        yield from columns_of(changed, 6)
        yield from columns_of((_row(reply) for reply in self.replies), 15)
        roots = (
            (one.channel, one.seq, one.rev, one.replies, one.last_reply_seq, one.last_reply_at)
            for one in self._roots.values()
        )
        yield from columns_of(roots, 6)
        told = ((reply.message.id, *one) for reply in self.replies for one in reply.draft.notified)
        yield from columns_of(told, 3)
        yield [reply.message.id for reply in self.replies if not reply.draft.silent]

    def settle(self, rows: list[Record]) -> None:
        """What of it was written, by the statement's answer."""
        hints: dict[tuple[ChannelId, int], list[Hint]] = {}
        written: set[ChannelId] = set()
        for channel, rev, seq, number, user, kind in rows:
            if number is None:
                written.add(channel)
            else:
                hint = Hint(number=number, user=user, kind=kind, channel=channel, rev=rev, seq=seq)
                hints.setdefault((channel, rev), []).append(hint)
        last = {reply.draft.channel: reply.at for reply in self.replies}
        for at, draft, message, _, head in self.replies:
            if draft.channel not in written:
                continue
            ends = last[draft.channel] == at
            created = MessageCreated(
                channel=draft.channel, rev=message.rev, message=message, key=draft.key
            )
            self.outcomes[at] = Committed(
                change=created,
                head=self._heads[draft.channel] if ends else head,
                hints=tuple(hints.get((draft.channel, message.rev), ())),
                also=tuple(self._also[draft.channel]) if ends else (),
            )


def _row(reply: _Reply) -> tuple[object, ...]:
    message = reply.message
    return (
        message.channel,
        message.seq,
        message.nth,
        message.rev,
        message.id,
        message.author,
        reply.draft.key,
        reply.draft.digest,
        message.text,
        message.created_at,
        encoded(message.mentions),
        message.thread,
        encoded(message.files),
        message.in_channel,
        reply.number,
    )
