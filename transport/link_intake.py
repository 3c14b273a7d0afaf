"""What reaches a host: each envelope goes to the handler of its type, whoever sent it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import HostId
from streamhub.transport.link_batches import envelopes_of

log = structlog.get_logger()

Handler = Callable[[HostId, Any], None]


class Intake:
    """The handlers of one host, and its way to itself."""

    def __init__(self, host: HostId) -> None:
        self._host = host
        self._own: list[Envelope] = []
        self.handlers: Mapping[type, Handler] = {}

    def take(self, sender: HostId, batch: bytes) -> None:
        """A batch from another host. Raises msgspec.DecodeError for what is none."""
        for envelope in envelopes_of(batch):
            self._handle(sender, envelope)

    def take_own(self, envelope: Envelope) -> None:
        """One of this host's own, in the next pass: no handler is entered twice."""
        if not self._own:
            asyncio.get_running_loop().call_soon(self._deliver_own)
        self._own.append(envelope)

    def _deliver_own(self) -> None:
        envelopes, self._own = self._own, []
        for envelope in envelopes:
            self._handle(self._host, envelope)

    def _handle(self, sender: HostId, envelope: Envelope) -> None:
        try:
            self.handlers[type(envelope)](sender, envelope)
        except Exception:
            log.exception("link.handler_failed", peer=sender, envelope=type(envelope).__name__)
