"""One event for many sockets: encoded once and framed once in each encoding that is asked for."""

from streamhub.domain.changes import Change, MessageDeleted, MessageUpdated, Skipped
from streamhub.domain.ids import ChannelId
from streamhub.domain.messages import Passing
from streamhub.protocol.codec import Codec
from streamhub.protocol.frames import Event
from streamhub.transport.framing import frame
from streamhub.transport.wire import change_event, passing_event, skipped_event


class Broadcast:
    """`rev` is None for what is not durable; `seq` is that of the message that was there already
    and is different now, else None; `event` is what happened; `frame(codec)` gives the bytes for a
    socket."""

    __slots__ = ("_event", "_frames", "_skipped", "event", "rev", "seq")

    def __init__(self, event: Change | Skipped | Passing, wire: Event) -> None:
        self.event = event
        self.rev = wire.rev
        self.seq = event.message.seq if isinstance(event, MessageUpdated | MessageDeleted) else None
        self._skipped: Broadcast | None = None
        self._event = wire
        self._frames: dict[bool, bytes] = {}

    @classmethod
    def of_change(cls, change: Change) -> "Broadcast":
        return cls(change, change_event(change))

    @classmethod
    def of_passing(cls, event: Passing) -> "Broadcast":
        return cls(event, passing_event(event))

    def skipped(self, channel: ChannelId) -> "Broadcast":
        """The same for those who may not see it: only its rev counts."""
        if self._skipped is None:
            skipped = Skipped(channel=channel, rev=self.rev or 0)
            self._skipped = Broadcast(skipped, skipped_event(skipped))
        return self._skipped

    def frame(self, codec: Codec) -> bytes:
        framed = self._frames.get(codec.binary)
        if framed is None:
            framed = frame(codec.encode(self._event), binary=codec.binary)
            self._frames[codec.binary] = framed
        return framed
