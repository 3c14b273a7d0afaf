"""Frames of data of the upload socket: what is one, and what is none."""

import struct

import crc32c
import pytest

from streamhub.protocol.errors import BadFrame
from streamhub.protocol.uploads import (
    DATA,
    FILE_END,
    MAX_PAYLOAD,
    DataFrame,
    data_frame,
    data_message,
)

FRAME = DataFrame(
    stream=7, offset=2**40 + 5, term=3, payload=b"some bytes", checksum=crc32c.crc32c(b"some bytes")
)


def test_the_head_is_as_the_protocol_says() -> None:
    message = data_message(FRAME)
    assert message[0] == DATA
    assert len(message) == 32 + len(FRAME.payload)
    head = struct.pack(">BBHIQIII", 1, 1, 0, 7, 2**40 + 5, len(FRAME.payload), FRAME.checksum, 3)
    assert message[:28] == head
    assert message[28:32] == struct.pack(">I", crc32c.crc32c(head))
    assert message[32:] == FRAME.payload


@pytest.mark.parametrize("size", [0, 1, MAX_PAYLOAD])
def test_what_is_sent_is_read(size: int) -> None:
    payload = bytes(size)
    frame = FRAME._replace(payload=payload, checksum=crc32c.crc32c(payload), flags=FILE_END)
    read = data_frame(data_message(frame))
    assert read == frame
    assert read.is_sound


def test_a_damaged_payload_is_a_frame_that_is_not_sound() -> None:
    message = bytearray(data_message(FRAME))
    message[-1] ^= 1
    assert not data_frame(bytes(message)).is_sound


@pytest.mark.parametrize("at", range(32))
def test_no_bit_of_the_head_can_change(at: int) -> None:
    for bit in range(8):
        message = bytearray(data_message(FRAME))
        message[at] ^= 1 << bit
        with pytest.raises(BadFrame):
            data_frame(bytes(message))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        data_message(FRAME)[:-1],
        data_message(FRAME) + b"\0",
        data_message(FRAME._replace(payload=bytes(MAX_PAYLOAD + 1))),
    ],
    ids=["empty", "a byte", "too short", "too long", "too much"],
)
def test_what_is_none_is_refused(message: bytes) -> None:
    with pytest.raises(BadFrame):
        data_frame(message)
