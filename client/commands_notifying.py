"""The commands about notifications as typed methods."""

from collections.abc import Sequence

from streamhub.client.calls import Calls
from streamhub.protocol.notifying import (
    ChannelNotify,
    NotificationList,
    NotificationPage,
    NotificationRead,
    NotificationsLeft,
    NotifyLevel,
    NotifyState,
)
from streamhub.protocol.scalars import DEFAULT_PAGE


class NotifyingCommands(Calls):
    """What one is to look at, and how much of a channel one hears of."""

    async def notifications(
        self, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> NotificationPage:
        """The last one first."""
        body = NotificationList(cursor=cursor, limit=limit)
        page: NotificationPage = await self.call("notification.list", body)
        return page

    async def read_notifications(
        self, notifications: Sequence[str] = (), *, up_to: str | None = None
    ) -> NotificationsLeft:
        """Some of them, or all up to one; how many are unread then."""
        body = NotificationRead(notifications=tuple(notifications), up_to=up_to)
        left: NotificationsLeft = await self.call("notification.read", body)
        return left

    async def notify(
        self, channel: str, level: NotifyLevel, *, until_at: int | None = None
    ) -> NotifyState:
        """`none` mutes it, until then (ms) or for good."""
        body = ChannelNotify(channel=channel, level=level, until_at=until_at)
        state: NotifyState = await self.call("channel.notify", body)
        return state
