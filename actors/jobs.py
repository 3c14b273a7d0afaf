"""Work that a host does again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from streamhub.actors.ports import Directory
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

log = structlog.get_logger()


async def repeat(name: str, every_s: float, work: Callable[[], Awaitable[object]]) -> None:
    """Until cancelled. What breaks once is logged by that name, and done again the next time: a
    host goes on for months, and nobody would start it again."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception:
            log.exception("job.failed", job=name)


class OneHost:
    """Work that one host of the view does for all of them."""

    def __init__(self, name: str, host: HostId, directory: Directory) -> None:
        self._place: Final = ActorId(name, "job")
        self._host = host
        self._directory = directory

    @property
    def is_this(self) -> bool:
        """Whether it is this one's, by the view it serves by."""
        return self._directory.serving and self._directory.owner(self._place) == self._host
