"""The journal's twin: batches, one in flight per channel, with faults on demand."""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from streamhub.domain.changes import NotStored, Outcome
from streamhub.domain.drafts import Draft, MessageDraft, RevisionDraft
from streamhub.domain.ids import ChannelId
from streamhub.persistence.memory.commits import commit
from streamhub.persistence.memory.tables import RowLock, Tables

Fault = Literal["unavailable", "lost", "answer_lost", "late"]
"""What may happen to a batch.

unavailable  no connection: not committed, and said so
lost         the connection ends before the statement arrived: unknown, not committed
answer_lost  the connection ends after the commit: unknown, committed
late         the connection ends while PostgreSQL works: unknown, and committed only afterwards
"""

BATCH_ROWS: Final = 256
_UNAVAILABLE: Final = NotStored(reason="unavailable")
_UNKNOWN: Final = NotStored(reason="unknown")

_TOGETHER: Final = (MessageDraft, RevisionDraft)

CallSoon = Callable[[Callable[[], None]], object]
Waiting = tuple[Draft, Callable[[Outcome], None]]


def _no_fault(_: tuple[Draft, ...]) -> Fault | None:
    return None


class InMemoryJournal:
    """Implements Journal on shared Tables, for one host.

    Each batch takes three steps, every one given to `call_soon`, which may delay it: the
    statement begins (and waits for the channel's row), it commits, its answer arrives. `faults`
    sees each batch as it begins and says what is to go wrong with it.
    """

    def __init__(
        self,
        tables: Tables,
        call_soon: CallSoon,
        *,
        faults: Callable[[tuple[Draft, ...]], Fault | None] = _no_fault,
    ) -> None:
        self._tables = tables
        self._call_soon = call_soon
        self._faults = faults
        self._queues: dict[ChannelId, deque[Waiting]] = {}
        self._failed: dict[ChannelId, int] = {}
        self._dead = False

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        if self._dead:
            return
        if draft.term <= self._failed.get(draft.channel, -1):
            self._call_soon(lambda: done(_UNAVAILABLE))
            return
        queue = self._queues.get(draft.channel)
        if queue is not None:
            queue.append((draft, done))
            return
        self._queues[draft.channel] = deque([(draft, done)])
        self._call_soon(lambda: self._begin(draft.channel))

    def crash(self) -> None:
        """The host dies: what PostgreSQL already has goes on, nobody hears of it."""
        self._dead = True
        self._queues.clear()

    def _begin(self, channel: ChannelId) -> None:
        if self._dead:
            return
        batch = _take(self._queues[channel])
        rows = self._tables.channels.get(channel)
        lock = rows.lock if rows is not None else RowLock()
        fault = self._faults(tuple(draft for draft, _ in batch))
        if fault in ("unavailable", "lost"):
            outcome = _UNAVAILABLE if fault == "unavailable" else _UNKNOWN
            self._call_soon(lambda: self._fail(channel, batch, outcome))
            return
        if fault == "late":
            self._call_soon(lambda: self._fail(channel, batch, _UNKNOWN))

        def held() -> None:
            self._call_soon(lambda: self._commit(channel, batch, lock, fault))

        lock.take(held)

    def _commit(
        self, channel: ChannelId, batch: list[Waiting], lock: RowLock, fault: Fault | None
    ) -> None:
        outcomes = [commit(self._tables, draft) for draft, _ in batch]
        lock.release()
        if fault is None:
            self._call_soon(lambda: self._answer(channel, batch, outcomes))
        elif fault == "answer_lost":
            self._call_soon(lambda: self._fail(channel, batch, _UNKNOWN))

    def _fail(self, channel: ChannelId, batch: list[Waiting], outcome: Outcome) -> None:
        """`batch` gets `outcome`; its owner must load again, so what has its term is not stored."""
        self._failed[channel] = batch[0][0].term
        behind = self._queues.get(channel, deque())
        self._answer(
            channel,
            [*batch, *behind],
            [outcome] * len(batch) + [_UNAVAILABLE] * len(behind),
            taken=len(behind),
        )

    def _answer(
        self, channel: ChannelId, batch: list[Waiting], outcomes: list[Outcome], taken: int = 0
    ) -> None:
        if self._dead:
            return
        queue = self._queues[channel]
        for _ in range(taken):
            queue.popleft()
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            done(outcome)
        if queue:
            self._call_soon(lambda: self._begin(channel))
        else:
            del self._queues[channel]


def _take(queue: deque[Waiting]) -> list[Waiting]:
    """The next batch: messages and revisions of one term up to a change of members, or one such
    change."""
    batch = [queue.popleft()]
    first = batch[0][0]
    while queue and len(batch) < BATCH_ROWS and isinstance(first, _TOGETHER):
        draft = queue[0][0]
        if not isinstance(draft, _TOGETHER) or draft.term != first.term:
            break
        batch.append(queue.popleft())
    return batch
