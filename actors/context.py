"""What a handler may ask for: effects, collected while it runs and performed after it returned."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from streamhub.domain.changes import Change, NotStored, Settled
from streamhub.domain.drafts import Draft
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId, Answer, AwayChanged, Message, Passing

Result = TypeVar("Result")


class Token(NamedTuple):
    """Where the one answer to a request goes. Data: it may be kept until a commit."""

    host: HostId
    number: int


class Context(Protocol):
    """Given to each handler. None of it happens if the handler raises."""

    @property
    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970 UTC, for what is stored."""
        ...

    def new_id(self, prefix: str) -> str:
        """A fresh id, see `domain.ids`."""
        ...

    def reply(self, answer: Answer) -> None:
        """Answer the request at hand."""
        ...

    def take_reply(self) -> Token:
        """Keep the request at hand, to `answer` later."""
        ...

    def answer(self, token: Token, answer: Answer) -> None:
        """Answer a kept request; exactly once."""
        ...

    def tell(self, to: ActorId, message: Message) -> None:
        """Send without an answer: at most once, in order while the link lives."""
        ...

    def ask(
        self,
        to: ActorId,
        message: Message,
        then: "Callable[[Answer, Context], None]",
        failed: "Callable[[StreamHubError, Context], None]",
        within_s: float = 5.0,
    ) -> None:
        """Request an answer; `failed` gets problems and the time-out."""
        ...

    def store(
        self,
        draft: Draft,
        then: "Callable[[Settled, Context], None]",
        failed: "Callable[[NotStored, Context], None]",
    ) -> None:
        """Make `draft` durable. Completions come once, in the order of the calls."""
        ...

    def publish(self, event: Change | Passing | AwayChanged, term: int = 0) -> None:
        """Send to every host that listens to this actor. A `Change` carries its owner's term."""
        ...

    def run(
        self,
        work: Callable[[], Awaitable[Result]],
        then: "Callable[[Result, Context], None]",
        failed: "Callable[[Exception, Context], None]",
    ) -> None:
        """Do I/O outside the handler."""
        ...

    def timer(self, after_s: float, then: "Callable[[Context], None]") -> None:
        """Come back after a while, unless the actor was dropped meanwhile."""
        ...

    def drop(self) -> None:
        """Forget this incarnation: what it owes is answered `unknown`, the next message loads."""
        ...


class Actor(Protocol):
    """One message at a time; see the module docstrings of the actors for what they promise."""

    def handle(self, message: Any, ctx: Context) -> None:
        """Decide. Raises StreamHubError to refuse this one request."""
        ...

    def closed(self) -> None:
        """The incarnation is over; give back what it holds of the host."""
        ...
