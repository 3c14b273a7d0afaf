"""What a reply does to the message it replies to, and to those who follow it."""

from msgspec.structs import replace

from streamhub.domain import threads
from streamhub.domain.changes import Declined, MessageUpdated
from streamhub.domain.channels import Message
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.ids import UserId
from streamhub.persistence.memory.tables import ChannelRows, FollowerRow


def declined(rows: ChannelRows, draft: MessageDraft) -> Declined | None:
    """Why it cannot be replied to, if `draft` is a reply."""
    if draft.thread is None:
        return None
    seq = rows.seqs.get(draft.thread)
    return threads.declined(None if seq is None else rows.at(seq), draft)


def followers(rows: ChannelRows, reply: Message) -> list[UserId]:
    """Who follows the thread that `reply` comes to, before it does, but not its author."""
    if reply.thread is None:
        return []
    root = rows.at(rows.seqs[reply.thread])
    held = {user: row for (user, id), row in rows.followers.items() if id == root.id}
    following = [user for user, row in held.items() if row.following]
    if root.author not in held:
        following.append(root.author)
    return [user for user in following if user != reply.author]


def replied(rows: ChannelRows, reply: Message) -> tuple[MessageUpdated, ...]:
    """The change that follows the one of `reply`, if it is one."""
    if reply.thread is None:
        return ()
    seq = rows.seqs[reply.thread]
    root = threads.replied(rows.at(seq), reply)
    rows.head = replace(rows.head, rev=rows.head.rev + 1)
    root = replace(root, rev=rows.head.rev)
    rows.put(root)
    _follow(rows, root, root.author, 0)
    _follow(rows, root, reply.author, root.replies)
    return (MessageUpdated(channel=root.channel, rev=root.rev, message=root),)


def _follow(rows: ChannelRows, root: Message, user: UserId, number: int) -> None:
    """Who replies follows; the first author, unless it said otherwise."""
    held = rows.followers.get((user, root.id))
    if held is None:
        rows.followers[user, root.id] = FollowerRow(following=True, read_number=number)
        return
    held.following = held.following or number > 0
    held.read_number = max(held.read_number, number)
