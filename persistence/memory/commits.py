"""What one draft's commit does to the tables."""

from typing import Final

from msgspec.structs import replace

from streamhub.domain.changes import Committed, Hint, MessageCreated, NotStored, Outcome, Repeated
from streamhub.domain.channels import Message
from streamhub.domain.drafts import Draft, ExpireDraft, InfoDraft, MessageDraft, RevisionDraft
from streamhub.persistence.memory import threads
from streamhub.persistence.memory.managing import manage
from streamhub.persistence.memory.revisions import revise
from streamhub.persistence.memory.tables import REFUSED, ChannelRows, Tables, storable

_STALE: Final = NotStored(reason="stale")


def commit(tables: Tables, draft: Draft) -> Outcome:
    """Store `draft` or say why not, as PostgreSQL would."""
    if not _storable(draft):
        return REFUSED
    rows = tables.channels.get(draft.channel)
    if rows is None:
        return _STALE
    if isinstance(draft, MessageDraft):
        if first := rows.keys.get((draft.author, draft.key)):
            return Repeated(message=rows.at(first[0]), digest=first[1])
        if rows.head.term != draft.term:
            return _STALE
        if declined := threads.declined(rows, draft):
            return declined
        return REFUSED if draft.id in tables.messages else _append(tables, rows, draft)
    if rows.head.term != draft.term:
        return _STALE
    if isinstance(draft, RevisionDraft):
        return revise(tables, rows, draft)
    return manage(tables, rows, draft)


def _append(tables: Tables, rows: ChannelRows, draft: MessageDraft) -> Committed:
    head = replace(
        rows.head,
        rev=rows.head.rev + 1,
        seq=rows.head.seq + 1,
        nth=rows.head.nth + draft.counts,
    )
    message = Message(
        id=draft.id,
        channel=draft.channel,
        seq=head.seq,
        nth=head.nth,
        rev=head.rev,
        author=draft.author,
        text=draft.text,
        created_at=draft.created_at,
        mentions=draft.mentions,
        thread=draft.thread,
        files=draft.files,
        in_channel=draft.in_channel,
    )
    rows.head = head
    tables.append(rows, message, draft.key, draft.digest)
    hints: list[Hint] = []
    for user, kind in draft.notified:
        if rows.present(user):
            if kind == "mentioned":
                rows.mentions.setdefault(user, []).append(head.nth)
            hint = tables.add_hint(user, kind, draft.channel, rev=head.rev, seq=head.seq)
            hints.append(hint)
    told = {hint.user for hint in hints}
    for user in () if draft.silent else threads.followers(rows, message):
        if user not in told and rows.present(user):
            hint = tables.add_hint(user, "replied", draft.channel, rev=head.rev, seq=head.seq)
            hints.append(hint)
    change = MessageCreated(channel=draft.channel, rev=head.rev, message=message, key=draft.key)
    also = threads.replied(rows, message)
    return Committed(change=change, head=rows.head, hints=tuple(hints), also=also)


def _storable(draft: Draft) -> bool:
    if isinstance(draft, MessageDraft):
        texts = [draft.text, draft.key, draft.id, draft.author]
        return storable(*texts, *(one.user for one in draft.mentions if one.user is not None))
    if isinstance(draft, RevisionDraft | ExpireDraft):
        return True  # it is read what it is about, before anything is written
    if isinstance(draft, InfoDraft):
        return storable(draft.name or "", draft.topic or "")
    return storable(*draft.users)
