"""Whatever bytes come: a frame, a refusal or a close code; quickly forgotten, nothing else."""

import gc
import json
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhub.protocol import careful
from streamhub.protocol.codec import JSON, MSGPACK
from streamhub.protocol.errors import BadFrame, CommandRefused, ProtocolError
from streamhub.protocol.examples import CLIENT_CONTROL_EXAMPLES, COMMAND_EXAMPLES
from streamhub.protocol.frames import Auth, ClientFrame, Command, Ping
from streamhub.protocol.plain import plain_json, plain_msgpack

EXAMPLES: list[ClientFrame] = [
    *CLIENT_CONTROL_EXAMPLES.values(),
    *(command for command, _ in COMMAND_EXAMPLES.values()),
]
MIB = 1024 * 1024
ANSWERED = {"bad_request", "unknown_field", "invalid_text"}

frames = st.sampled_from(EXAMPLES)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    leaves | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
json_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def outcome(data: bytes | str) -> ClientFrame | ProtocolError:
    """What became of it; anything but a ProtocolError fails the test."""
    result = (JSON if isinstance(data, str) else MSGPACK).read_client(data)
    if isinstance(result, CommandRefused):
        assert result.code in ANSWERED
        assert 1 <= result.i < 2**31
        assert JSON.encode(result.reply)
        assert MSGPACK.encode(result.reply)
    else:
        assert isinstance(result, Command | Auth | Ping | BadFrame)
    return result


def plain(frame: ClientFrame) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(JSON.encode(frame))
    return value


@pytest.mark.parametrize("encoded", [MSGPACK.encode(frame) for frame in EXAMPLES])
@pytest.mark.parametrize("byte", [0x00, 0x80, 0xC1, 0xFF])
def test_each_byte_may_be_wrong(encoded: bytes, byte: int) -> None:
    for place in range(len(encoded)):
        outcome(encoded[:place] + bytes([byte]) + encoded[place + 1 :])


@pytest.mark.parametrize("frame", EXAMPLES)
@pytest.mark.parametrize("letter", ["\0", "\udfff", "\\ud800", "\\u0000", '"', "\\"])
def test_each_letter_may_be_wrong(frame: ClientFrame, letter: str) -> None:
    text = JSON.encode(frame).decode()
    for place in range(len(text)):
        outcome(text[:place] + letter + text[place + 1 :])


@given(st.binary())
def test_random_bytes(data: bytes) -> None:
    outcome(data)


@given(st.text())
def test_random_text(text: str) -> None:
    outcome(text)


@given(values)
def test_random_msgpack_values(value: object) -> None:
    outcome(msgpack.packb(value))


@given(json_values)
def test_random_json_values(value: object) -> None:
    outcome(json.dumps(value))


@given(frames, st.data())
def test_a_truncated_frame_cannot_be_decoded(frame: ClientFrame, data: st.DataObject) -> None:
    binary, text = MSGPACK.encode(frame), JSON.encode(frame).decode()
    assert isinstance(outcome(binary[: data.draw(st.integers(0, len(binary) - 1))]), BadFrame)
    assert isinstance(outcome(text[: data.draw(st.integers(0, len(text) - 1))]), BadFrame)


@given(frames, st.binary(min_size=1, max_size=8))
def test_a_frame_with_more_behind_it_cannot_be_decoded(frame: ClientFrame, more: bytes) -> None:
    assert isinstance(outcome(MSGPACK.encode(frame) + more), BadFrame)
    assert isinstance(outcome(JSON.encode(frame).decode() + "{}"), BadFrame)


@given(frames, st.data())
def test_a_changed_byte_does_no_harm(frame: ClientFrame, data: st.DataObject) -> None:
    for encoded in (MSGPACK.encode(frame), JSON.encode(frame)):
        changed = bytearray(encoded)
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        outcome(bytes(changed))
        outcome(changed.decode("utf-8", "replace"))


@given(frames, st.data(), values)
def test_a_wrong_value_in_a_field_is_answered_or_closes(
    frame: ClientFrame, data: st.DataObject, value: object
) -> None:
    wrong = plain(frame)
    place = wrong
    while nested := [name for name, inner in place.items() if isinstance(inner, dict)]:
        if data.draw(st.booleans()):
            break
        place = place[data.draw(st.sampled_from(nested))]
    place[data.draw(st.sampled_from([*place, "zz"]))] = value
    result = outcome(msgpack.packb(wrong))
    still_numbered = type(wrong.get("i")) is int and wrong["i"] in range(1, 2**31)
    if isinstance(frame, Command) and still_numbered and wrong["c"] is not None:
        assert not isinstance(result, BadFrame) or "x" in wrong or _too_deep(wrong)


def _too_deep(value: object, depth: int = 0) -> bool:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return depth >= 16 or any(_too_deep(inner, depth + 1) for inner in inside)
    return False


@given(frames, json_values)
def test_an_unknown_field_of_a_command_is_named(frame: ClientFrame, value: object) -> None:
    if not isinstance(frame, Command) or value is None:
        return
    for data in ({**plain(frame), "zz": value}, plain(frame) | {"d": {"zz": value}}):
        for result in (outcome(msgpack.packb(data)), outcome(json.dumps(data))):
            assert isinstance(result, CommandRefused)
            assert result.i == frame.i
            assert (result.code, result.field) in {
                ("unknown_field", "zz"),
                ("invalid_text", result.field),
            }


