"""RFC 6455 by the edge's own socket handling, over raw sockets: what Autobahn tests, and a little
more. `make autobahn` runs Autobahn itself where there is a Python 2.7."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from support.raw_websocket import Opcode, RawSocket, close_bytes, frame_bytes

from streamhub.protocol.close_codes import CloseCode

ECHO = Path(__file__).parents[2] / "autobahn" / "echo.py"

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007

TEXT, BINARY, CONTINUATION = Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION
CLOSE, PING, PONG = Opcode.CLOSE, Opcode.PING, Opcode.PONG

GREEK = "κόσμε \U00010384 \U0001f600"
INVALID_UTF8 = [
    b"\x80",
    b"\xbf",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xc3",
    b"\xc3\x28",
    b"\xe0\x80\xaf",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
]


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """The echo in a process of its own, on uvloop as hosts are."""
    process = subprocess.Popen([sys.executable, ECHO], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def socket(echo_url: str) -> AsyncIterator[RawSocket]:
    socket = await RawSocket.open(echo_url)
    yield socket
    socket.abort()


async def _assert_well(socket: RawSocket) -> None:
    """It still echoes, and closes as it should."""
    socket.write(frame_bytes(TEXT, b"still here") + close_bytes(1000))
    assert await socket.next() == (TEXT, b"still here")
    assert await socket.closed() == 1000


def _fragments(opcode: int, *pieces: bytes) -> bytes:
    last = len(pieces) - 1
    return b"".join(
        frame_bytes(opcode if n == 0 else CONTINUATION, piece, fin=n == last)
        for n, piece in enumerate(pieces)
    )


# -- messages -------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1_000_000])
async def test_messages_of_every_length_form_come_back(
    socket: RawSocket, opcode: int, size: int
) -> None:
    payload = b"*" * size if opcode == TEXT else bytes(range(256)) * (size // 256 + 1)
    await socket.write_all(frame_bytes(opcode, payload[:size]))
    assert await socket.next() == (opcode, payload[:size])
    await _assert_well(socket)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    "pieces",
    [
        [b"frag", b"ment"],
        [b"", b""],
        [b"", b"", b"x"],
        [b"x", b""],
        [b"x"] * 1000,
        [b"y" * 4000] * 9,
    ],
)
async def test_fragments_are_one_message(
    socket: RawSocket, opcode: int, pieces: Sequence[bytes]
) -> None:
    await socket.write_all(_fragments(opcode, *pieces))
    assert await socket.next() == (opcode, b"".join(pieces))
    await _assert_well(socket)


@pytest.mark.parametrize(
    "payload", ["", GREEK, "\0\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U0010ffff"]
)
async def test_text_split_within_code_points_comes_back(socket: RawSocket, payload: str) -> None:
    octets = payload.encode()
    await socket.write_all(_fragments(TEXT, *(bytes((octet,)) for octet in octets), b""))
    assert await socket.next() == (TEXT, octets)
    await _assert_well(socket)


async def test_frames_chopped_octet_by_octet_are_whole(socket: RawSocket) -> None:
    text = GREEK.encode() * 20
    await socket.chop(
        frame_bytes(TEXT, text) + _fragments(BINARY, b"a" * 130, b"b") + frame_bytes(PING, b"p")
    )
    assert [await socket.next() for _ in range(3)] == [
        (TEXT, text),
        (BINARY, b"a" * 130 + b"b"),
        (PONG, b"p"),
    ]
    await socket.chop(close_bytes(1000, b"bye"))
    assert await socket.closed() == 1000


async def test_many_small_frames_at_once_come_back_in_order(socket: RawSocket) -> None:
    payloads = [b"%d" % n for n in range(5000)]
    socket.write(b"".join(frame_bytes(TEXT, payload) for payload in payloads))
    assert [await socket.next() for _ in payloads] == [(TEXT, payload) for payload in payloads]
    await _assert_well(socket)


# -- pings and pongs ------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"ping", b"\x00\xff\xfe", b"\xfe" * 125])
async def test_a_ping_is_answered_with_its_payload(socket: RawSocket, payload: bytes) -> None:
    socket.write(frame_bytes(PING, payload))
    assert await socket.next() == (PONG, payload)
    await _assert_well(socket)


async def test_pings_are_answered_in_order(socket: RawSocket) -> None:
    socket.write(b"".join(frame_bytes(PING, b"%d" % n) for n in range(100)))
    assert [await socket.next() for _ in range(100)] == [(PONG, b"%d" % n) for n in range(100)]
    await _assert_well(socket)


async def test_pongs_nobody_asked_for_are_ignored(socket: RawSocket) -> None:
    socket.write(frame_bytes(PONG) + frame_bytes(PONG, b"for nothing") + frame_bytes(PING, b"?"))
    assert await socket.next() == (PONG, b"?")
    await _assert_well(socket)


async def test_a_ping_between_fragments_is_answered_before_the_message(socket: RawSocket) -> None:
    socket.write(frame_bytes(TEXT, b"frag", fin=False) + frame_bytes(PING, b"now"))
    assert await socket.next() == (PONG, b"now")
    socket.write(frame_bytes(PONG) + frame_bytes(CONTINUATION, b"ment"))
    assert await socket.next() == (TEXT, b"fragment")
    await _assert_well(socket)


# -- what breaks the protocol ---------------------------------------------------------------

OUTLAWS = {
    **{
        f"reserved bits {rsv} on {opcode.name}": frame_bytes(opcode, b"ab", rsv=rsv)
        for rsv in range(1, 8)
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE)
    },
    "reserved bits on a continuation": frame_bytes(TEXT, fin=False)
    + frame_bytes(CONTINUATION, rsv=4),
    **{
        f"opcode {opcode}, {len(payload)} bytes": frame_bytes(opcode, payload)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        for payload in (b"", b"reserved")
    },
    "unmasked text": frame_bytes(TEXT, b"plain", masked=False),
    "unmasked empty text": frame_bytes(TEXT, masked=False),
    "unmasked long binary": frame_bytes(BINARY, b"x" * 70_000, masked=False),
    "unmasked ping": frame_bytes(PING, b"p", masked=False),
    "unmasked close": frame_bytes(CLOSE, b"\x03\xe8", masked=False),
    "unmasked continuation": frame_bytes(TEXT, b"a", fin=False)
    + frame_bytes(CONTINUATION, b"b", masked=False),
    **{
        f"{opcode.name} in fragments": frame_bytes(opcode, payload, fin=False)
        + frame_bytes(CONTINUATION)
        for opcode, payload in ((PING, b"p"), (PONG, b""), (CLOSE, b"\x03\xe8"))
    },
    **{
        f"{opcode.name} of 126 bytes": frame_bytes(opcode, b"\x03\xe8" * 63)
        for opcode in (PING, PONG, CLOSE)
    },
    "a ping of 65,536 bytes": frame_bytes(PING, bytes(65_536)),
    "a continuation of nothing": frame_bytes(CONTINUATION, b"x"),
    "an unfinished continuation of nothing": frame_bytes(CONTINUATION, fin=False),
    "a continuation of nothing after a message": _fragments(TEXT, b"", b"x")
    + frame_bytes(CONTINUATION, b"y"),
    "text within text": frame_bytes(TEXT, b"a", fin=False) + frame_bytes(TEXT, b"b"),
    "text within empty text": frame_bytes(TEXT, fin=False) + frame_bytes(TEXT, b"b"),
    "unfinished text within text": frame_bytes(TEXT, b"a", fin=False)
    + frame_bytes(TEXT, b"b", fin=False),
    "binary within text": frame_bytes(TEXT, b"a", fin=False) + frame_bytes(BINARY, b"b"),
    "text within text behind a ping": frame_bytes(BINARY, fin=False)
    + frame_bytes(PING)
    + frame_bytes(TEXT),
}


@pytest.mark.parametrize("outlaw", OUTLAWS.values(), ids=OUTLAWS.keys())
async def test_what_breaks_the_protocol_is_closed_1002(socket: RawSocket, outlaw: bytes) -> None:
    socket.write(outlaw)
    assert await socket.closed() == PROTOCOL_ERROR


@pytest.mark.parametrize("outlaw", ["unmasked text", "text within empty text", "opcode 3, 0 bytes"])
async def test_what_came_before_is_answered_first(socket: RawSocket, outlaw: str) -> None:
    good = frame_bytes(TEXT, b"good")
    socket.write(good + OUTLAWS[outlaw] + frame_bytes(TEXT, b"never") + frame_bytes(PING))
    assert await socket.next() == (TEXT, b"good")
    assert await socket.closed() == PROTOCOL_ERROR


@pytest.mark.parametrize("outlaw", ["unmasked text", "text within text", "PING of 126 bytes"])
async def test_chopping_hides_nothing(socket: RawSocket, outlaw: str) -> None:
    await socket.chop(frame_bytes(TEXT, b"x" * 130) + OUTLAWS[outlaw])
    assert await socket.next() == (TEXT, b"x" * 130)
    assert await socket.closed() == PROTOCOL_ERROR


# -- text that is none ----------------------------------------------------------------------


@pytest.mark.parametrize("octets", INVALID_UTF8, ids=bytes.hex)
@pytest.mark.parametrize(
    "shape",
    [
        lambda octets: frame_bytes(TEXT, b"before " + octets),
        lambda octets: _fragments(TEXT, b"before ", octets, b" after"),
        lambda octets: _fragments(TEXT, *(bytes((octet,)) for octet in octets)),
    ],
    ids=["whole", "fragment", "octets"],
)
async def test_text_that_is_not_utf8_is_closed_1007(
    socket: RawSocket, octets: bytes, shape: Callable[[bytes], bytes]
) -> None:
    socket.write(shape(octets))
    assert await socket.closed() == INVALID_TEXT


async def test_binary_may_hold_anything(socket: RawSocket) -> None:
    for octets in INVALID_UTF8:
        socket.write(frame_bytes(BINARY, octets))
        assert await socket.next() == (BINARY, octets)
    await _assert_well(socket)


# -- closing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", [b"", GREEK.encode(), b"r" * 123])
async def test_a_close_is_answered_with_its_code(
    socket: RawSocket, code: int, reason: bytes
) -> None:
    socket.write(close_bytes(code, reason))
    assert await socket.closed() == code


async def test_a_close_without_a_code_is_answered(socket: RawSocket) -> None:
    socket.write(frame_bytes(CLOSE))
    assert await socket.closed() == 1000


@pytest.mark.parametrize(
    "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
async def test_a_code_nobody_may_send_is_closed_1002(socket: RawSocket, code: int) -> None:
    socket.write(close_bytes(code))
    assert await socket.closed() == PROTOCOL_ERROR


async def test_half_a_code_is_closed_1002(socket: RawSocket) -> None:
    socket.write(frame_bytes(CLOSE, b"\x03"))
    assert await socket.closed() == PROTOCOL_ERROR


@pytest.mark.parametrize("octets", INVALID_UTF8, ids=bytes.hex)
async def test_a_reason_that_is_not_utf8_is_closed_1007(socket: RawSocket, octets: bytes) -> None:
    socket.write(close_bytes(1000, octets))
    assert await socket.closed() == INVALID_TEXT


@pytest.mark.parametrize(
    "after", [frame_bytes(TEXT, b"late"), frame_bytes(PING), close_bytes(1001)]
)
async def test_nothing_counts_after_a_close(socket: RawSocket, after: bytes) -> None:
    socket.write(close_bytes(1000) + after)
    assert await socket.closed() == 1000


async def test_a_close_within_a_message_closes(socket: RawSocket) -> None:
    socket.write(frame_bytes(TEXT, b"frag", fin=False) + close_bytes(1001))
    assert await socket.closed() == 1001


# -- sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"\x82\xff" + (2**24 + 1).to_bytes(8, "big"),
        b"\x82\xff" + (2**32).to_bytes(8, "big"),
        b"\x81\xff" + (2**63 - 1).to_bytes(8, "big"),
        b"\x82\xff" + b"\xff" * 8,
    ],
    ids=["16 MiB + 1", "4 GiB", "2^63 - 1", "2^64 - 1"],
)
async def test_a_message_too_big_is_refused_by_its_head(socket: RawSocket, head: bytes) -> None:
    socket.write(head)
    assert await socket.closed() == CloseCode.FRAME_TOO_BIG


async def test_fragments_that_are_too_big_together_are_refused(socket: RawSocket) -> None:
    await socket.write_all(frame_bytes(BINARY, bytes(2**23), fin=False))
    await socket.write_all(frame_bytes(CONTINUATION, bytes(2**23), fin=False))
    socket.write(frame_bytes(CONTINUATION, b"1"))
    assert await socket.closed() == CloseCode.FRAME_TOO_BIG


async def test_who_is_still_sending_a_message_too_big_learns_why_it_was_refused(
    socket: RawSocket,
) -> None:
    async with asyncio.timeout(20):
        await socket.write_all(frame_bytes(BINARY, bytes(2**25)))
    assert await socket.closed() == CloseCode.FRAME_TOO_BIG
