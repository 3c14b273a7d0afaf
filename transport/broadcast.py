"""One event for many sockets: encoded once and framed once in each encoding that is asked for."""

from streamhub.domain.channels import Change
from streamhub.domain.ids import UserId
from streamhub.domain.messages import Passing, TypingStarted
from streamhub.protocol.codec import Codec
from streamhub.protocol.frames import Event
from streamhub.transport.framing import frame
from streamhub.transport.wire import change_event, passing_event


class Broadcast:
    """`rev` is None for what is not durable; `event` is what happened; `frame(codec)` gives the
    bytes for a socket."""

    __slots__ = ("_event", "_frames", "event", "rev")

    def __init__(self, event: Change | Passing, wire: Event) -> None:
        self.event = event
        self.rev = wire.rev
        self._event = wire
        self._frames: dict[bool, bytes] = {}

    @classmethod
    def of_change(cls, change: Change) -> "Broadcast":
        return cls(change, change_event(change))

    @classmethod
    def of_passing(cls, event: Passing) -> "Broadcast":
        return cls(event, passing_event(event))

    def frame(self, codec: Codec) -> bytes:
        framed = self._frames.get(codec.binary)
        if framed is None:
            framed = frame(codec.encode(self._event), binary=codec.binary)
            self._frames[codec.binary] = framed
        return framed

    def typist(self) -> UserId | None:
        """Who types, if that is what it is about."""
        return self.event.user if isinstance(self.event, TypingStarted) else None
