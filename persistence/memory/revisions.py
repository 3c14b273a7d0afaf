"""What one revision does to the tables."""

from msgspec.structs import replace

from streamhub.domain.changes import Committed, Outcome, Unchanged
from streamhub.domain.channels import Message
from streamhub.domain.drafts import Edit, React, RevisionDraft
from streamhub.domain.ids import UserId
from streamhub.domain.reactions import Tally
from streamhub.domain.revisions import NO_MESSAGE, Revision
from streamhub.persistence.memory.tables import REFUSED, ChannelRows, Tables, storable


def revise(tables: Tables, rows: ChannelRows, draft: RevisionDraft) -> Outcome:
    """Store it: each by itself, so each takes a number of its own."""
    seq = rows.seqs.get(draft.message)
    if seq is None:
        return NO_MESSAGE
    operation = draft.operation
    if isinstance(operation, React) and not storable(operation.kind):
        return REFUSED
    message = rows.at(seq)
    revision = Revision(message, _tallies(rows, draft))
    if declined := revision.take(draft):
        return declined
    if not revision.changed:
        return Unchanged(message=message)
    if isinstance(operation, Edit) and not storable(operation.text):
        return REFUSED
    rows.head = replace(rows.head, rev=rows.head.rev + 1)
    change = revision.change(rows.head.rev)
    rows.put(change.message)
    _write_beside(rows, draft, revision)
    called = [user for user, nths in rows.mentions.items() if message.nth in nths]
    gathered = revision.gathered(called if revision.calls_no_more else ())
    gone = [user for user in gathered.unmentioned if _unmention(rows, user, message.nth)]
    if revision.deleted:
        gone += [user for user in _notified(tables, message) if user not in gone]
    named = [user for user in gathered.mentioned if _mention(rows, user, message)]
    hints = tuple(
        tables.add_hint(user, kind, draft.channel, rev=rows.head.rev, seq=message.seq)
        for kind, users in (("unmentioned", gone), ("mentioned", named))
        for user in users
    )
    return Committed(change=change, head=rows.head, hints=hints)


def _tallies(rows: ChannelRows, draft: RevisionDraft) -> dict[str, Tally]:
    if not isinstance(draft.operation, React):
        return {}
    kind = draft.operation.kind
    given = rows.reactions.get(draft.message, {}).get(kind, {})
    first = sorted((rev, user) for user, rev in given.items())
    return {kind: Tally(len(given), first, {draft.by} & given.keys())}


def _write_beside(rows: ChannelRows, draft: RevisionDraft, revision: Revision) -> None:
    if revision.deleted:
        rows.editions.pop(draft.message, None)
        rows.reactions.pop(draft.message, None)
        return
    gathered = revision.gathered()
    if gathered.editions:
        rows.editions.setdefault(draft.message, []).extend(gathered.editions)
    kinds = rows.reactions.setdefault(draft.message, {})
    for kind, user in gathered.added:
        kinds.setdefault(kind, {})[user] = rows.head.rev
    for kind, user in gathered.removed:
        del kinds[kind][user]


def _notified(tables: Tables, message: Message) -> list[UserId]:
    """Who has a notification of it."""
    place = (message.channel, message.seq)
    return [
        user
        for user, mine in tables.notifications.items()
        if any((one.channel, one.seq) == place for one in mine.values())
    ]


def _mention(rows: ChannelRows, user: UserId, message: Message) -> bool:
    row = rows.present(user)
    nths = rows.mentions.setdefault(user, [])
    if row is None or message.seq <= row.member.floor_seq or message.nth in nths:
        return False
    nths.append(message.nth)
    return True


def _unmention(rows: ChannelRows, user: UserId, nth: int) -> bool:
    mentions = rows.mentions.get(user, [])
    if nth not in mentions:
        return False
    mentions.remove(nth)
    return True
