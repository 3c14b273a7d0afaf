"""What one draft's commit does to the tables."""

from typing import Final

from msgspec.structs import replace

from streamhub.domain.channels import (
    Committed,
    Draft,
    Head,
    Hint,
    JoinDraft,
    LeaveDraft,
    Member,
    MembersJoined,
    MembersLeft,
    Message,
    MessageCreated,
    MessageDraft,
    NotStored,
    Outcome,
    Repeated,
    RevisionDraft,
)
from streamhub.domain.ids import UserId
from streamhub.persistence.memory import threads
from streamhub.persistence.memory.revisions import revise
from streamhub.persistence.memory.tables import REFUSED, ChannelRows, MemberRow, Tables, storable

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
            return Repeated(message=rows.messages[first[0] - 1], digest=first[1])
        if rows.head.term != draft.term:
            return _STALE
        if declined := threads.declined(rows, draft):
            return declined
        return REFUSED if draft.id in tables.messages else _append(tables, rows, draft)
    if rows.head.term != draft.term:
        return _STALE
    if isinstance(draft, RevisionDraft):
        return revise(tables, rows, draft)
    return (
        _join(tables, rows, draft) if isinstance(draft, JoinDraft) else _leave(tables, rows, draft)
    )


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
    rows.messages.append(message)
    rows.seqs[draft.id] = head.seq
    rows.keys[draft.author, draft.key] = (head.seq, draft.digest)
    tables.messages[draft.id] = draft.channel
    hints: list[Hint] = []
    told = draft.mentions if draft.counts else ()
    for user in sorted({mention.user for mention in told} - {draft.author}):
        if rows.present(user):
            rows.mentions.setdefault(user, []).append(head.nth)
            hints.append(tables.add_hint(user, "mentioned", draft.channel))
    change = MessageCreated(channel=draft.channel, rev=head.rev, message=message, key=draft.key)
    also = threads.replied(rows, message)
    return Committed(change=change, head=rows.head, hints=tuple(hints), also=also)


def _join(tables: Tables, rows: ChannelRows, draft: JoinDraft) -> Committed:
    joining = [user for user in dict.fromkeys(draft.users) if not rows.present(user)]
    rows.head = _raised(rows.head, bool(joining))
    head = rows.head
    for user in joining:
        member = Member(
            user=user,
            role=draft.role,
            joined_at=draft.at,
            rev=head.rev,
            floor_seq=head.seq if draft.floor_seq is None else draft.floor_seq,
        )
        rows.members[user] = MemberRow(member, read_seq=head.seq, read_nth=head.nth)
    change = MembersJoined(channel=draft.channel, rev=head.rev, members=_members(rows, joining))
    hints = tuple(tables.add_hint(user, "channel_added", draft.channel) for user in joining)
    return Committed(change=change, head=head, hints=hints)


def _leave(tables: Tables, rows: ChannelRows, draft: LeaveDraft) -> Committed:
    leaving = [user for user in dict.fromkeys(draft.users) if rows.present(user)]
    rows.head = _raised(rows.head, bool(leaving))
    head = rows.head
    for user in leaving:
        row = rows.members[user]
        row.member = replace(row.member, left_at=draft.at, rev=head.rev)
    change = MembersLeft(channel=draft.channel, rev=head.rev, members=_members(rows, leaving))
    hints = tuple(tables.add_hint(user, "channel_removed", draft.channel) for user in leaving)
    return Committed(change=change, head=head, hints=hints)


def _members(rows: ChannelRows, users: list[UserId]) -> tuple[Member, ...]:
    return tuple(rows.members[user].member for user in users)


def _raised(head: Head, changed: bool) -> Head:
    return replace(head, rev=head.rev + changed)


def _storable(draft: Draft) -> bool:
    if isinstance(draft, MessageDraft):
        texts = [draft.text, draft.key, draft.id, draft.author]
        return storable(*texts, *(mention.user for mention in draft.mentions))
    if isinstance(draft, RevisionDraft):
        return True  # it is read what it is about, before anything is written
    return storable(*draft.users)
