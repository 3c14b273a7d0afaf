"""Notifications: what somebody is to look at, and how much of a channel they hear of."""

from typing import Annotated, Literal

from msgspec import Meta

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    ChannelId,
    Count,
    Cursor,
    MessageId,
    NotificationId,
    PageSize,
    Seq,
    Timestamp,
    UserId,
)
from streamhub.protocol.shapes import ChannelCommand, Incoming, Outgoing

NotifyLevel = Literal["all", "mentions", "none"]


class ChannelNotify(ChannelCommand, frozen=True, kw_only=True):
    """With `until_at`: until then, and as usual afterwards. `none` mutes the channel."""

    level: NotifyLevel
    until_at: Timestamp | None = None


class NotifyState(Outgoing, frozen=True, kw_only=True):
    """How much of a channel one hears of. After `until_at` it is as usual."""

    channel: ChannelId
    level: NotifyLevel
    until_at: Timestamp | None = None


class NotificationList(Incoming, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class NotificationRead(Incoming, frozen=True, kw_only=True):
    """Either some `notifications`, or `up_to` one: that one and all older ones."""

    notifications: Annotated[tuple[NotificationId, ...], Meta(max_length=100)] = ()
    up_to: NotificationId | None = None


class NotificationObject(Outgoing, frozen=True, kw_only=True):
    """What one is to look at. `added` to a channel has no message; that of a direct conversation
    is of its newest one. `excerpt` is how the message begins, as it is now."""

    id: NotificationId
    kind: Literal["mention", "reply", "direct", "added"]
    channel: ChannelId
    message: MessageId | None = None
    seq: Seq | None = None
    thread: MessageId | None = None
    by: UserId
    excerpt: str = ""
    created_at: Timestamp
    read_at: Timestamp | None = None


class NotificationPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[NotificationObject, ...]
    next_cursor: str | None = None


class NotificationCreated(Outgoing, frozen=True, kw_only=True):
    """A new one, or one that was brought forward; `unread` are all there are then."""

    notification: NotificationObject
    unread: Count


class NotificationsRead(Outgoing, frozen=True, kw_only=True):
    """These are no longer unread, or no longer there; `unread` are all there are then."""

    notifications: tuple[NotificationId, ...]
    unread: Count


class NotificationsLeft(Outgoing, frozen=True, kw_only=True):
    """How many are unread now."""

    unread: Count
