"""What travels on a link in one WebSocket message: a batch, a msgpack array of envelopes.

An envelope is encoded when it is handed over, so the bytes that wait are known, and one that goes
to many hosts is encoded once. An empty batch is a heartbeat.
"""

import struct
from collections import deque
from typing import Final

import msgspec
import structlog

from streamhub.domain.envelopes import Envelope

log = structlog.get_logger()

BEAT: Final = b"\x90"
MAX_BATCH: Final = 512
"""Envelopes of one batch."""

BATCH_BYTES: Final = 64 * 1024
"""Of one batch, unless a single envelope is larger: aiohttp needs more CPU per byte beyond."""

MAX_BATCH_BYTES: Final = 128 * 1024 * 1024
"""What a host takes: twice what all rings of a host hold, the most one answer could carry."""

_HEAD: Final = struct.Struct(">BI")  # array 32
_ARRAY_32: Final = 0xDD

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_batch: Final = msgspec.msgpack.Decoder(list[Envelope]).decode
_decode_raw: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_one: Final = msgspec.msgpack.Decoder(Envelope).decode


class Encoder:
    """Encodes envelopes; the same one again costs nothing."""

    def __init__(self) -> None:
        self._envelope: Envelope | None = None
        self._data = b""

    def encode(self, envelope: Envelope) -> bytes:
        if envelope is not self._envelope:
            self._data, self._envelope = _encode(envelope), envelope
        return self._data


class Outbox:
    """The envelopes that wait for a link: the busier it is, the larger are its batches."""

    def __init__(self) -> None:
        self._sealed: deque[tuple[bytes, int]] = deque()
        self._batch = bytearray(_HEAD.size)
        self._count = 0
        self.envelopes = 0
        self.bytes = 0

    def put(self, data: bytes) -> None:
        """Add one encoded envelope."""
        if self._count >= MAX_BATCH or (self._count and len(self._batch) + len(data) > BATCH_BYTES):
            self._seal()
        self._batch += data
        self._count += 1
        self.envelopes += 1
        self.bytes += len(data)

    def take(self) -> tuple[bytes, int] | None:
        """The next batch and the number of its envelopes; None when nothing waits."""
        if not self._sealed:
            if not self._count:
                return None
            self._seal()
        batch, count = self._sealed.popleft()
        self.envelopes -= count
        self.bytes -= len(batch) - _HEAD.size
        return batch, count

    def _seal(self) -> None:
        _HEAD.pack_into(self._batch, 0, _ARRAY_32, self._count)
        self._sealed.append((bytes(self._batch), self._count))
        self._batch, self._count = bytearray(_HEAD.size), 0


def envelopes_of(data: bytes) -> list[Envelope]:
    """The envelopes of a batch; those of kinds that only a newer version knows are left out.

    Raises msgspec.DecodeError for what is no batch.
    """
    try:
        return _decode_batch(data)
    except msgspec.ValidationError:
        return [envelope for raw in _decode_raw(data) if (envelope := _known(raw)) is not None]


def _known(raw: msgspec.Raw) -> Envelope | None:
    try:
        envelope: Envelope = _decode_one(raw)
    except msgspec.ValidationError as error:
        log.warning("link.unknown_envelope", error=str(error))
        return None
    return envelope
