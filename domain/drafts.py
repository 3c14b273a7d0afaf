"""What an owner asks to be stored: drafts, which have no numbers; a commit gives them theirs."""

import msgspec
from msgspec.structs import replace

from streamhub.domain.channels import Channel, Mention, Role, SystemNote
from streamhub.domain.ids import ChannelId, FileId, MessageId, UserId


class MessageDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A message to append. `key` is unique per author and channel for ever; `digest` is the
    SHA-256 of the validated body, so a repeat with another body is found out. A reply (`thread`)
    changes the message it replies to as well; its author sees what is above `floor_seq`. What does
    not count is unread for nobody, and those it mentions are not told. `called` are those whom it
    mentions without naming them, and `others` are in the direct conversation
    with the author: they hear of every message that counts. Of a `silent` reply the followers
    of its thread do not hear."""

    channel: ChannelId
    term: int
    id: MessageId
    author: UserId
    key: str
    digest: bytes
    text: str
    created_at: int
    mentions: tuple[Mention, ...] = ()
    thread: MessageId | None = None
    files: tuple[FileId, ...] = ()
    counts: bool = True
    in_channel: bool = False
    floor_seq: int = 0
    called: tuple[UserId, ...] = ()
    others: tuple[UserId, ...] = ()
    silent: bool = False

    @property
    def told(self) -> list[UserId]:
        """Whom it mentions, in the order of their ids."""
        if not self.counts or not (self.mentions or self.called):
            return []
        named = {mention.user for mention in self.mentions if mention.user is not None}
        return sorted((named | {*self.called}) - {self.author})

    @property
    def notified(self) -> list[tuple[UserId, str]]:
        """Who is to hear of it, and by which kind of hint."""
        told = self.told
        others = self.others if self.counts else ()
        return [
            *((user, "mentioned") for user in told),
            *((user, "direct") for user in others if user not in told),
        ]


class NoteDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the system that follows a change of members, if there is one. Of the users it
    names those stay that changed."""

    id: MessageId
    author: UserId
    note: SystemNote


class JoinDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Make `users` members with `role`, as `by` wants, from `floor_seq` on (None: the head at the
    commit).

    What is there already counts as read. A `note` of it is part of the same commit, and the second
    of its changes. Who is a member, or banned, stays as they are; if that is everybody, the
    outcome is Committed with no `members`, the head unchanged and no rev taken.
    """

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    role: Role
    at: int
    floor_seq: int | None = 0
    by: UserId | None = None
    note: NoteDraft | None = None


class LeaveDraft(msgspec.Struct, frozen=True, kw_only=True):
    """End the membership of `users`, leaving tombstones. If none of them is a member, nothing
    changes: the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    at: int
    note: NoteDraft | None = None


class BanDraft(msgspec.Struct, frozen=True, kw_only=True):
    """End the membership of `users` for good, also of those who were none. Who is banned stays as
    they are: the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    at: int
    note: NoteDraft | None = None


class MemberDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Give `users` a role, mute them until some time (0: no longer), or end their ban; None leaves
    a field as it is. When nothing changes the outcome is as for a JoinDraft."""

    channel: ChannelId
    term: int
    users: tuple[UserId, ...]
    role: Role | None = None
    muted_until: int | None = None
    unban: bool = False


class InfoDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Change a channel's properties; None leaves one as it is, an empty topic takes it away.
    `rules` are the fields of Rules that change. When nothing changes the outcome is Committed with
    the head unchanged."""

    channel: ChannelId
    term: int
    at: int
    name: str | None = None
    topic: str | None = None
    archived: bool | None = None
    rules: dict[str, int | str] = {}

    def applied_to(self, channel: Channel) -> Channel:
        """What the properties are then; their `rev` is given by the commit."""
        named = {} if self.name is None else {"name": self.name}
        told = {} if self.topic is None else {"topic": self.topic or None}
        kept: dict[str, int | None] = {}
        if self.archived is not None:
            kept = {"archived_at": (channel.archived_at or self.at) if self.archived else None}
        rules = replace(channel.rules, **self.rules)
        return replace(channel, **named, **told, **kept, rules=rules)


class ExpireDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Take out the oldest messages that were posted before that time (ms), at most EXPIRED_AT_ONCE
    (`domain.retention`). If there are none, the outcome is as for an InfoDraft."""

    channel: ChannelId
    term: int
    before: int


class Edit(msgspec.Struct, frozen=True, kw_only=True, tag="edit", omit_defaults=True):
    """Say something else, at most `within_ms` after it was posted (None: at any time)."""

    text: str
    mentions: tuple[Mention, ...] = ()
    within_ms: int | None = None


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """Leave a tombstone: the place stays, and what was said, given and kept of it goes."""


class React(msgspec.Struct, frozen=True, kw_only=True, tag="react"):
    """Give a reaction, or (not `on`) take it back."""

    kind: str
    on: bool


class Pin(msgspec.Struct, frozen=True, kw_only=True, tag="pin"):
    """Pin the message to its channel, or (not `on`) unpin it."""

    on: bool


Operation = Edit | Delete | React | Pin


class RevisionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done to a message that is there. It says what is to be so: a repeat changes
    nothing. `moderates` and `floor_seq` are what `by` may do and see in the channel."""

    channel: ChannelId
    term: int
    message: MessageId
    by: UserId
    moderates: bool
    floor_seq: int
    at: int
    operation: Operation


MembershipDraft = JoinDraft | LeaveDraft | BanDraft | MemberDraft
Draft = MessageDraft | RevisionDraft | MembershipDraft | InfoDraft | ExpireDraft
