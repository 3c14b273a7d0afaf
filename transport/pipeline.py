"""The posts of one client to one channel, in the order they came.

They are sent without waiting for each other, and yet none is stored before the ones ahead of it:
each names the one before it while that is not answered, and the channel takes it only after that
one. What is to be asked again holds back those behind it.

    waiting -- those ahead are asked or answered --> asked -- answer -----> gone
       ^------------- "ask again", after a pause ------|
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from msgspec import structs

from streamhub.domain.messages import ActorId, Answer, Message, Post, Problem
from streamhub.transport.question import Asked, Question

_SHUT_S: Final = 1.0
_BEHIND: Final = Problem(
    code="unavailable",
    detail="a message sent before this one failed",
    retry_after_ms=1000,
    again=True,
)


class Pipelines:
    """One for each channel in which a client has sent what is not answered yet."""

    __slots__ = ("_actors", "_busy")

    def __init__(self, actors: Asked) -> None:
        self._actors = actors
        self._busy: dict[str, Pipeline] = {}

    def take_turn(self, channel: str) -> "Turn":
        for idle in [name for name, pipeline in self._busy.items() if pipeline.idle]:
            del self._busy[idle]
        pipeline = self._busy.get(channel)
        if pipeline is None:
            pipeline = self._busy[channel] = Pipeline(self._actors)
        return pipeline.take_turn()


class Pipeline:
    """A post that is given up takes those with it that wait behind it, and what its client sends
    before it can know: they would overtake it when it is sent again."""

    __slots__ = ("_shut_until", "actors", "turns")

    def __init__(self, actors: Asked) -> None:
        self.actors = actors
        self.turns: deque[Turn] = deque()
        self._shut_until = 0.0

    @property
    def is_shut(self) -> bool:
        return asyncio.get_running_loop().time() < self._shut_until

    @property
    def idle(self) -> bool:
        return not self.turns and not self.is_shut

    def shut(self) -> None:
        """Take nothing for as long as the news of a failure may be on its way."""
        self._shut_until = asyncio.get_running_loop().time() + _SHUT_S

    def take_turn(self) -> "Turn":
        """A place behind all that are there; to be given its post, or to be left."""
        turn = Turn(self, self.turns[-1] if self.turns else None)
        self.turns.append(turn)
        return turn

    def behind(self, turn: "Turn") -> "tuple[Turn, ...]":
        turns = tuple(self.turns)
        return turns[turns.index(turn) + 1 :]

    def go_on(self) -> None:
        """Ask what may be asked."""
        for turn in tuple(self.turns):
            if turn.state == "waiting":
                turn.ask()
            if turn.state in ("open", "paused"):
                return


class Turn(Question):
    """The place of one post."""

    __slots__ = ("_ahead", "_doomed", "_pipeline", "state")

    def __init__(self, pipeline: Pipeline, ahead: "Turn | None") -> None:
        self._pipeline = pipeline
        self._ahead = ahead
        self._doomed = False
        self.state: Literal["open", "waiting", "asked", "paused", "gone"] = "open"

    def give(self, to: ActorId, post: Message, done: Callable[[Answer], None]) -> None:
        """What is to be asked here, and who gets the answer."""
        if self._pipeline.is_shut:
            self.leave()
            done(_BEHIND)
            return
        super().__init__(self._pipeline.actors, to, post, done)
        self.state = "waiting"
        self._pipeline.go_on()

    def leave(self) -> None:
        """There is nothing to ask here."""
        if self.state != "gone":
            self._go()
            self._pipeline.go_on()

    def ask(self) -> None:
        assert isinstance(self._message, Post)  # noqa: S101 - for the type checker
        ahead = self._ahead
        if ahead is not None and ahead.state == "gone":
            ahead = self._ahead = None
        after = ahead.key if ahead is not None else None
        if after != self._message.after:
            self._message = structs.replace(self._message, after=after)
        self.state = "asked"
        super().ask()

    @property
    def key(self) -> str:
        assert isinstance(self._message, Post)  # noqa: S101 - for the type checker
        return self._message.key

    def _again_in(self, wait_s: float) -> None:
        if self._doomed:
            self._give_up(self._doubt or _BEHIND)
            return
        self.state = "paused"
        self._loop.call_later(wait_s, self._resume)

    def _resume(self) -> None:
        if self.state == "paused":
            self.state = "waiting"
            self._pipeline.go_on()

    def _settle(self, answer: Answer) -> None:
        self._go()
        self._done(answer)
        self._pipeline.go_on()

    def _give_up(self, problem: Problem) -> None:
        self._pipeline.shut()
        for turn in self._pipeline.behind(self):
            if turn.state in ("waiting", "paused"):
                turn._go()
                turn._done(turn._doubt or _BEHIND)
            elif turn.state == "asked":  # its answer may be that it is stored; if not, it fails
                turn._doomed = True
        self._settle(problem)

    def _go(self) -> None:
        self.state = "gone"
        self._ahead = None
        self._pipeline.turns.remove(self)
