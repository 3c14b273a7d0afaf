"""Commands of those who own and moderate a channel."""

from typing import Annotated, Literal

from msgspec import Meta

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    MAX_KEEP_DAYS,
    MAX_SLOW_MODE_S,
    Cursor,
    Name,
    PageSize,
    Timestamp,
    Topic,
    UserId,
)
from streamhub.protocol.shapes import ChannelCommand

SlowMode = Annotated[int, Meta(ge=0, le=MAX_SLOW_MODE_S, description="seconds; 0: none")]
KeepDays = Annotated[int, Meta(ge=0, le=MAX_KEEP_DAYS, description="days; 0: for ever")]
HistorySeen = Literal["all", "joined"]
Announcers = Literal["members", "moderators"]
GivenRole = Literal["owner", "moderator", "member"]


class ChannelUpdate(ChannelCommand, frozen=True, kw_only=True):
    """What is left out stays as it is; an empty topic takes it away.

    `slow_mode_s` is the pause between two messages of one member who does not moderate. `history`
    is what those see who join a private channel from now on. `announcers` may call everybody by
    `@channel` and `@here`. Messages older than `keep_days` are taken out for good, some minutes
    later.
    """

    name: Name | None = None
    topic: Topic | None = None
    slow_mode_s: SlowMode | None = None
    history: HistorySeen | None = None
    announcers: Announcers | None = None
    keep_days: KeepDays | None = None


class ChannelArchive(ChannelCommand, frozen=True, kw_only=True):
    """An archived channel can only be read; `archived` false brings it back."""

    archived: bool = True


class MemberUpdate(ChannelCommand, frozen=True, kw_only=True):
    """Another role, or silence until some time: a past one ends it, 2^53 - 1 is for ever."""

    user: UserId
    role: GivenRole | None = None
    muted_until_at: Timestamp | None = None

    def __post_init__(self) -> None:
        if (self.role is None) == (self.muted_until_at is None):
            raise ValueError("give either role or muted_until_at")


class MemberBan(ChannelCommand, frozen=True, kw_only=True):
    user: UserId


class MemberUnban(ChannelCommand, frozen=True, kw_only=True):
    user: UserId


class MemberBanned(ChannelCommand, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE
