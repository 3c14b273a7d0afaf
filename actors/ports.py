"""What the actor runtime needs of its host: the roles, implemented by transport and cluster."""

from typing import Protocol

from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId


class Directory(Protocol):
    """Who owns what, by the view this host holds."""

    @property
    def version(self) -> int:
        """The version of the view."""
        ...

    @property
    def serving(self) -> bool:
        """Whether this host may answer as an owner: it is in the view and has its lease."""
        ...

    def owner(self, actor: ActorId) -> HostId | None:
        """The owner of `actor`; None while nobody is known."""
        ...


class Switch(Protocol):
    """Carries envelopes to hosts, this one included, in order and at most once."""

    def send(self, host: HostId, envelope: Envelope) -> bool:
        """Hand `envelope` over. False: the link is down or full, nothing was sent."""
        ...


class Clock(Protocol):
    """Wall-clock time and randomness, for what is stored."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    def random_bytes(self, count: int) -> bytes: ...
