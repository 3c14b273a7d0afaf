"""What must hold once all is healed: the promises, asked of the store and of what clients saw."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from simulation.clients import Client, Sent
from simulation.copies import Copy

from streamhub.domain.channels import Message
from streamhub.domain.ids import ChannelId, UserId
from streamhub.persistence.memory import Tables
from streamhub.persistence.memory.tables import ChannelRows


def stored_wrong(tables: Tables) -> Iterator[str]:
    """The rows: dense numbers, unique keys, counts that equal a recount."""
    for channel, rows in tables.channels.items():
        seqs = [message.seq for message in rows.messages]
        if seqs != list(range(1, len(seqs) + 1)) or rows.head.seq != len(seqs):
            yield f"{channel} has the seqs {seqs} under head {rows.head.seq}"
        revs = {m.rev for m in rows.messages} | {row.member.rev for row in rows.members.values()}
        if max(revs, default=0) > rows.head.rev:
            yield f"{channel} has rev {max(revs)} above its head {rows.head.rev}"
        said = [message for message in rows.messages if message.system is None]
        keys = Counter((m.author, said_first(m)) for m in said if not m.deleted_at)
        for (author, text), count in keys.items():
            if count > 1:
                yield f"{channel} has {text} of {author} {count} times"
        for user, row in rows.members.items():
            unread = sum(1 for m in said if m.nth > row.read_nth)
            if unread != rows.head.nth - row.read_nth:
                yield f"{user} has {rows.head.nth - row.read_nth} unread in {channel}, not {unread}"


def said_first(message: Message) -> str:
    """What an edited message said before: edits here add to the text, behind a bar."""
    return message.text.partition("|")[0]


def shown_wrong(tables: Tables) -> Iterator[str]:
    """What a message shows of its reactions and replies equals a recount of their rows."""
    for channel, rows in tables.channels.items():
        threads = Counter(message.thread for message in rows.messages)
        for message in rows.messages:
            if threads[message.id] != message.replies:
                yield f"seq {message.seq} of {channel} shows {message.replies} replies"
            given = rows.reactions.get(message.id, {})
            counted = {kind: len(users) for kind, users in given.items() if users}
            shown = {one.kind: one.count for one in message.reactions}
            if counted != shown:
                yield f"seq {message.seq} of {channel} shows {shown} reactions, not {counted}"


def fence_broken(terms: Sequence[tuple[ChannelId, int, int]]) -> Iterator[str]:
    """Two owners of a channel: once the newer one has written, the older one may not."""
    newest: dict[ChannelId, int] = {}
    for channel, term, rev in terms:
        if term < newest.get(channel, 0):
            yield f"{channel} took rev {rev} of term {term} after one of {newest[channel]}"
        newest[channel] = max(term, newest.get(channel, 0))


def acknowledged_wrong(tables: Tables, sent: Sequence[Sent]) -> Iterator[str]:
    """Whoever got a receipt finds that message, with those numbers."""
    for one in sent:
        if one.receipt is None:
            continue
        rows = tables.channels[one.channel]
        receipt = one.receipt
        mine = [m for m in rows.messages if m.author == one.author]
        found = [m for m in mine if m.id == receipt.id or said_first(m) == one.key]
        numbers = [(m.id, m.seq, m.nth) for m in found]
        if numbers != [(receipt.id, receipt.seq, receipt.nth)] or found[0].rev < receipt.rev:
            yield f"{one.key} was acknowledged as {receipt}, stored as {numbers}"


def seen_wrong(reader: UserId, channel: ChannelId, seen: Sequence[Message]) -> Iterator[str]:
    """News comes once, in the order of the channel."""
    last = 0
    twice = {key for key, count in Counter(m.id for m in seen).items() if count > 1}
    for message in seen:
        if message.id in twice:
            yield f"{reader} saw {message.id} (seq {message.seq}) of {channel} twice"
        elif message.seq <= last:
            yield f"{reader} saw seq {message.seq} of {channel} after {last}"
        last = max(last, message.seq)


def copy_wrong(reader: UserId, copy: Copy, rows: ChannelRows) -> Iterator[str]:
    """Snapshot, pages and events make what a fresh snapshot shows."""
    channel = rows.channel.id
    if copy.held != rows.head.rev:
        yield f"{reader} holds {copy.held} of {channel}, which is at {rows.head.rev}"
    floor = rows.members[reader].member.floor_seq
    expected = {m.id: m for m in rows.messages if m.seq > floor}
    if copy.messages != expected:
        lost = sorted(m.seq for m in expected.values() if m.id not in copy.messages)
        extra = sorted(m.seq for m in copy.messages.values() if m.id not in expected)
        yield f"{reader} lacks the seqs {lost} of {channel} and has {extra} too many"
    members = {user: row.member for user, row in rows.members.items()}
    if copy.members != members:
        differ = [u for u in members if copy.members.get(u) != members[u]]
        yield f"{reader} knows the members {differ} of {channel} wrongly"
    if copy.info != rows.channel:
        yield f"{reader} knows {channel} as {copy.info}, and it is {rows.channel}"


def read_wrong(client: Client, tables: Tables) -> Iterator[str]:
    """Every reader has what its rights give it, and nothing else."""
    for channel, rows in tables.channels.items():
        copy = client.copies.get(channel)
        if rows.present(client.user) is None:
            if copy is not None:
                yield f"{client.user} still follows {channel}, which it left"
        elif copy is None:
            yield f"{client.user} does not know that it is in {channel}"
        else:
            yield from copy_wrong(client.user, copy, rows)
    for channel, copy in (*client.past, *client.copies.items()):
        yield from seen_wrong(client.user, channel, copy.seen)


def order_wrong(sent: Sequence[Sent], *, calm: bool) -> Iterator[str]:
    """A sender's own messages keep their order, whether or not each waited for the answer to the
    one before. Only what was answered with a problem, and then sent again, may come later."""
    earlier: defaultdict[ChannelId, list[Sent]] = defaultdict(list)
    for one in sent:
        if one.receipt is None:
            continue
        for before in earlier[one.channel]:
            again = before.refused and before.ended_s > one.began_s and not calm
            if before.receipt and before.receipt.seq > one.receipt.seq and not again:
                yield f"{one.key} (seq {one.receipt.seq}) was overtaken by {before.key}"
        earlier[one.channel].append(one)


def markers_wrong(tables: Tables, read: Mapping[tuple[UserId, ChannelId], int]) -> Iterator[str]:
    """Read markers never go back from what a user was told."""
    for (user, channel), seq in read.items():
        row = tables.channels[channel].members[user]
        if row.read_seq < seq:
            yield f"the marker of {user} in {channel} went back from {seq} to {row.read_seq}"


def posted_after_leaving(
    tables: Tables,
    sent: Sequence[Sent],
    changed: Mapping[tuple[ChannelId, UserId, int], float],
) -> Iterator[str]:
    """Who was told of a removal can be sure: nothing that the removed begins later is taken.

    `changed` says when a membership's change of that rev was acknowledged.
    """
    for one in sent:
        rows = tables.channels[one.channel]
        row = rows.members.get(one.author)
        if one.receipt is None or row is None or row.member.left_at is None:
            continue
        told_s = changed.get((one.channel, one.author, row.member.rev), float("inf"))
        if one.receipt.rev > row.member.rev and one.began_s > told_s:
            yield f"{one.key} was taken after its author had left {one.channel}"
