"""Forgetting notifications that were read long ago."""

from collections.abc import Callable
from typing import Final

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.notifications import NotificationStore

log = structlog.get_logger()

EVERY_S: Final = 600.0
_LIMIT: Final = 1000


class Forgetting:
    """One host forgets them, batch by batch."""

    def __init__(
        self,
        host: HostId,
        store: NotificationStore,
        directory: Directory,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._duty = OneHost("notifications", host, directory)
        self._now_ms = now_ms

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("notifications", EVERY_S, self._turn)

    async def _turn(self) -> None:
        if self._duty.is_this:
            await self.forget()

    async def forget(self) -> int:
        """All that are due now; how many these were."""
        gone = 0
        while True:
            try:
                batch = await self._store.prune(self._now_ms(), _LIMIT)
            except StreamHubError as error:
                log.warning("notifications.not_forgotten", error=error.code)
                return gone
            gone += batch
            if batch < _LIMIT:
                return gone
