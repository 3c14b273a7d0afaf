"""The actor runtime of one host: mailboxes, activation, effects, passivation.

Handlers decide, commits apply. A handler is an ordinary function that runs to completion; what it
asks for is performed in order after it returned, and none of it if it raised. An exception while
deciding fails that one request; one while applying drops the incarnation, and the next message
loads the actor again. What a dropped incarnation owes is answered `unknown`; what was done for it
is never delivered to its successor.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from streamhub.actors.cell import Cell, Kind
from streamhub.actors.context import Actor, Token
from streamhub.actors.effects import Effects
from streamhub.actors.interest import Interests
from streamhub.actors.ports import Clock, Directory, Switch
from streamhub.actors.requests import Requests
from streamhub.actors.whereabouts import UserWhereabouts
from streamhub.domain.changes import Journal
from streamhub.domain.envelopes import Answered, Ask, Tell
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.messages import (
    AWAY,
    BROKEN,
    MOVED,
    NOT_FOUND,
    OVERLOADED,
    UNKNOWN,
    ActorId,
    Answer,
    Message,
    Problem,
)

log = structlog.get_logger()

MAILBOX_LIMIT: Final = 256
TURN: Final = 32
"""Messages an actor handles before the next one has its turn."""

SLOW_S: Final = 0.010
_RELOAD_PAUSE_S: Final = 1.0
_IDLE_SWEEP_S: Final = 5.0


class ActorSystem:
    """The actors of one host.

    `ask` and `tell` reach any actor of the cluster by its id. Messages for an actor wait while it
    loads; a failed load answers them all and is not tried again for a second.
    """

    def __init__(
        self,
        host: HostId,
        kinds: Mapping[str, Kind],
        *,
        directory: Directory,
        switch: Switch,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self.host = host
        self.directory = directory
        self.interests = Interests(host, self, directory, switch)
        self.whereabouts = UserWhereabouts(self.interests, self)
        self._kinds = kinds
        self._switch = switch
        self.journal = journal
        self.clock = clock
        self._requests = Requests()
        self._cells: dict[ActorId, Cell] = {}
        self._pauses: dict[ActorId, float] = {}
        self._ready: deque[Cell] = deque()
        self._running = False
        self._work: set[asyncio.Future[Any]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._version = directory.version
        self._closed = False

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def queued(self) -> int:
        """Messages that wait in mailboxes."""
        return sum(cell.messages for cell in self._cells.values())

    # -- asking -----------------------------------------------------------------------------

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float = 5.0
    ) -> None:
        """Request an answer; `done` gets it, or a Problem, exactly once."""
        owner = self.directory.owner(to)
        if owner is None:
            done(AWAY)
            return
        number = self._requests.open(owner, within_s, done)
        if owner == self.host:
            self._deliver(to, message, Token(self.host, number))
            return
        ask = Ask(to=to, number=number, within_ms=int(within_s * 1000), message=message)
        if not self._switch.send(owner, ask):
            self._requests.answer(number, AWAY)

    def tell(self, to: ActorId, message: Message) -> None:
        owner = self.directory.owner(to)
        if owner == self.host:
            self._deliver(to, message, None)
        elif owner is not None:
            self._switch.send(owner, Tell(to=to, message=message))

    def tell_if_awake(self, to: ActorId, message: Message) -> None:
        """Tell an actor of this host, unless it sleeps."""
        if to in self._cells:
            self._deliver(to, message, None)

    # -- from links -------------------------------------------------------------------------

    def on_ask(self, sender: HostId, ask: Ask) -> None:
        origin = HostId(ask.origin) if ask.origin else sender
        owner = self.directory.owner(ask.to)
        if owner == self.host:
            self._deliver(ask.to, ask.message, Token(origin, ask.number))
            return
        if owner is not None and ask.hops == 0:
            onward = Ask(
                to=ask.to,
                number=ask.number,
                within_ms=ask.within_ms,
                message=ask.message,
                hops=1,
                origin=origin,
            )
            if self._switch.send(owner, onward):
                return
        self._switch.send(origin, Answered(number=ask.number, answer=MOVED))

    def on_answered(self, sender: HostId, answered: Answered) -> None:
        self._requests.answer(answered.number, answered.answer)

    def on_tell(self, sender: HostId, tell: Tell) -> None:
        if self.directory.owner(tell.to) == self.host:
            self._deliver(tell.to, tell.message, None)

    def on_link_lost(self, host: HostId) -> None:
        self._requests.lose(host)
        self.whereabouts.doubt()
        self.interests.forget(host)

    def on_view(self) -> None:
        """Another view: give up the actors that moved. What they owe is answered `moved`, and
        asked of the new owner, whose load waits for a batch of theirs in flight.

        In a version that was skipped any of them may have had another owner, and come back: what
        they know is out of date then, and nobody would tell them. So all are given up."""
        version = self.directory.version
        skipped, self._version = version > self._version + 1, version
        for cell in list(self._cells.values()):
            if skipped or self.directory.owner(cell.id) != self.host:
                self.drop(cell, MOVED)
        self.interests.on_view()
        self.whereabouts.on_view()

    # -- mailboxes --------------------------------------------------------------------------

    def active(self, actor_id: ActorId) -> Actor | None:
        """The live actor here, without waking it."""
        cell = self._cells.get(actor_id)
        return cell.actor if cell else None

    def wake(self, actor_id: ActorId) -> None:
        """Load it, or have it stay awake, as a message would."""
        if cell := self._cells.get(actor_id):
            cell.used_at = asyncio.get_running_loop().time()
        elif self.directory.serving and not self._closed:
            self._activate(actor_id, None)

    def _deliver(self, to: ActorId, message: Message, token: Token | None) -> None:
        if not self.directory.serving or self._closed:
            self.settle(token, AWAY)
            return
        cell = self._cells.get(to) or self._activate(to, token)
        if cell is None:
            return
        if cell.messages >= MAILBOX_LIMIT:
            self.settle(token, OVERLOADED)
            return
        cell.messages += 1
        cell.mailbox.append((None, message, token))
        self._schedule(cell)

    def _activate(self, to: ActorId, token: Token | None) -> Cell | None:
        now = asyncio.get_running_loop().time()
        kind = self._kinds.get(to.kind)
        if kind is None:
            self.settle(token, NOT_FOUND)
            return None
        if self._pauses.get(to, 0.0) > now:
            self.settle(token, AWAY)
            return None
        self._pauses.pop(to, None)
        cell = self._cells[to] = Cell(to, kind, now)
        self.spawn(kind.load(to.key), lambda load: self._loaded(cell, load))
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE_SWEEP_S, self._passivate)
        return cell

    def _loaded(self, cell: Cell, load: "asyncio.Future[Any]") -> None:
        error = None if load.cancelled() else load.exception()
        if cell.dropped:
            return
        if load.cancelled() or error is not None:
            self._not_loaded(cell, error)
        elif (state := load.result()) is None:
            self.drop(cell, NOT_FOUND)
        else:
            try:
                cell.actor = cell.kind.make(state)
            except Exception as defect:
                self._not_loaded(cell, defect)
            else:
                self.interests.announce(str(cell.id))
                self._schedule(cell)

    def _not_loaded(self, cell: Cell, error: BaseException | None) -> None:
        log.warning("actor.load_failed", actor=str(cell.id), error=repr(error))
        self._pauses[cell.id] = asyncio.get_running_loop().time() + _RELOAD_PAUSE_S
        self.drop(cell, AWAY)

    def _schedule(self, cell: Cell) -> None:
        if cell.queued or cell.actor is None:
            return
        cell.queued = True
        self._ready.append(cell)
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Give each actor that was ready at the start of this pass one turn."""
        for _ in range(len(self._ready)):
            cell = self._ready.popleft()
            cell.queued = False
            for _ in range(min(TURN, len(cell.mailbox))):
                self._step(cell)
            if cell.mailbox:
                self._schedule(cell)
        if self._ready:
            asyncio.get_running_loop().call_soon(self._run)
        else:
            self._running = False

    def _step(self, cell: Cell) -> None:
        if not cell.mailbox or cell.actor is None:  # dropped by the step before
            return
        then, message, token = cell.mailbox.popleft()
        context = Effects(self, cell, token)
        started = time.perf_counter()
        if then is None:
            cell.messages -= 1
            decided = self._decide(cell, cell.actor, message, token, context)
        else:
            decided = self._apply(cell, then, message, context)
        if decided:
            self._perform(cell, context)
        if (took := time.perf_counter() - started) > SLOW_S:
            handler = then.__qualname__ if then else type(message).__name__
            log.warning("actor.slow", actor=str(cell.id), handler=handler, ms=round(took * 1e3))

    def _decide(
        self, cell: Cell, actor: Actor, message: Any, token: Token | None, context: Effects
    ) -> bool:
        """Whether its effects are to be performed."""
        try:
            actor.handle(message, context)
        except StreamHubError as error:
            self.settle(token, Problem.of(error))
            return False
        except Exception:
            log.exception("actor.failed", actor=str(cell.id), message=type(message).__name__)
            self.settle(token, BROKEN)
            return False
        if token is not None and not context.replied:
            log.error("actor.silent", actor=str(cell.id), message=type(message).__name__)
            self.settle(token, BROKEN)
        return True

    def _apply(self, cell: Cell, then: Callable[..., None], result: Any, context: Effects) -> bool:
        try:
            then(*result, context)
        except Exception:
            log.exception("actor.dropped", actor=str(cell.id), handler=repr(then))
            self.drop(cell, UNKNOWN)
            return False
        return True

    def _perform(self, cell: Cell, context: Effects) -> None:
        try:
            context.perform()
        except Exception:  # a port's defect: the others of this host must go on
            log.exception("actor.effect_failed", actor=str(cell.id))
            self.drop(cell, UNKNOWN)

    # -- ends -------------------------------------------------------------------------------

    def settle(self, token: Token | None, answer: Answer) -> None:
        if token is None:
            return
        if token.host == self.host:
            self._requests.answer(token.number, answer)
        else:
            self._switch.send(token.host, Answered(number=token.number, answer=answer))

    def drop(self, cell: Cell, answer: Problem) -> None:
        if cell.dropped:
            return
        cell.dropped = True
        if self._cells.get(cell.id) is cell:
            del self._cells[cell.id]
        actor, cell.actor = cell.actor, None
        if actor is not None:
            actor.closed()
        waiting = [token for then, _, token in cell.mailbox if then is None and token]
        cell.mailbox.clear()
        for token in (*cell.owed, *waiting):
            self.settle(token, answer)
        cell.owed.clear()

    def _passivate(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for cell in list(self._cells.values()):
            if cell.idle and now - cell.used_at >= cell.kind.idle_s:
                self.drop(cell, UNKNOWN)
        for actor_id in [a for a, until in self._pauses.items() if until <= now]:
            del self._pauses[actor_id]
        waiting = self._cells or self._pauses
        self._sweep = loop.call_later(_IDLE_SWEEP_S, self._passivate) if waiting else None

    async def close(self) -> None:
        """Drop every actor and end what runs for them."""
        self._closed = True
        self.whereabouts.close()
        if self._sweep is not None:
            self._sweep.cancel()
        for cell in list(self._cells.values()):
            self.drop(cell, MOVED)
        self._requests.close()
        for work in tuple(self._work):
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    # -- effects ----------------------------------------------------------------------------

    def spawn(self, work: Awaitable[Any], done: Callable[["asyncio.Future[Any]"], None]) -> None:
        future = asyncio.ensure_future(work)
        self._work.add(future)
        future.add_done_callback(self._work.discard)
        future.add_done_callback(done)

    def complete(self, cell: Cell, then: Callable[..., None], *result: Any) -> None:
        """What a live incarnation waited for has come; completions do not count as messages."""
        if cell.dropped:
            return
        cell.waiting -= 1
        cell.mailbox.append((then, result, None))
        self._schedule(cell)
