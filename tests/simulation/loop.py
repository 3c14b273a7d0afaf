"""An event loop whose clock jumps to the next timer: minutes pass in moments, always the same way.

What a process schedules carries its `Life` in the context; once that has ended nothing of it runs
any more, whatever it waited for. That is how a host dies by SIGKILL here; SIGSTOP holds it all back
until SIGCONT, and the time that has passed meanwhile has passed for it too.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
Tasks = dict["asyncio.Task[Any]", None]

_MAX_STEPS: Final = 3_000_000


class Stuck(Exception):
    """What was waited for has not come, and nothing more can happen, or the time is up."""


class Life:
    """The life of one process: its callbacks and tasks run until it ends, not while `frozen`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.held: list[asyncio.Handle] = []
        self.tasks: Tasks = {}
        self._context = contextvars.Context()
        self._context.run(_life.set, self)

    def run(self, call: Callable[..., Any], *args: Any) -> None:
        """Call it as a part of this life: unless that is over, and once it is not frozen."""
        if self.frozen:
            asyncio.get_running_loop().call_soon(call, *args, context=self._context.copy())
        elif self.alive:
            self._context.copy().run(call, *args)

    def task(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """A task of this life, which keeps it."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """The same, for who does not look back."""
        task = self.task(work)
        assert task in self.tasks

    def freeze(self) -> None:
        """SIGSTOP: what is due, and what comes in, waits."""
        self.frozen = self.alive

    def thaw(self) -> None:
        """SIGCONT: all that has waited happens at once, in the order in which it was due."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self.frozen = False
        held, self.held = self.held, []
        loop.happen(held)

    def end(self) -> None:
        """Between two instructions, like kill -9."""
        self.alive = self.frozen = False
        self.held.clear()
        tasks, self.tasks = self.tasks, {}
        for task in tasks:
            _abandon(task)


_life: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)

NOBODY: Final = contextvars.Context()
"""What no process can take with it: the network's and the database's doings."""


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs everything in one thread, in the order of time and then of scheduling.

    `errors` are the exceptions nobody caught. Timers of the same moment run in the order they
    were set.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._sequence = 0
        self._tasks: Tasks = {}
        self.steps = 0
        self.errors: list[str] = []

    # -- running ------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, Result], within_s: float) -> Result:
        """Run until `main` is done. Raises Stuck when that cannot be, or not `within_s`."""
        deadline = self._now + within_s
        events._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step(deadline)
            return task.result()
        finally:
            for pending in self._tasks:
                _abandon(pending)
            self._tasks.clear()
            self._ready.clear()
            self._timers.clear()
            events._set_running_loop(None)

    def _step(self, deadline: float) -> None:
        if not self._ready:
            self._wait(deadline)
        handle = self._ready.popleft()
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise Stuck(f"still busy after {_MAX_STEPS} steps at {self._now:.3f}: {handle!r}")
        if handle.cancelled():
            return
        life = handle._context.get(_life)  # type: ignore[attr-defined]
        if life is not None and life.frozen:
            life.held.append(handle)
        elif life is None or life.alive:
            handle._run()

    def happen(self, overdue: list[asyncio.Handle]) -> None:
        """Run what was held back, now."""
        self._ready.extend(overdue)

    def _wait(self, deadline: float) -> None:
        """Nothing is ready: let the time pass until something is."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stuck(f"deadlock: at {self._now:.3f} nothing is left to happen")
        self._now = max(self._now, self._timers[0][0])
        if self._now > deadline:
            raise Stuck(f"not done at {self._now:.3f}")
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(self._timers)[2])

    # -- what asyncio asks of a loop ----------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._sequence += 1
        heapq.heappush(self._timers, (when, self._sequence, handle))
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Result] | Generator[Any, None, Result],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[Result]":
        life = context.get(_life) if context is not None else _life.get()
        task = asyncio.Task(coro, loop=self, context=context)
        tasks = self._tasks if life is None else life.tasks
        tasks[task] = None
        task.add_done_callback(lambda done: tasks.pop(done, None))
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"at {self._now:.3f}: {context.get('message')}: {error!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are skipped when their time comes."""


def _abandon(task: asyncio.Task[Any]) -> None:
    """Never run it again, and say nothing about it."""
    if not task.done():
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine = task.get_coro()
        if isinstance(coroutine, Coroutine):
            coroutine.close()
