"""What a client holds of one channel, and the order in which it came to see it."""

from streamhub.domain.changes import (
    Change,
    ChannelUpdated,
    MembersJoined,
    MembersLeft,
    MembersUpdated,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
)
from streamhub.domain.channels import Changes, Channel, Member, Message
from streamhub.domain.ids import MessageId, UserId


class Copy:
    """A channel as its reader knows it: `held` is the rev up to which nothing is missing.

    `seen` are the messages that came as news, in the order they came; what lies before `base` was
    there already and is fetched as history, in any order; `newest` is the last seq of that.
    """

    def __init__(self, held: int, newest: int = 0) -> None:
        self.held = held
        self._newest = newest
        self._coming: dict[MessageId, Message] = {}
        self.base = held
        self.whole = held == 0
        self.beginning = 0
        self.messages: dict[MessageId, Message] = {}
        self.members: dict[UserId, Member] = {}
        self.info: Channel | None = None
        self.seen: list[Message] = []

    def apply(self, change: Change) -> None:
        """The change that follows what is held."""
        match change:
            case MessageCreated(message=message):
                self._see(message)
            case MessageUpdated(message=message) | MessageDeleted(message=message):
                self.messages[message.id] = message
            case ChannelUpdated(info=info):
                self._put_info(info)
            case MembersJoined() | MembersLeft() | MembersUpdated():
                self._put_members(change.members)
        self.held = change.rev

    def take_page(self, changes: Changes) -> None:
        """What came after `held`, as state; the part that is held already is left out."""
        for message in changes.messages:
            if message.rev <= self.held:
                continue
            news = message.id not in self.messages and message.seq > self._newest
            if news or message.id in self._coming:
                self._coming[message.id] = message
            self.messages[message.id] = message
        if not changes.more:
            self._see_coming()
        self._put_members(changes.members)
        self._put_info(changes.channel)
        self.held = max(self.held, changes.to)

    def take_history(self, changes: Changes) -> None:
        """What was there before: it is no news, and what is newer here wins."""
        for message in changes.messages:
            known = self.messages.get(message.id)
            if message.rev <= self.base and (known is None or known.rev < message.rev):
                self.messages[message.id] = message
        self._put_members(changes.members)
        self._put_info(changes.channel)

    def start_over(self, rev: int) -> None:
        """The server keeps no memory of what lies between: fetch it as history."""
        self.held = self.base = rev
        self.whole = False
        self.beginning += 1  # what is being fetched of the one before is no use
        self.messages.clear()
        self._coming.clear()
        self.members.clear()
        self.info = None

    def _see_coming(self) -> None:
        """A message that was changed since comes in a later page than those posted after it."""
        for message in sorted(self._coming.values(), key=lambda message: message.seq):
            self._see(message)
        self._coming.clear()

    def _see(self, message: Message) -> None:
        self._newest = max(self._newest, message.seq)
        self.seen.append(message)
        self.messages[message.id] = message

    def _put_members(self, members: tuple[Member, ...]) -> None:
        for member in members:
            known = self.members.get(member.user)
            if known is None or known.rev < member.rev:
                self.members[member.user] = member

    def _put_info(self, info: Channel | None) -> None:
        if info is not None and (self.info is None or self.info.rev < info.rev):
            self.info = info
