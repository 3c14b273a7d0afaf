"""What users are notified of: kept in rows, told to all of their sessions as absolute state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from streamhub.domain.changes import Hint
from streamhub.domain.channels import Level, Page
from streamhub.domain.ids import ChannelId, MessageId, NotificationId, UserId

Kind = Literal["mention", "reply", "direct", "added"]

EXCERPT: Final = 200
"""Code points of a message that are shown."""

MAX_UNREAD: Final = 1000
"""Of one user; with more of them the oldest go."""

KEPT_READ_MS: Final = 90 * 24 * 3_600_000
"""So long after they were read, notifications go."""


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Times in ms. `added` is about the channel alone; the others show the message as it is now,
    of a direct conversation the newest one."""

    id: NotificationId
    kind: Kind
    channel: ChannelId
    by: UserId
    created_at: int
    read_at: int | None = None
    message: MessageId | None = None
    seq: int | None = None
    thread: MessageId | None = None
    excerpt: str = ""


class Told(NamedTuple):
    """What a hint may make a notification of. `place` is what there is one of, see migration 41;
    a direct conversation's is brought forward by a larger `seq`."""

    id: NotificationId
    kind: Kind
    channel: ChannelId
    place: int
    seq: int | None
    by: UserId | None


class Hears(NamedTuple):
    """How much of a channel a user hears of, until then (ms; None: for good)."""

    level: Level
    until: int | None


class NotificationStore(Protocol):
    """Notifications of users, who see only those of channels they are in and of messages they may
    read that were not deleted. All raise TryAgain("unavailable") when the store is away."""

    async def take(
        self, user: UserId, told: Sequence[Told], now_ms: int
    ) -> tuple[Notification, ...]:
        """Keep them, and give those that are new, or brought forward: none of what was taken
        before, is gone, or is about a channel the user wants to hear nothing of. What the user has
        read already is kept as read. Beyond MAX_UNREAD the oldest unread ones go."""
        ...

    async def tidy(self, user: UserId, channels: Sequence[ChannelId]) -> tuple[NotificationId, ...]:
        """Forget those in these channels that the user sees no more, and mentions taken back;
        which these were."""
        ...

    async def read(
        self, user: UserId, ids: Sequence[NotificationId], now_ms: int
    ) -> tuple[NotificationId, ...]:
        """Mark these as read; which of them were not."""
        ...

    async def read_up_to(
        self, user: UserId, last: NotificationId, now_ms: int
    ) -> tuple[NotificationId, ...] | None:
        """Mark this one and all before it as read; which of them were not. None: there is no such
        notification."""
        ...

    async def read_channels(
        self, user: UserId, upto: Mapping[ChannelId, int], now_ms: int
    ) -> tuple[NotificationId, ...]:
        """Mark those of messages up to that seq, and of being added; which of them were unread."""
        ...

    async def read_thread(
        self, user: UserId, channel: ChannelId, root: MessageId, upto: int, now_ms: int
    ) -> tuple[NotificationId, ...]:
        """Mark those of replies in that thread up to that seq; which of them were unread."""
        ...

    async def unread(self, user: UserId) -> int: ...

    async def page(self, user: UserId, cursor: str | None, limit: int) -> Page[Notification]:
        """The last one first. Raises Refused("bad_request", field="cursor")."""
        ...

    async def set_level(
        self, user: UserId, channel: ChannelId, level: Level, until: int | None
    ) -> bool:
        """How much of that channel the user hears of, until then (ms; None: for good). False: the
        user is not in it."""
        ...

    async def levels(
        self, user: UserId, channels: Sequence[ChannelId]
    ) -> Mapping[ChannelId, Hears]:
        """What was said of these channels, as far as the user did."""
        ...

    async def prune(self, now_ms: int, limit: int) -> int:
        """Forget at most so many that were read KEPT_READ_MS ago or earlier; how many it were."""
        ...


_KINDS: Final[Mapping[str, Kind]] = {
    "mentioned": "mention",
    "replied": "reply",
    "direct": "direct",
    "channel_added": "added",
}


def told_by(hints: Iterable[Hint], new_id: Callable[[], NotificationId]) -> list[Told]:
    """What hints to one user may notify of, each place once: the newest of a direct conversation,
    and a mention rather than a reply."""
    found: dict[tuple[ChannelId, int], Hint] = {}
    for hint in hints:
        if (place := _place(hint)) is None:
            continue
        before = found.get((hint.channel, place))
        if before is None or hint.kind == "mentioned" or (hint.seq or 0) > (before.seq or 0):
            found[hint.channel, place] = hint
    return [
        Told(new_id(), _KINDS[hint.kind], channel, place, hint.seq, hint.by)
        for (channel, place), hint in found.items()
    ]


def _place(hint: Hint) -> int | None:
    if hint.kind == "channel_added":
        return None if hint.by in (None, hint.user) else -hint.rev
    if hint.kind not in _KINDS or hint.seq is None:
        return None
    return 0 if hint.kind == "direct" else hint.seq
