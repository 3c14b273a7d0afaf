"""One incarnation of an actor, and how its kind comes to life."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from streamhub.actors.context import Actor, Token
from streamhub.domain.messages import ActorId


class Kind:
    """How actors of one kind come to life.

    `load(key)` reads what `make(state)` needs, or gives None for an id that does not exist.
    """

    def __init__(
        self,
        load: Callable[[str], Awaitable[Any]],
        make: Callable[[Any], Actor],
        idle_s: float = 120.0,
    ) -> None:
        self.load = load
        self.make = make
        self.idle_s = idle_s


class Cell:
    """One incarnation: its mailbox and what it still waits for and owes."""

    __slots__ = (
        "actor",
        "dropped",
        "id",
        "kind",
        "mailbox",
        "messages",
        "owed",
        "queued",
        "used_at",
        "waiting",
    )

    def __init__(self, actor_id: ActorId, kind: Kind, now: float) -> None:
        self.id = actor_id
        self.kind = kind
        self.actor: Actor | None = None
        self.mailbox: deque[tuple[Callable[..., None] | None, Any, Token | None]] = deque()
        self.messages = 0
        self.waiting = 0
        self.owed: set[Token] = set()
        self.used_at = now
        self.queued = False
        self.dropped = False

    @property
    def idle(self) -> bool:
        return not (self.mailbox or self.waiting or self.owed) and self.actor is not None
