"""The commands about notifications: the user's inbox marks them and tells the other sessions."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, NotificationId
from streamhub.domain.messages import (
    NotificationsRead,
    NotifyUpdated,
    ReadNotifications,
    SetNotify,
    inbox_actor,
)
from streamhub.domain.notifications import NotificationStore
from streamhub.protocol import notifying
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Request


class NotifyingCommands:
    """List and read notifications, and say how much of a channel one wants to hear of."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            notifying.NotificationList: self._list,
            notifying.NotificationRead: _read,
            notifying.ChannelNotify: _notify,
        }

    async def _list(self, standing: Standing, body: notifying.NotificationList) -> Outgoing:
        page = await self._store.page(standing.user, body.cursor, body.limit)
        items = tuple(map(wire.notification_object, page.items))
        return notifying.NotificationPage(items=items, next_cursor=page.next_cursor)


def _read(standing: Standing, body: notifying.NotificationRead) -> Request:
    if bool(body.notifications) == (body.up_to is not None):
        detail = "say either which notifications, or up to which one"
        raise Refused("bad_request", detail, field="notifications")
    read = ReadNotifications(
        notifications=tuple(map(NotificationId, body.notifications)),
        up_to=None if body.up_to is None else NotificationId(body.up_to),
    )
    return Request(inbox_actor(standing.user), read, _left)


def _left(answer: NotificationsRead) -> Outgoing:
    return notifying.NotificationsLeft(unread=answer.unread)


def _notify(standing: Standing, body: notifying.ChannelNotify) -> Request:
    wish = SetNotify(channel=ChannelId(body.channel), level=body.level, until=body.until_at)
    return Request(inbox_actor(standing.user), wish, _set)


def _set(answer: NotifyUpdated) -> Outgoing:
    return wire.notify_state(answer)
