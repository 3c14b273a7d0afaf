"""Cutting what a reader lacks into pages that fit a socket."""

from typing import Final

from msgspec.structs import replace

from streamhub.domain.channels import Changes, History, Member, Message
from streamhub.domain.ids import UserId

_MESSAGE_BYTES: Final = 250
_MENTION_BYTES: Final = 90
_FILE_BYTES: Final = 35
_MEMBER_BYTES: Final = 120
_REACTION_BYTES: Final = 60
_USER_BYTES: Final = 32


RESET_AFTER: Final = 5000
"""Changes behind from which paging by history is cheaper than replaying."""


def reset_to(changes: Changes, reader: UserId) -> int | None:
    """The rev from which a reader must begin anew: it lacks too much, or holds what never was
    (a restored backup), or what is not for it (it left and came back, with a later floor). None:
    a page will do."""
    if changes.to < changes.since:
        return changes.to
    came_back = changes.since > 0 and any(
        member.user == reader and member.floor_seq > 0 for member in changes.members
    )
    return changes.since + changes.behind if came_back or changes.behind > RESET_AFTER else None


def trimmed(changes: Changes, limit_bytes: int) -> Changes:
    """The first part of `changes` of about `limit_bytes`, at least one change, whole revs only."""
    rows: list[Message | Member] = [*changes.messages, *changes.members]
    rows.sort(key=lambda row: row.rev)
    size, to = 0, changes.since
    for at, row in enumerate(rows):
        size += _size_bytes(row)
        if size > limit_bytes and row.rev > to and at:
            break
        to = row.rev
    else:
        return changes
    return replace(
        changes,
        to=to,
        messages=tuple(m for m in changes.messages if m.rev <= to),
        members=tuple(m for m in changes.members if m.rev <= to),
        channel=changes.channel if changes.channel and changes.channel.rev <= to else None,
        more=True,
    )


def fitting(page: History, limit_bytes: int, *, after: int | None, around: int | None) -> History:
    """The part of a page of about `limit_bytes`, at least one message: what is nearest to where
    the reader asked for, which is the end unless it asked for `after` or `around`."""
    messages = page.messages
    if after is not None:
        nearest = list(messages)
    elif around is not None:
        nearest = sorted(messages, key=lambda message: abs(message.seq - around))
    else:
        nearest = list(reversed(messages))
    size, count = 0, 0
    for message in nearest:
        size += _size_bytes(message)
        if size > limit_bytes and count:
            break
        count += 1
    if count == len(messages):
        return page
    kept = tuple(sorted(nearest[:count], key=lambda message: message.seq))
    return History(
        messages=kept,
        has_before=page.has_before or kept[0] is not messages[0],
        has_after=page.has_after or kept[-1] is not messages[-1],
        rev=page.rev,
    )


def _size_bytes(row: Message | Member) -> int:
    if isinstance(row, Message):
        size = _MESSAGE_BYTES + len(row.text.encode())
        size += _MENTION_BYTES * len(row.mentions) + _FILE_BYTES * len(row.files)
        return size + reactions_bytes(row)
    return _MEMBER_BYTES


def reactions_bytes(message: Message) -> int:
    """What the reactions in a message take, roughly."""
    if not message.reactions:
        return 0
    return sum(_REACTION_BYTES + _USER_BYTES * len(one.users) for one in message.reactions)
