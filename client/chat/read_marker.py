"""Read markers on their way to the server: only the newest of each channel matters."""

import asyncio
from contextlib import suppress

from streamhub.client.client import StreamHubClient
from streamhub.client.errors import ClientError


class ReadMarker:
    """Says how far the channel on screen was read; one command at a time, the newest wins."""

    def __init__(self, client: StreamHubClient) -> None:
        self._client = client
        self._waiting: dict[str, int] = {}
        self._marked = asyncio.Event()

    def mark(self, channel: str, seq: int) -> None:
        """Everything up to `seq` was on screen."""
        if seq > 0:
            self._waiting[channel] = max(seq, self._waiting.get(channel, 0))
            self._marked.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._marked.wait()
            self._marked.clear()
            while self._waiting:
                channel, seq = self._waiting.popitem()
                with suppress(ClientError):  # the next message marks again
                    await self._client.read(channel, seq)
