"""The statements of a batch: drafts in, outcomes out."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.changes import Committed, Hint, MessageCreated, NotStored, Repeated
from streamhub.domain.channels import Head, Message
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.ids import ChannelId
from streamhub.persistence.postgres import Connection, Record
from streamhub.persistence.rows import encoded, message_of
from streamhub.persistence.sql import load

_APPEND: Final = load("append_messages")
_FIRST: Final = load("first_messages")
_STALE: Final = NotStored(reason="stale")


async def append_messages(
    connection: Connection, drafts: Sequence[MessageDraft]
) -> list[Committed | None]:
    """Store a batch in which each channel has one term. One outcome per draft, in order.

    None: left out, because its key was used before or because its term is not the channel's.
    Raises the driver's errors; then nothing was stored, or nobody knows.
    """
    terms = {draft.channel: draft.term for draft in drafts}
    told = [(number, *one) for number, draft in enumerate(drafts, 1) for one in draft.notified]
    rows = await connection.fetch(
        _APPEND,
        [draft.channel for draft in drafts],
        [draft.id for draft in drafts],
        [draft.author for draft in drafts],
        [draft.key for draft in drafts],
        [draft.digest for draft in drafts],
        [draft.text for draft in drafts],
        [draft.created_at for draft in drafts],
        [encoded(draft.mentions) for draft in drafts],
        [draft.thread for draft in drafts],
        [encoded(draft.files) for draft in drafts],
        [draft.counts for draft in drafts],
        list(terms),
        list(terms.values()),
        [number for number, *_ in told],
        [user for _, user, _ in told],
        [kind for *_, kind in told],
    )
    return _numbered(drafts, rows)


async def find_first(
    connection: Connection, drafts: Sequence[MessageDraft]
) -> list[Repeated | NotStored]:
    """Why each of these was left out: the message that used its key first, or a stale term."""
    rows = await connection.fetch(
        _FIRST,
        [draft.channel for draft in drafts],
        [draft.author for draft in drafts],
        [draft.key for draft in drafts],
    )
    outcomes: list[Repeated | NotStored] = [_STALE] * len(drafts)
    for row in rows:
        number, digest, *message = row
        outcomes[number - 1] = Repeated(message=message_of(message), digest=digest)
    return outcomes


def _numbered(drafts: Sequence[MessageDraft], rows: list[Record]) -> list[Committed | None]:
    outcomes: list[Committed | None] = [None] * len(drafts)
    hints: dict[tuple[ChannelId, int], list[Hint]] = {}
    for channel, rev, seq, number, ords, user, kind in rows:
        if ords is None:
            hint = Hint(number=number, user=user, kind=kind, channel=channel, rev=rev, seq=seq)
            hints.setdefault((channel, rev), []).append(hint)
    for channel, rev, seq, nth, ords, *_ in rows:
        for number in ords or ():
            draft = drafts[number - 1]
            rev, seq, nth = rev + 1, seq + 1, nth + draft.counts
            written = hints.get((channel, rev)) if hints else None
            outcomes[number - 1] = Committed(
                change=MessageCreated(
                    channel=channel,
                    rev=rev,
                    message=message_of_draft(draft, rev, seq, nth),
                    key=draft.key,
                ),
                head=Head(term=draft.term, rev=rev, seq=seq, nth=nth),
                hints=tuple(written) if written else (),
            )
    return outcomes


def message_of_draft(draft: MessageDraft, rev: int, seq: int, nth: int) -> Message:
    """The draft under the numbers its commit gives it."""
    return Message(
        id=draft.id,
        channel=draft.channel,
        seq=seq,
        nth=nth,
        rev=rev,
        author=draft.author,
        text=draft.text,
        created_at=draft.created_at,
        mentions=draft.mentions,
        thread=draft.thread,
        files=draft.files,
        in_channel=draft.in_channel,
    )
