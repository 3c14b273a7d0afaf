"""A session as the relay sees it."""

from collections.abc import Collection

from streamhub.domain.ids import ChannelId, UserId
from streamhub.transport.broadcast import Broadcast


class Listener:
    """A session that writes down what it hears."""

    def __init__(self, user: UserId) -> None:
        self.user = user
        self.away = False
        self.heard: list[object] = []
        self.company: list[frozenset[UserId]] = []

    def take(self, channel: ChannelId, broadcast: Broadcast) -> None:
        self.heard.append(broadcast.rev)

    def fall_behind(self, channel: ChannelId, position: int) -> None:
        self.heard.append(("behind", position))

    def stands(self, channel: ChannelId, rev: int) -> None:
        self.heard.append(("stands", rev))

    def left(self, channel: ChannelId) -> None:
        self.heard.append("left")

    def set_away(self, away: bool) -> None:
        self.heard.append(("away", away))

    def company_changed(self, users: Collection[UserId]) -> None:
        self.company.append(frozenset(users))

    def pass_on(self, broadcast: Broadcast) -> None:
        self.heard.append(broadcast.event)

    def inbox_stands(self) -> None:
        self.heard.append("inbox stands")
