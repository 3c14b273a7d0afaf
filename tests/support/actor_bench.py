"""What actors and the relay are tested on: ports that record, and simulated time."""

import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from simulation.loop import SimulatedLoop

from streamhub.actors.cell import Kind
from streamhub.actors.context import Context
from streamhub.actors.system import ActorSystem
from streamhub.domain.changes import Outcome
from streamhub.domain.drafts import Draft
from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId, UserId
from streamhub.domain.messages import ActorId, Answer, Message, Post

HERE, THERE, ELSEWHERE = HostId("ho_here"), HostId("ho_there"), HostId("ho_elsewhere")
_NOBODY = UserId("us_nobody")


def simulated(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on simulated time; an exception nobody caught fails it."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        loop = SimulatedLoop()  # type: ignore[abstract]
        loop.run(test(*args, **kwargs), within_s=3600.0)
        assert loop.errors == []

    return run


class FixedDirectory:
    """Everything is owned here, unless said otherwise."""

    def __init__(self, host: HostId = HERE) -> None:
        self.version = 1
        self.serving = True
        self.default: HostId | None = host
        self.elsewhere: dict[ActorId, HostId | None] = {}

    def owner(self, actor: ActorId) -> HostId | None:
        return self.elsewhere.get(actor, self.default)


class RecordingSwitch:
    """Keeps what was sent; sends nothing to hosts that are `down`."""

    def __init__(self) -> None:
        self.sent: list[tuple[HostId, Envelope]] = []
        self.down: set[HostId] = set()

    def send(self, host: HostId, envelope: Envelope) -> bool:
        if host in self.down:
            return False
        self.sent.append((host, envelope))
        return True

    def to(self, host: HostId) -> list[Envelope]:
        """What was sent to a host since the last look."""
        found = [envelope for to, envelope in self.sent if to == host]
        self.sent = [(to, envelope) for to, envelope in self.sent if to != host]
        return found


class HandJournal:
    """Keeps drafts until the test says what became of them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Draft, Callable[[Outcome], None]]] = []

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        self.waiting.append((draft, done))

    def settle(self, outcome: Outcome) -> None:
        """The oldest draft becomes `outcome`."""
        self.waiting.pop(0)[1](outcome)


class CountingClock:
    """A millisecond at each look; zeros for randomness, but for a counter."""

    def __init__(self) -> None:
        self._now_ms = 1_000
        self._random = 0

    def now_ms(self) -> int:
        self._now_ms += 1
        return self._now_ms

    def random_bytes(self, count: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(count)


class Scripted:
    """An actor that does what the message's text says; see `script`."""

    def __init__(self, script: Mapping[str, Callable[[Any, Context], None]]) -> None:
        self._script = script
        self.log: list[str] = []
        self.is_closed = False

    def handle(self, message: Any, ctx: Context) -> None:
        self.log.append(message.text)
        self._script[message.text](message, ctx)

    def closed(self) -> None:
        self.is_closed = True


def said(text: str) -> Post:
    """A message of which only the text matters."""
    return Post(author=_NOBODY, key=text, digest=b"", text=text)


class Bench:
    """One host's actors of one kind, `thing`, each made of what `load` gave."""

    def __init__(
        self,
        load: Callable[[str], Coroutine[Any, Any, Any]],
        make: Callable[[Any], Any],
        idle_s: float = 60.0,
    ) -> None:
        self.directory = FixedDirectory()
        self.switch = RecordingSwitch()
        self.journal = HandJournal()
        self.system = ActorSystem(
            HERE,
            {"thing": Kind(load, make, idle_s)},
            directory=self.directory,
            switch=self.switch,
            journal=self.journal,
            clock=CountingClock(),
        )

    def ask(self, key: str, message: Message, within_s: float = 5.0) -> list[Answer]:
        """Where the answer will be."""
        answers: list[Answer] = []
        self.system.ask(ActorId("thing", key), message, answers.append, within_s)
        return answers