@given(frames)
def test_the_careful_look_accepts_what_the_fast_one_does(frame: ClientFrame) -> None:
    assert careful.client_frame(plain_msgpack(MSGPACK.encode(frame))) == frame
    assert careful.client_frame(plain_json(JSON.encode(frame).decode())) == frame


@given(st.text(min_size=1, max_size=200), st.booleans())
def test_both_encodings_agree_about_every_text(text: str, ascii_only: bool) -> None:
    value = plain(COMMAND_EXAMPLES["message.send"][0])
    value["d"]["text"] = text
    by_json = outcome(json.dumps(value, ensure_ascii=ascii_only))
    by_msgpack = outcome(msgpack.packb(value, unicode_errors="surrogatepass"))
    good = not any((ord(c) < 32 and c not in "\t\n") or 0xD800 <= ord(c) <= 0xDFFF for c in text)
    assert isinstance(by_msgpack, Command) is good
    if good:
        assert by_json == by_msgpack


HEAD = b"\x83\xa1c\xa5focus\xa1i\x01\xa1d"
TEXT_HEAD = '{"c":"focus","i":1,"d":'

BOMBS: dict[str, bytes | str] = {
    "depth of 100,000": b"\x91" * 100_000 + b"\xc0",
    "depth in a body": HEAD + b"\x91" * 100_000 + b"\xc0",
    "depth of maps": HEAD + b"\x81\xa1a" * 100_000 + b"\xc0",
    "depth of 1,000": HEAD + b"\x91" * 1_000 + b"\xc0",
    "2^32 items": b"\xdd\xff\xff\xff\xff",
    "2^32 items in a body": HEAD + b"\xdd\xff\xff\xff\xff",
    "2^32 fields": HEAD + b"\xdf\xff\xff\xff\xff",
    "2^32 letters": HEAD + b"\xdb\xff\xff\xff\xff",
    "2^32 bytes": HEAD + b"\xc6\xff\xff\xff\xff",
    "2^32 of extension": HEAD + b"\xc9\xff\xff\xff\xff\x01",
    "2^32 users": HEAD + b"\x81\xa5users\xdd\xff\xff\xff\xff",
    "a million maps": HEAD + b"\xdd\x00\x0f\x42\x40" + b"\x80" * 1_000_000,
    "maps by the thousand": HEAD + b"\xdc\x03\xe8" + (b"\xdc\x03\xe8" + b"\x80" * 1_000) * 1_000,
    "arrays in arrays": HEAD + b"\xdc\x1f\xff" + b"\xdc\x1f\xff" * 16,
    "a long unknown key": HEAD + b"\x81\xdb\x00\x0f\x00\x00" + b"k" * 0xF0000 + b"\x01",
    "bytes that are not text": HEAD + b"\xdb\x00\x0f\x00\x00" + b"\xff" * 0xF0000,
    "JSON depth": "[" * MIB,
    "JSON depth in a body": TEXT_HEAD + "[" * 500_000 + "]" * 500_000 + "}",
    "JSON depth of objects": '{"d":' * 200_000,
    "JSON depth of 1,000": TEXT_HEAD + "[" * 1_000 + "]" * 1_000 + "}",
    "JSON maps": TEXT_HEAD + "[" + "{}," * 340_000 + "{}]}",
    "JSON arrays": TEXT_HEAD + "[" + "[]," * 340_000 + "[]]}",
    "JSON texts": TEXT_HEAD + "[" + '"",' * 340_000 + '""]}',
    "JSON numbers": TEXT_HEAD + "[" + "0," * 500_000 + "0]}",
    "JSON keys": TEXT_HEAD + "{" + ",".join(f'"{n}":0' for n in range(90_000)) + "}}",
    "JSON quotes": '"' * MIB,
    "JSON backslashes": '{"c":"' + "\\" * 1_000_000,
    "JSON white space": " " * MIB,
    "JSON digits": '{"c":"focus","i":1' + "0" * 1_000_000 + "}",
    "JSON digits in a body": TEXT_HEAD + "9" * 1_000_000 + "}",
    "JSON fraction": TEXT_HEAD + "0." + "1" * 1_000_000 + "}",
    "JSON exponent": TEXT_HEAD + "1e" + "9" * 1_000_000 + "}",
    "JSON long numbers": TEXT_HEAD + "[" + ",".join(["9" * 4_299] * 240) + "]}",
    "JSON surrogates": TEXT_HEAD + '"' + "\\ud800" * 170_000 + '"}',
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_a_few_mebibytes_and_is_over(name: str) -> None:
    outcome(BOMBS[name])
    tracemalloc.start()
    try:
        result = outcome(BOMBS[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, ProtocolError)
    assert peak < 8 * MIB


def test_refused_input_is_let_go_at_once() -> None:
    for data in BOMBS.values():
        outcome(data)
    gc.disable()
    tracemalloc.start()
    try:
        kept = [outcome(data) for data in BOMBS.values()]
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert len(kept) == len(BOMBS)
    assert left < MIB // 16
