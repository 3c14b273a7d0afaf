"""Lines on their way to the server, in the order they were typed."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from streamhub.client.client import StreamHubClient
from streamhub.client.errors import ClientError

_WAITING_LIMIT: Final = 1000


class _Line(NamedTuple):
    channel: str
    text: str


class Outbox:
    """Sends one line after the other, so that typing goes on while the server is away."""

    def __init__(self, client: StreamHubClient, on_failure: Callable[[str], None]) -> None:
        self._client = client
        self._on_failure = on_failure
        self._lines: asyncio.Queue[_Line] = asyncio.Queue(_WAITING_LIMIT)

    async def put(self, channel: str, text: str) -> None:
        await self._lines.put(_Line(channel, text))

    async def empty(self) -> None:
        """Until every line was acknowledged, or given up on."""
        await self._lines.join()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            line = await self._lines.get()
            try:
                await self._client.send(line.channel, line.text)
            except ClientError as error:
                self._on_failure(f"not sent: {line.text} ({error})")
            finally:
                self._lines.task_done()
