"""One lane of the writer: a queue, a connection, and one statement at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Final

import structlog

from streamhub.domain.changes import NotStored, Outcome, Repeated
from streamhub.domain.drafts import Draft, Edit, MessageDraft, RevisionDraft
from streamhub.domain.ids import ChannelId
from streamhub.persistence.batches import append_messages, find_first
from streamhub.persistence.managing import manage
from streamhub.persistence.postgres import Connection, Fate, NotSent, fate_of
from streamhub.persistence.revisions import revise_messages
from streamhub.persistence.threads import append_replies

BATCH_ROWS: Final = 256
BATCH_BYTES: Final = 1 << 20
BUSY_TRIES: Final = 2  # for one channel alone; each may wait for lock_timeout
RECONNECT_PAUSE_S: Final = 0.25
CLOSE_TIMEOUT_S: Final = 2.0

UNAVAILABLE: Final = NotStored(reason="unavailable")
_log = structlog.get_logger(__name__)


class Waiting:
    """A draft, whom to tell, and its outcome once there is one."""

    __slots__ = ("done", "draft", "outcome")

    def __init__(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        self.draft = draft
        self.done = done
        self.outcome: Outcome | None = None


class Lane:
    """Commits drafts in the order they came, as many at once as are there.

    Since a lane has one statement in flight, so has each of its channels; what arrives meanwhile
    is the next batch. After an unknown or failed statement, and beyond `limit` waiting drafts, what
    has the terms of those channels, now or later, is `unavailable`: their owners load them again
    before anything else is stored, so nothing overtakes what was not.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], limit: int) -> None:
        self._connect = connect
        self._limit = limit
        self._failed: dict[ChannelId, int] = {}
        self._connection: Connection | None = None
        self._connect_after = 0.0
        self._queue: deque[Waiting] = deque()
        self._batch: list[Waiting] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run())

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, waiting: Waiting) -> None:
        draft = waiting.draft
        if len(self._queue) >= self._limit:
            self._failed[draft.channel] = draft.term
        if (failed := self._failed.get(draft.channel)) is not None:
            if draft.term <= failed:
                waiting.outcome = UNAVAILABLE  # it still waits its turn: outcomes come in order
            else:
                del self._failed[draft.channel]
        self._queue.append(waiting)
        self._wake.set()

    async def close(self) -> None:
        """Store what waits, then disconnect."""
        self._closing = True
        self._wake.set()
        await self._task
        if self._connection is not None and not self._connection.is_closed():
            try:
                await self._connection.close(timeout=CLOSE_TIMEOUT_S)
            except (OSError, TimeoutError):
                self._connection.terminate()

    async def _run(self) -> None:
        while True:
            while not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            self._batch = self._take()
            await self._settle(self._batch)
            for waiting in sorted(self._batch, key=_is_revision):  # as they were numbered
                _tell(waiting)

    def _take(self) -> list[Waiting]:
        """The next batch: messages and revisions up to a change of the channel, or one such."""
        batch: list[Waiting] = []
        terms: dict[ChannelId, int] = {}
        replies: dict[ChannelId, bool] = {}
        size = 0
        while self._queue and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
            waiting = self._queue[0]
            draft = waiting.draft
            if waiting.outcome is None:
                if not isinstance(draft, MessageDraft | RevisionDraft):
                    if terms:
                        break
                    batch.append(self._queue.popleft())
                    break
                if terms.setdefault(draft.channel, draft.term) != draft.term:
                    break
                if isinstance(draft, MessageDraft) and (
                    replies.setdefault(draft.channel, _is_reply(draft)) != _is_reply(draft)
                ):
                    break  # each sort has its statement, and a channel's messages keep their order
                size += _size(draft)
            batch.append(self._queue.popleft())
        return batch

    async def _settle(self, part: list[Waiting]) -> None:
        """Give every draft of `part` its outcome: in smaller parts if it cannot be stored whole."""
        for tries_left in reversed(range(BUSY_TRIES)):
            part = [waiting for waiting in part if waiting.outcome is None]
            if not part:
                return
            try:
                await self._store(part)
                return
            except Exception as error:  # whatever it is, every draft must get its outcome
                fate = fate_of(error)
                if not isinstance(error, NotSent):
                    _log.warning("batch failed", fate=fate, rows=len(part), error=repr(error))
                smaller = _smaller_parts(part, fate)
                if not smaller and (fate != "busy" or not tries_left):
                    self._give_up(part, fate, str(error))
            for piece in smaller:
                await self._settle(piece)

    def _give_up(self, part: list[Waiting], fate: Fate, detail: str) -> None:
        """Nothing smaller or later can help `part`."""
        if fate == "refused":
            part[0].outcome = NotStored(reason="refused", detail=detail)
            return
        if fate != "busy":
            self._disconnect()
        outcome = NotStored(reason="unknown" if fate == "unknown" else "unavailable")
        for waiting in part:
            waiting.outcome = outcome
        failed = {waiting.draft.channel: waiting.draft.term for waiting in part}
        self._failed |= failed
        for waiting in chain(self._batch, self._queue):
            draft = waiting.draft
            if waiting.outcome is None and draft.term <= failed.get(draft.channel, -1):
                waiting.outcome = UNAVAILABLE

    async def _store(self, part: list[Waiting]) -> None:
        connection = await self._connected()
        first = part[0].draft
        if not isinstance(first, MessageDraft | RevisionDraft):
            part[0].outcome = await manage(connection, first)
            return
        revisions = [waiting for waiting in part if isinstance(waiting.draft, RevisionDraft)]
        if len(revisions) < len(part):
            messages = [w for w in part if isinstance(w.draft, MessageDraft)] if revisions else part
            await self._append(connection, messages)
        if revisions:
            await self._revise(connection, revisions)

    async def _append(self, connection: Connection, part: list[Waiting]) -> None:
        replies = [waiting for waiting in part if _is_reply(waiting.draft)]
        if replies:
            part = [waiting for waiting in part if not _is_reply(waiting.draft)]
            await self._reply(connection, replies)
        if not part:
            return
        drafts = [waiting.draft for waiting in part if isinstance(waiting.draft, MessageDraft)]
        outcomes = await append_messages(connection, drafts)
        for waiting, outcome in zip(part, outcomes, strict=True):
            waiting.outcome = outcome
        if left_out := [waiting for waiting in part if waiting.outcome is None]:
            await self._look_up(connection, left_out)

    async def _reply(self, connection: Connection, part: list[Waiting]) -> None:
        """Those whose key was used before are left out first."""
        await self._look_up(connection, part)
        new = [waiting for waiting in part if not isinstance(waiting.outcome, Repeated)]
        for waiting in new:
            waiting.outcome = None
        drafts = [waiting.draft for waiting in new if isinstance(waiting.draft, MessageDraft)]
        if new:
            outcomes = await append_replies(connection, drafts)
            for waiting, outcome in zip(new, outcomes, strict=True):
                waiting.outcome = outcome

    async def _revise(self, connection: Connection, part: list[Waiting]) -> None:
        drafts = [waiting.draft for waiting in part if isinstance(waiting.draft, RevisionDraft)]
        for waiting, outcome in zip(part, await revise_messages(connection, drafts), strict=True):
            waiting.outcome = outcome

    async def _look_up(self, connection: Connection, left_out: list[Waiting]) -> None:
        drafts = [w.draft for w in left_out if isinstance(w.draft, MessageDraft)]
        for waiting, outcome in zip(left_out, await find_first(connection, drafts), strict=True):
            waiting.outcome = outcome

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        loop = asyncio.get_running_loop()
        if loop.time() < self._connect_after:
            raise NotSent("PostgreSQL was away a moment ago")
        try:
            self._connection = await self._connect()
        except NotSent as error:
            _log.warning("PostgreSQL is away", error=str(error))
            self._connect_after = loop.time() + RECONNECT_PAUSE_S
            raise
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _smaller_parts(part: list[Waiting], fate: Fate) -> list[list[Waiting]]:
    """Parts to store one after the other, so that one draft or channel is all that fails."""
    if fate == "refused" and len(part) > 1:
        middle = len(part) // 2
        return [part[:middle], part[middle:]]
    if fate == "busy":
        channels: dict[ChannelId, list[Waiting]] = {}
        for waiting in part:
            channels.setdefault(waiting.draft.channel, []).append(waiting)
        if len(channels) > 1:
            return list(channels.values())
    return []


def _is_revision(waiting: Waiting) -> bool:
    return isinstance(waiting.draft, RevisionDraft)


def _is_reply(draft: Draft) -> bool:
    return isinstance(draft, MessageDraft) and draft.thread is not None


def _size(draft: MessageDraft | RevisionDraft) -> int:
    if isinstance(draft, MessageDraft):
        return len(draft.text)
    return len(draft.operation.text) if isinstance(draft.operation, Edit) else 0


def _tell(waiting: Waiting) -> None:
    assert waiting.outcome is not None  # noqa: S101 - for the type checker
    try:
        waiting.done(waiting.outcome)
    except Exception:  # one listener's defect must not silence the others
        _log.exception("a listener failed on its outcome")
