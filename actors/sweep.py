"""Bringing hints that an inbox did not get: whoever told it may have died in between."""

from typing import Final, Protocol

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.channel_store import Outbox
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId, Message, TakeHint, inbox_actor

log = structlog.get_logger()

EVERY_S: Final = 2.0
OLDER_THAN_MS: Final = 2000
_LIMIT: Final = 200


class _Actors(Protocol):
    def tell(self, to: ActorId, message: Message) -> None: ...


class OutboxSweep:
    """Tells inboxes of what has waited in the outbox, until they took it. One host sweeps."""

    def __init__(self, host: HostId, outbox: Outbox, actors: _Actors, directory: Directory) -> None:
        self._outbox = outbox
        self._actors = actors
        self._duty = OneHost("outbox", host, directory)

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("outbox", EVERY_S, self._turn)

    async def _turn(self) -> None:
        if self._duty.is_this:
            await self.sweep()

    async def sweep(self) -> int:
        """Tell of what is due now; how many hints that were."""
        try:
            hints = await self._outbox.due(OLDER_THAN_MS, _LIMIT)
        except StreamHubError as error:
            log.warning("outbox.not_swept", error=error.code)
            return 0
        for hint in hints:
            self._actors.tell(inbox_actor(hint.user), TakeHint(hint=hint))
        return len(hints)
