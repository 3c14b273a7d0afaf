"""A client's connection: in order, with a buffer that fills while the client does not read."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from simulation.loop import NOBODY, Life

from streamhub.actors.session import Broadcast, SessionActor
from streamhub.domain.channels import Changes, Overview
from streamhub.domain.errors import SlowReader
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import Answer, Passing
from streamhub.transport.pipeline import Pipelines

_LATENCY_S: Final = 0.003
_PAUSED_LIMIT_S: Final = 30.0
_EVENT_BYTES: Final = 200


class Reader(Protocol):
    """The client's end."""

    def on_ready(self, wire: "Wire", overviews: Sequence[Overview]) -> None: ...
    def on_event(self, event: Any) -> None: ...
    def on_page(self, channel: ChannelId, changes: Changes) -> None: ...
    def on_reset(self, channel: ChannelId, rev: int) -> None: ...
    def on_broken(self, wire: "Wire") -> None: ...


class Wire:
    """Both ends of one connection: the `Socket` of a session, and what the client hears."""

    def __init__(self, user: UserId, reader: Reader, life: Life, pause_bytes: int) -> None:
        self.user = user
        self.broken = False
        self.peak_bytes = 0
        self._reader = reader
        self._life = life
        self._pause_bytes = pause_bytes
        self.session: SessionActor | None = None
        self.pipelines: Pipelines | None = None
        self.serving: asyncio.Task[None] | None = None
        self._unsent: deque[tuple[int, Callable[..., None], tuple[Any, ...]]] = deque()
        self._unsent_bytes = 0
        self._stalled = False
        self._room: list[asyncio.Future[None]] = []

    # -- the client's end -----------------------------------------------------------------------

    @property
    def stalled(self) -> bool:
        return self._stalled

    def stall(self) -> None:
        """The client reads nothing for a while."""
        self._stalled = True

    def resume(self) -> None:
        self._stalled = False
        while self._unsent:
            size, call, args = self._unsent.popleft()
            self._unsent_bytes -= size
            self._deliver(call, args)
        for waiting in self._room:
            if not waiting.done():
                waiting.set_result(None)
        self._room.clear()

    def snap(self, noticed_s: float = 0.0) -> None:
        """The connection is gone: the client knows, the host will."""
        if self.broken:
            return
        self.broken = True
        self._unsent.clear()
        loop = asyncio.get_running_loop()
        loop.call_later(_LATENCY_S, self._reader.on_broken, self, context=NOBODY)
        loop.call_later(noticed_s, self._life.run, self._notice, context=NOBODY)

    # -- the host's end: the Socket of a session ------------------------------------------------

    def ready(self, overviews: Sequence[Overview]) -> None:
        self._write(_EVENT_BYTES, self._reader.on_ready, self, overviews)

    def reply(self, done: Callable[[Answer], None], answer: Answer) -> None:
        self._write(0, done, answer)

    def unsent_bytes(self) -> int:
        return self._unsent_bytes

    async def drained(self) -> None:
        if self._unsent_bytes <= self._pause_bytes:
            return
        room = asyncio.get_running_loop().create_future()
        self._room.append(room)
        try:
            async with asyncio.timeout(_PAUSED_LIMIT_S):
                await room
        except TimeoutError:
            raise SlowReader from None

    def broadcast(self, event: Broadcast) -> None:
        self._write(_EVENT_BYTES, self._reader.on_event, event.event)

    def page(self, channel: ChannelId, changes: Changes) -> None:
        size = _EVENT_BYTES * (len(changes.messages) + len(changes.members))
        self._write(size, self._reader.on_page, channel, changes)

    def reset(self, channel: ChannelId, rev: int) -> None:
        self._write(_EVENT_BYTES, self._reader.on_reset, channel, rev)

    def passing(self, event: Passing) -> None:
        self._write(_EVENT_BYTES, self._reader.on_event, event)

    def too_slow(self) -> None:
        self.snap()

    # -- private --------------------------------------------------------------------------------

    def _write(self, size: int, call: Callable[..., None], *args: Any) -> None:
        if self.broken:
            return
        if not self._stalled:
            self._deliver(call, args)
            return
        self._unsent.append((size, call, args))
        self._unsent_bytes += size
        self.peak_bytes = max(self.peak_bytes, self._unsent_bytes)

    def _deliver(self, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        asyncio.get_running_loop().call_later(_LATENCY_S, self._arrive, call, args, context=NOBODY)

    def _arrive(self, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        if not self.broken:
            call(*args)

    def _notice(self) -> None:
        if self.session is not None:
            self.session.close()
        if self.serving is not None:
            self.serving.cancel()
