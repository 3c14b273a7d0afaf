"""What a client is sent: the writing half of its socket."""

import asyncio
from typing import Final

from aiohttp import web

from streamhub.domain.channels import Changes
from streamhub.domain.errors import SlowReader
from streamhub.domain.ids import ChannelId
from streamhub.domain.messages import Passing
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.transport import wire
from streamhub.transport.broadcast import Broadcast
from streamhub.transport.framing import frame
from streamhub.transport.joined_writes import Flusher, JoinedWriter

_PROGRESS_S: Final = 10.0


class ClientWriter(JoinedWriter):
    """Encodes for one client and writes; with `too_slow` it is the `Socket` of a session.

    Above `pause_bytes` unsent the client is not keeping up; it has `paused_limit_s` to do so again.
    """

    __slots__ = ("_codec", "_pause_bytes", "_paused_limit_s", "_writer")

    def __init__(
        self,
        request: web.Request,
        codec: Codec,
        flusher: Flusher,
        *,
        pause_bytes: int,
        paused_limit_s: float,
    ) -> None:
        assert request.transport is not None  # noqa: S101 - prepared just now
        super().__init__(request.transport, flusher)
        request.transport.set_write_buffer_limits(high=pause_bytes)
        self._codec = codec
        self._writer = request.writer
        self._pause_bytes = pause_bytes
        self._paused_limit_s = paused_limit_s

    def send(self, message: frames.ServerFrame) -> None:
        self.write(frame(self._codec.encode(message), binary=self._codec.binary))

    @property
    def is_behind(self) -> bool:
        """Whether the client has not taken what it was sent."""
        return self.unsent_bytes() > self._pause_bytes

    async def drained(self) -> None:
        """Wait for room. Raises SlowReader after `paused_limit_s`, or 10 s without progress."""
        self.flush()
        if not self.is_behind:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._paused_limit_s
        while True:
            unsent = self.unsent_bytes()
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + _PROGRESS_S)):
                    await self._writer.drain()
                return
            except TimeoutError:
                if loop.time() >= deadline or self.unsent_bytes() >= unsent:
                    raise SlowReader from None

    def broadcast(self, event: Broadcast) -> None:
        self.write(event.frame(self._codec))

    def page(self, channel: ChannelId, changes: Changes) -> None:
        self.send(frames.Event(name="sync.page", body=wire.sync_page(channel, changes)))

    def reset(self, channel: ChannelId, rev: int) -> None:
        body = frames.SyncReset(channel=channel, rev=rev)
        self.send(frames.Event(name="sync.reset", body=body))

    def passing(self, event: Passing) -> None:
        self.send(wire.passing_event(event))
