"""What carrying out a command takes: an actor to ask, or something to wait for."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from streamhub.domain.access import Standing
from streamhub.domain.errors import Refused
from streamhub.domain.messages import ActorId, Message
from streamhub.protocol.shapes import Outgoing


class Request(NamedTuple):
    """An actor to ask, and how its answer reads on the wire."""

    to: ActorId
    message: Message
    reply: Callable[[Any], Outgoing]


Handler = Callable[[Standing, Any], "Outcome"]
Outcome = Request | Awaitable[Outgoing | Request]


def found(value: Any, field: str) -> Any:
    """`value`, if there is one. Raises Refused("not_found")."""
    if value is None:
        raise Refused("not_found", f"there is no such {field}, or it is not for you", field=field)
    return value
