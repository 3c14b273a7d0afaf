"""What one change of a channel itself does to the tables."""

from msgspec.structs import replace

from streamhub.domain.changes import (
    ChannelUpdated,
    Committed,
    MembersJoined,
    MembersLeft,
    MembersUpdated,
    MessageCreated,
)
from streamhub.domain.channels import Head, Member
from streamhub.domain.drafts import (
    BanDraft,
    ExpireDraft,
    InfoDraft,
    JoinDraft,
    LeaveDraft,
    MemberDraft,
    MembershipDraft,
)
from streamhub.domain.ids import UserId
from streamhub.domain.system_notes import with_note
from streamhub.persistence.memory.retention import expire
from streamhub.persistence.memory.tables import ChannelRows, MemberRow, Tables


def manage(
    tables: Tables, rows: ChannelRows, draft: MembershipDraft | InfoDraft | ExpireDraft
) -> Committed:
    """Store it; the term is the draft's."""
    match draft:
        case ExpireDraft():
            return expire(tables, rows, draft)
        case InfoDraft():
            return _update(rows, draft)
        case JoinDraft():
            return _noted(tables, rows, draft, _join(tables, rows, draft))
        case LeaveDraft() | BanDraft():
            return _noted(tables, rows, draft, _leave(tables, rows, draft))
        case MemberDraft():
            return _change(rows, draft)


def _join(tables: Tables, rows: ChannelRows, draft: JoinDraft) -> Committed:
    joining = [user for user in dict.fromkeys(draft.users) if _may_join(rows, user)]
    rows.head = _raised(rows.head, bool(joining))
    head = rows.head
    for user in joining:
        before = rows.members.get(user)
        member = Member(
            user=user,
            role=draft.role,
            joined_at=draft.at,
            rev=head.rev,
            floor_seq=head.seq if draft.floor_seq is None else draft.floor_seq,
            muted_until=before.member.muted_until if before else None,
        )
        rows.members[user] = MemberRow(
            member,
            head.seq,
            head.nth,
            notify=before.notify if before else None,
            notify_until=before.notify_until if before else None,
        )
    change = MembersJoined(channel=draft.channel, rev=head.rev, members=_members(rows, joining))
    hints = tuple(
        tables.add_hint(user, "channel_added", draft.channel, rev=head.rev, by=draft.by)
        for user in joining
    )
    return Committed(change=change, head=head, hints=hints)


def _noted(
    tables: Tables,
    rows: ChannelRows,
    draft: JoinDraft | LeaveDraft | BanDraft,
    committed: Committed,
) -> Committed:
    if draft.note is None:
        return committed
    noted = with_note(committed, draft.note, draft.at)
    for created in noted.also:
        assert isinstance(created, MessageCreated)  # noqa: S101 - for the type checker
        tables.append(rows, created.message, key=created.message.id, digest=b"")
    rows.head = noted.head
    return noted


def _may_join(rows: ChannelRows, user: UserId) -> bool:
    row = rows.members.get(user)
    return row is None or (row.member.left_at is not None and row.member.banned_at is None)


def _leave(tables: Tables, rows: ChannelRows, draft: LeaveDraft | BanDraft) -> Committed:
    """For good, by a ban."""
    banned_at = draft.at if isinstance(draft, BanDraft) else None
    users = list(dict.fromkeys(draft.users))
    present = [user for user in users if rows.present(user)]
    leaving = present if banned_at is None else [one for one in users if not _banned(rows, one)]
    rows.head = _raised(rows.head, bool(leaving))
    head = rows.head
    for user in leaving:
        row = rows.members.setdefault(
            user, MemberRow(_stranger(user, draft.at, head), read_seq=head.seq, read_nth=head.nth)
        )
        left_at = draft.at if row.member.left_at is None else row.member.left_at
        row.member = replace(row.member, left_at=left_at, banned_at=banned_at, rev=head.rev)
    change = MembersLeft(channel=draft.channel, rev=head.rev, members=_members(rows, leaving))
    told = (user for user in leaving if user in present)
    hints = tuple(
        tables.add_hint(user, "channel_removed", draft.channel, rev=head.rev) for user in told
    )
    return Committed(change=change, head=head, hints=hints)


def _banned(rows: ChannelRows, user: UserId) -> bool:
    row = rows.members.get(user)
    return row is not None and row.member.banned_at is not None


def _stranger(user: UserId, at: int, head: Head) -> Member:
    """The tombstone of somebody who never was there."""
    return Member(
        user=user, role="member", joined_at=at, left_at=at, rev=head.rev, floor_seq=head.seq
    )


def _change(rows: ChannelRows, draft: MemberDraft) -> Committed:
    changed = {
        user: member
        for user in dict.fromkeys(draft.users)
        if (row := rows.members.get(user)) and (member := _changed(row.member, draft)) != row.member
    }
    rows.head = _raised(rows.head, bool(changed))
    for user, member in changed.items():
        rows.members[user].member = replace(member, rev=rows.head.rev)
    members = _members(rows, list(changed))
    change = MembersUpdated(channel=draft.channel, rev=rows.head.rev, members=members)
    return Committed(change=change, head=rows.head)


def _changed(member: Member, draft: MemberDraft) -> Member:
    if draft.unban and member.banned_at is not None:
        member = replace(member, banned_at=None)
    if member.left_at is not None:
        return member
    until = member.muted_until if draft.muted_until is None else draft.muted_until or None
    return replace(member, role=draft.role or member.role, muted_until=until)


def _update(rows: ChannelRows, draft: InfoDraft) -> Committed:
    before, info = rows.channel, draft.applied_to(rows.channel)
    rows.head = _raised(rows.head, info != before)
    if info != before:
        rows.channel = replace(info, rev=rows.head.rev)
    archived = before.archived_at is None and info.archived_at is not None
    change = ChannelUpdated(
        channel=draft.channel, rev=rows.head.rev, info=rows.channel, archived=archived
    )
    return Committed(change=change, head=rows.head)


def _members(rows: ChannelRows, users: list[UserId]) -> tuple[Member, ...]:
    return tuple(rows.members[user].member for user in users)


def _raised(head: Head, changed: bool) -> Head:
    return replace(head, rev=head.rev + changed)
