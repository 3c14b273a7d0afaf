"""What owners and members do to a channel itself: drafts in, outcomes out, one at a time."""

from collections.abc import Sequence
from typing import Final

import msgspec

from streamhub.domain.changes import (
    ChannelUpdated,
    Committed,
    Hint,
    MembersChange,
    MembersJoined,
    MembersLeft,
    MembersUpdated,
    MessageCreated,
    NotStored,
    Outcome,
)
from streamhub.domain.channels import Head
from streamhub.domain.drafts import (
    BanDraft,
    ExpireDraft,
    InfoDraft,
    JoinDraft,
    LeaveDraft,
    MemberDraft,
    MembershipDraft,
)
from streamhub.domain.retention import EXPIRED_AT_ONCE
from streamhub.domain.system_notes import with_note
from streamhub.persistence.postgres import Connection, Record
from streamhub.persistence.rows import CHANNEL_COLUMNS, channel_of, member_of
from streamhub.persistence.sql import load

_JOIN: Final = load("join_members")
_LEAVE: Final = load("leave_members")
_BAN: Final = load("ban_members")
_UPDATE: Final = load("update_members")
_NOTE: Final = load("append_note")
_INFO: Final = f"{load('update_channel')} {CHANNEL_COLUMNS}"
_EXPIRE: Final = (
    f"{load('expire_messages')} {CHANNEL_COLUMNS} FROM head c LEFT JOIN hinted o ON true"
)
_STALE: Final = NotStored(reason="stale")

_CHANGES: Final[dict[type[MembershipDraft], type[MembersChange]]] = {
    JoinDraft: MembersJoined,
    LeaveDraft: MembersLeft,
    BanDraft: MembersLeft,
    MemberDraft: MembersUpdated,
}


async def manage(
    connection: Connection, draft: MembershipDraft | InfoDraft | ExpireDraft
) -> Outcome:
    """Store it. Raises the driver's errors; then nothing was stored, or nobody knows."""
    if isinstance(draft, ExpireDraft):
        rows = await connection.fetch(_EXPIRE, *_oldest(draft))
        return _expired(rows) if rows else _STALE
    if isinstance(draft, InfoDraft):
        row = await connection.fetchrow(_INFO, *_properties(draft))
        return _updated(draft, row) if row is not None else _STALE
    if isinstance(draft, MemberDraft) or draft.note is None:
        rows = await _change_members(connection, draft)
        return _changed(draft, rows) if rows else _STALE
    async with connection.transaction():
        rows = await _change_members(connection, draft)
        if not rows:
            return _STALE
        noted = with_note(_changed(draft, rows), draft.note, draft.at)
        await _keep_note(connection, noted)
    return noted


async def _change_members(connection: Connection, draft: MembershipDraft) -> list[Record]:
    where, users = (draft.channel, draft.term), list(draft.users)
    match draft:
        case JoinDraft(role=role, at=at, floor_seq=floor, by=by):
            return await connection.fetch(_JOIN, *where, users, role, at, floor, by)
        case LeaveDraft(at=at):
            return await connection.fetch(_LEAVE, *where, users, at)
        case BanDraft(at=at):
            return await connection.fetch(_BAN, *where, users, at)
        case MemberDraft(role=role, muted_until=until, unban=unban):
            return await connection.fetch(_UPDATE, *where, users, role, until, unban)


async def _keep_note(connection: Connection, noted: Committed) -> None:
    for created in noted.also:
        assert isinstance(created, MessageCreated)  # noqa: S101 - for the type checker
        message = created.message
        note = msgspec.json.encode(message.system).decode()
        where = (message.channel, message.id, message.author)
        await connection.execute(_NOTE, *where, message.created_at, note)


def _changed(draft: MembershipDraft, rows: Sequence[Record]) -> Committed:
    rev, seq, nth = rows[0][:3]
    changed = [row[3:] for row in rows if row["user_id"] is not None]
    members = tuple(
        member_of((user, role, joined_at, rev, *rest))
        for user, role, joined_at, *rest, _ in changed
    )
    joined = isinstance(draft, JoinDraft)
    by = draft.by if isinstance(draft, JoinDraft) else None
    hints = tuple(
        Hint(
            number=number,
            user=user,
            kind="channel_added" if joined else "channel_removed",
            channel=draft.channel,
            rev=rev,
            by=by,
        )
        for user, *_, number in changed
        if number is not None
    )
    return Committed(
        change=_CHANGES[type(draft)](channel=draft.channel, rev=rev, members=members),
        head=Head(term=draft.term, rev=rev, seq=seq, nth=nth),
        hints=hints,
    )


def _properties(draft: InfoDraft) -> tuple[object, ...]:
    rules = msgspec.json.encode(draft.rules).decode()
    changed = (draft.name, draft.topic, draft.archived, rules)
    return (draft.channel, draft.term, draft.at, *changed)


def _updated(draft: InfoDraft, row: Record) -> Committed:
    changes, term, rev, seq, nth, *properties = row
    info = channel_of(properties)
    archived = changes and draft.archived is True and info.archived_at == draft.at
    return Committed(
        change=ChannelUpdated(channel=info.id, rev=rev, info=info, archived=archived),
        head=Head(term=term, rev=rev, seq=seq, nth=nth),
    )


def _oldest(draft: ExpireDraft) -> tuple[object, ...]:
    return (draft.channel, draft.term, draft.before, EXPIRED_AT_ONCE)


def _expired(rows: Sequence[Record]) -> Committed:
    _, _, term, rev, seq, nth, *properties = rows[0]
    info = channel_of(properties)
    hints = tuple(
        Hint(number=number, user=user, kind="unmentioned", channel=info.id, rev=rev)
        for number, user, *_ in rows
        if number is not None
    )
    return Committed(
        change=ChannelUpdated(channel=info.id, rev=rev, info=info),
        head=Head(term=term, rev=rev, seq=seq, nth=nth),
        hints=hints,
    )
