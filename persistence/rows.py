"""Rows as the domain's values, and back."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from streamhub.domain.channels import Channel, Edition, Member, Mention, Message, Rules, SystemNote
from streamhub.domain.ids import FileId
from streamhub.domain.reactions import Reaction

CHANNEL_COLUMNS: Final = (
    "c.id, c.kind, c.visibility, c.created_by, c.created_at, c.name, c.topic, c.archived_at,"
    " c.info_rev, c.users, c.rules, c.gone_seq"
)
MESSAGE_COLUMNS: Final = (
    "m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id, m.body, m.created_at, m.mentions,"
    " m.thread_id, m.files, m.edited_at, m.deleted_at, m.reactions, m.pinned_at, m.pinned_by,"
    " m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at, m.system"
)
MEMBER_COLUMNS: Final = (
    "m.user_id, m.role, m.joined_at, m.rev, m.left_at, m.floor_seq, m.muted_until, m.banned_at"
)

_rules = msgspec.json.Decoder(Rules)
_mentions = msgspec.json.Decoder(tuple[Mention, ...])
_reactions = msgspec.json.Decoder(tuple[Reaction, ...])
_system = msgspec.json.Decoder(SystemNote)
_files = msgspec.json.Decoder(tuple[FileId, ...])
_encoder = msgspec.json.Encoder()


def channel_of(row: Iterable[Any]) -> Channel:
    """From CHANNEL_COLUMNS."""
    id, kind, visibility, created_by, created_at, name, topic, archived_at, *rest = row
    info_rev, users, rules, gone_seq = rest
    return Channel(
        id=id,
        kind=kind,
        visibility=visibility,
        created_by=created_by,
        created_at=created_at,
        name=name,
        topic=topic,
        archived_at=archived_at,
        rev=info_rev,
        users=tuple(users or ()),
        rules=_rules.decode(rules) if rules else Rules(),
        gone_seq=gone_seq,
    )


def message_of(row: Iterable[Any]) -> Message:
    """From MESSAGE_COLUMNS."""
    id, channel, seq, nth, rev, author, text, created_at, *rest = row
    (
        mentions,
        thread,
        files,
        edited_at,
        deleted_at,
        reactions,
        pinned_at,
        pinned_by,
        *thread_rest,
    ) = rest
    in_channel, replies, last_reply_seq, last_reply_at, system = thread_rest
    return Message(
        id=id,
        channel=channel,
        seq=seq,
        nth=nth,
        rev=rev,
        author=author,
        text=text,
        created_at=created_at,
        mentions=_mentions.decode(mentions) if mentions else (),
        thread=thread,
        files=_files.decode(files) if files else (),
        edited_at=edited_at,
        deleted_at=deleted_at,
        reactions=_reactions.decode(reactions) if reactions else (),
        pinned_at=pinned_at,
        pinned_by=pinned_by,
        in_channel=bool(in_channel),
        replies=replies or 0,
        last_reply_seq=last_reply_seq,
        last_reply_at=last_reply_at,
        system=_system.decode(system) if system else None,
    )


def edition_of(row: Iterable[Any]) -> Edition:
    """From body, mentions and written_at."""
    text, mentions, written_at = row
    return Edition(
        text=text, mentions=_mentions.decode(mentions) if mentions else (), written_at=written_at
    )


def member_of(row: Iterable[Any]) -> Member:
    """From MEMBER_COLUMNS."""
    user, role, joined_at, rev, left_at, floor_seq, muted_until, banned_at = row
    return Member(
        user=user,
        role=role,
        joined_at=joined_at,
        rev=rev,
        left_at=left_at,
        floor_seq=floor_seq,
        muted_until=muted_until,
        banned_at=banned_at,
    )


def encoded(values: tuple[Any, ...]) -> str | None:
    """For a jsonb column where null stands for none."""
    return _encoder.encode(values).decode() if values else None
