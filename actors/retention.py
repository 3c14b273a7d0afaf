"""Telling channels that keep messages for some days only when some are due."""

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId, Expire, Message, channel_actor
from streamhub.domain.retention import Keeping, RetentionStore

log = structlog.get_logger()

EVERY_S: Final = 600.0
_LIMIT: Final = 500


class _Actors(Protocol):
    def tell(self, to: ActorId, message: Message) -> None: ...


class RetentionSweep:
    """One host sweeps; the channel's owner takes the messages out, batch by batch."""

    def __init__(
        self,
        host: HostId,
        store: RetentionStore,
        actors: _Actors,
        directory: Directory,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._actors = actors
        self._duty = OneHost("retention", host, directory)
        self._now_ms = now_ms

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("retention", EVERY_S, self._turn)

    async def _turn(self) -> None:
        if self._duty.is_this:
            await self.sweep()

    async def sweep(self) -> int:
        """Tell the channels of which messages are due now; how many these are."""
        told, after = 0, None
        while True:
            try:
                page = await self._store.keeping(after, _LIMIT)
            except StreamHubError as error:
                log.warning("retention.not_swept", error=error.code)
                return told
            told += sum(map(self._tell, page))
            if len(page) < _LIMIT:
                return told
            after = page[-1].channel

    def _tell(self, keeping: Keeping) -> bool:
        before = keeping.due(self._now_ms())
        if before is not None:
            self._actors.tell(channel_actor(keeping.channel), Expire(before=before))
        return before is not None
