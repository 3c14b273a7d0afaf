"""What the codec accepts, what it answers, what it closes on; the same in both encodings."""

import json
from typing import Any

import msgpack
import pytest

from streamhub.protocol.careful import body_of
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.codec import CODECS, JSON, MAX_FRAME_BYTES, MSGPACK, Codec, body_digest
from streamhub.protocol.errors import BadFrame, BodyRefused, CommandRefused
from streamhub.protocol.frames import (
    Auth,
    ChannelCreate,
    ClientFrame,
    Command,
    Event,
    Focus,
    MessageHistory,
    MessageSend,
    Ping,
    Problem,
    Ready,
)
from streamhub.protocol.received import server_frame

CHANNEL = "ch_" + "0" * 26
USER = "us_" + "0" * 26
MESSAGE = "me_" + "0" * 26
FILE = "fi_" + "0" * 26

both = pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])


def decode(codec: Codec, value: object) -> ClientFrame:
    return codec.decode_client(msgpack.packb(value) if codec.binary else json.dumps(value))


def send(**fields: object) -> dict[str, Any]:
    return {"c": "message.send", "i": 7, "d": {"channel": CHANNEL, "text": "hi", **fields}}


def command(name: str, **fields: object) -> dict[str, Any]:
    return {"c": name, "i": 7, "d": {"channel": CHANNEL, **fields}}


def message(text: str, key: str | None = None) -> Command:
    return Command(name="message.send", i=7, body=MessageSend(channel=CHANNEL, text=text), key=key)


ACCEPTED: dict[str, tuple[object, ClientFrame]] = {
    "a message": (send(), message("hi")),
    "a key": ({**send(), "k": "~" * 64}, message("hi", "~" * 64)),
    "tab and newline": (send(text="a\tb\nc"), message("a\tb\nc")),
    "quotes and backslashes": (send(text='"\\u0022"'), message('"\\u0022"')),
    "all of Unicode": (
        send(text="h\u00e9 \U0001f600\x7f\x80"),
        message("h\u00e9 \U0001f600\x7f\x80"),
    ),
    "the longest text": (send(text="\U0001f600" * 16_000), message("\U0001f600" * 16_000)),
    "nulls": ({**send(), "k": None, "x": None}, message("hi")),
    "null within": (
        command("message.history", before=None, limit=None),
        Command(name="message.history", i=7, body=MessageHistory(channel=CHANNEL)),
    ),
    "a default": (
        command("message.history", limit=50),
        Command(name="message.history", i=7, body=MessageHistory(channel=CHANNEL)),
    ),
    "no body": ({"c": "focus", "i": 1}, Command(name="focus", i=1, body=Focus())),
    "null body": ({"c": "focus", "i": 1, "d": None}, Command(name="focus", i=1, body=Focus())),
    "the largest i": (
        {"c": "focus", "i": 2**31 - 1, "d": {}},
        Command(name="focus", i=2**31 - 1, body=Focus()),
    ),
    "ping": ({"x": "ping"}, Ping()),
    "ping with nothing": ({"x": "ping", "d": {}}, Ping()),
    "ping with null": ({"x": "ping", "d": None, "c": None}, Ping()),
    "auth": ({"x": "auth", "d": {"token": "t"}}, Auth(token="t")),
    "auth with null": ({"x": "auth", "d": {"token": "t", "since": None}}, Auth(token="t")),
}


@both
@pytest.mark.parametrize("case", ACCEPTED)
def test_a_good_frame_is_accepted(codec: Codec, case: str) -> None:
    value, frame = ACCEPTED[case]
    assert decode(codec, value) == frame


REFUSED: dict[str, tuple[object, str, str]] = {
    "unknown field": (send(zz=1), "unknown_field", "zz"),
    "unknown field outside": ({**send(), "zz": 1}, "unknown_field", "zz"),
    "event field": ({**send(), "t": "message.created"}, "unknown_field", "t"),
    "unknown command": ({"c": "nope", "i": 7}, "bad_request", "c"),
    "command of another type": ({"c": 5, "i": 7}, "bad_request", "c"),
    "body of another type": ({"c": "focus", "i": 7, "d": [1]}, "bad_request", "d"),
    "empty text": (
        command("message.edit", channel=CHANNEL, message=MESSAGE, text=""),
        "bad_request",
        "text",
    ),
    "too many files": (send(files=[FILE] * 11), "bad_request", "files"),
    "long text": (send(text="a" * 16_001), "bad_request", "text"),
    "very long text": (send(text="1,2;" * 100_000), "bad_request", "text"),
    "text that is a number": (send(text=1), "bad_request", "text"),
    "null text": (
        command("message.edit", channel=CHANNEL, message=MESSAGE, text=None),
        "bad_request",
        "text",
    ),
    "NUL": (send(text="a\0b"), "invalid_text", "text"),
    "carriage return": (send(text="a\r\n"), "invalid_text", "text"),
    "escape": (send(text="\x1b[31m"), "invalid_text", "text"),
    "NUL in a place for ids": (send(channel="\0"), "invalid_text", "channel"),
    "NUL in a list": (command("member.add", users=[USER, "\0"]), "invalid_text", "users[1]"),
    "NUL in a key": (send(**{"a\0": 1}), "invalid_text", "d"),
    "id of another kind": (send(channel=USER), "bad_request", "channel"),
    "id in capitals": (send(channel="ch_" + "A" * 26), "bad_request", "channel"),
    "id with a newline": (send(channel=CHANNEL + "\n"), "bad_request", "channel"),
    "id with a forbidden letter": (send(channel="ch_" + "i" * 26), "bad_request", "channel"),
    "id in a list": (command("member.add", users=["x"]), "bad_request", "users[0]"),
    "no users": (command("member.add", users=[]), "bad_request", "users"),
    "101 users": (command("member.add", users=[USER] * 101), "bad_request", "users"),
    "51 channels": (
        {"c": "focus", "i": 7, "d": {"channels": [CHANNEL] * 51}},
        "bad_request",
        "channels",
    ),
    "limit 0": (command("message.history", limit=0), "bad_request", "limit"),
    "limit 201": (command("message.history", limit=201), "bad_request", "limit"),
    "limit true": (command("message.history", limit=True), "bad_request", "limit"),
    "limit 1.0": (command("message.history", limit=1.0), "bad_request", "limit"),
    "2^53": (command("channel.sync", rev=2**53), "bad_request", "rev"),
    "2^64 - 1": (command("channel.sync", rev=2**64 - 1), "bad_request", "rev"),
    "negative": (command("channel.sync", rev=-1), "bad_request", "rev"),
    "two places": (command("message.history", before=1, after=1), "bad_request", "d"),
    "81 letters of name": (
        {"c": "channel.create", "i": 7, "d": {"name": "n" * 81, "visibility": "public"}},
        "bad_request",
        "name",
    ),
    "other visibility": (
        {"c": "channel.create", "i": 7, "d": {"name": "n", "visibility": "hidden"}},
        "bad_request",
        "visibility",
    ),
    "NUL in a key of a command": ({**send(), "k": "\0"}, "invalid_text", "k"),
    "empty key": ({**send(), "k": ""}, "bad_request", "k"),
    "long key": ({**send(), "k": "k" * 65}, "bad_request", "k"),
    "key beyond ASCII": ({**send(), "k": "\u00e9"}, "bad_request", "k"),
    "key of another type": ({**send(), "k": 1}, "bad_request", "k"),
}


@both
@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_command_is_refused_by_its_number_and_field(codec: Codec, case: str) -> None:
    value, code, field = REFUSED[case]
    with pytest.raises(CommandRefused) as refused:
        decode(codec, value)
    assert (refused.value.i, refused.value.code, refused.value.field) == (7, code, field)
    assert refused.value.detail
    assert "regex" not in refused.value.detail
    assert JSON.encode(refused.value.reply).isascii()


CLOSED: dict[str, object] = {
    "not a map": [1],
    "nothing known": {"zz": 1},
    "empty": {},
    "command and control": {**send(), "x": "ping"},
    "no i": {"c": "focus", "d": {}},
    "i of 0": {"c": "focus", "i": 0, "d": {}},
    "i of 2^31": {"c": "focus", "i": 2**31, "d": {}},
    "i that is true": {"c": "focus", "i": True, "d": {}},
    "i that is text": {"c": "focus", "i": "1", "d": {}},
    "unknown control": {"x": "hello", "d": {}},
    "control of another type": {"x": ["ping"]},
    "control with a key": {"x": "ping", "k": "a"},
    "ping with a body": {"x": "ping", "d": {"a": 1}},
    "auth without a body": {"x": "auth"},
    "auth with an unknown field": {"x": "auth", "d": {"token": "t", "zz": 1}},
    "auth with an empty token": {"x": "auth", "d": {"token": ""}},
    "auth with spaces": {"x": "auth", "d": {"token": "a b"}},
    "since of no channel": {
        "x": "auth",
        "d": {"token": "t", "since": {"epoch": 1, "channels": {"x": 1}}},
    },
    "since of 2,001 channels": {
        "x": "auth",
        "d": {
            "token": "t",
            "since": {"epoch": 1, "channels": {f"ch_{n:026d}": n for n in range(2_001)}},
        },
    },
    "17 levels": {"c": "focus", "i": 1, "d": json.loads("[" * 16 + "]" * 16)},
    "too many values": {"c": "focus", "i": 1, "d": {"users": [0] * 10_000}},
}


@both
@pytest.mark.parametrize("case", CLOSED)
def test_a_frame_of_no_known_shape_closes(codec: Codec, case: str) -> None:
    with pytest.raises(BadFrame) as bad:
        decode(codec, CLOSED[case])
    assert bad.value.close_code is CloseCode.BAD_FRAME


@both
def test_sixteen_levels_are_only_a_wrong_body(codec: Codec) -> None:
    with pytest.raises(CommandRefused):
        decode(codec, {"c": "focus", "i": 1, "d": json.loads("[" * 15 + "]" * 15)})


@pytest.mark.parametrize(
    "text",
    [
        '{"c":"focus","c":"focus","i":1,"d":{}}',
        '{"c":"focus","i":1,"i":1,"d":{}}',
        '{"c":"focus","i":1,"d":{"users":[],"users":[]}}',
        '{"c":"focus","i":1,"d":{},"d":{}}',
        '{"c":"focus","i":1,"d":{},"d":null}',
        '{"x":"ping","x":"ping"}',
        '{"x":"auth","d":{"token":"a","token":"b"}}',
        '{"x":"auth","d":{"token":"a","since":{"epoch":1,"channels":{"CHANNEL":1,"CHANNEL":2}}}}',
        # Each escaped quote mark hides one of the two that a second key adds.
        '{"c":"message.send","i":1,"i":1,"d":{"channel":"CHANNEL","text":"\\u0022\\u0022"}}',
        '{"c":"message.send","i":1,"\\u0069":1,"d":{"channel":"CHANNEL","text":"a"}}',
    ],
)
def test_a_json_key_may_not_come_twice(text: str) -> None:
    with pytest.raises(BadFrame, match="twice"):
        JSON.decode_client(text.replace("CHANNEL", CHANNEL))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        '{"c":"focus","i":NaN}',
        '{"c":"focus","i":1,"d":{"users":Infinity}}',
        '{"c":"focus","i":1,"d":{}} {}',
        '\ufeff{"x":"ping"}',
        '{"x":"pi\x01ng"}',
        "{'x':'ping'}",
    ],
)
def test_what_is_not_json_closes(text: str) -> None:
    with pytest.raises(BadFrame):
        JSON.decode_client(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81\xa1x\xa4pin",
        b"\x81\xa1x\xa4ping\x00",
        b"\x81\xc4\x01x\xa4ping",
        b"\x82\xa1x\xa4ping\x01\x01",
        msgpack.packb({"c": "focus", "i": 1, "d": {1: 2}}),
        msgpack.packb({"c": "focus", "i": 1, "d": {b"users": []}}),
        msgpack.packb({"c": "focus", "i": 1, "d": {"users": msgpack.ExtType(5, b"")}}),
        msgpack.packb({"c": "focus", "i": 1, "d": {"users": msgpack.Timestamp(1)}}),
        msgpack.packb({"c": "focus", "i": 1, "d": {"zz": msgpack.ExtType(5, b"1234")}}),
    ],
)
def test_what_is_not_plain_msgpack_closes(data: bytes) -> None:
    with pytest.raises(BadFrame):
        MSGPACK.decode_client(data)


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"a\xe2\x82"])
def test_msgpack_text_that_is_not_utf8_is_refused_by_its_field(bad: bytes) -> None:
    text = bytes([0xA0 + len(bad)]) + bad
    data = msgpack.packb(send(text="PLACE")).replace(b"\xa5PLACE", text)
    with pytest.raises(CommandRefused) as refused:
        MSGPACK.decode_client(data)
    assert (refused.value.code, refused.value.field) == ("invalid_text", "text")


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ude00\\ud83d", "\\u0000", "\\u001f"])
def test_json_escapes_that_are_no_text_are_refused_by_their_field(escape: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        JSON.decode_client(json.dumps(send(text="PLACE")).replace("PLACE", escape))
    assert (refused.value.code, refused.value.field) == ("invalid_text", "text")


def test_the_kind_of_message_must_be_that_of_the_subprotocol() -> None:
    with pytest.raises(BadFrame):
        JSON.decode_client(b'{"x":"ping"}')
    with pytest.raises(BadFrame):
        MSGPACK.decode_client('{"x":"ping"}')


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\U0001f600"])
def test_a_frame_may_be_as_long_as_the_limit_in_bytes_and_no_longer(letter: str) -> None:
    wide = len(letter.encode())
    text = json.dumps(send(text="PLACE"))
    room = (MAX_FRAME_BYTES - len(text) + len("PLACE")) // wide
    with pytest.raises(CommandRefused):
        JSON.decode_client(text.replace("PLACE", letter * room))
    with pytest.raises(BadFrame) as bad:
        JSON.decode_client(text.replace("PLACE", letter * (room + 1)))
    assert bad.value.close_code is CloseCode.FRAME_TOO_BIG


def test_a_binary_frame_over_the_limit_is_too_big() -> None:
    data = msgpack.packb({"x": "ping"})
    assert MSGPACK.decode_client(data, max_frame_bytes=len(data)) == Ping()
    with pytest.raises(BadFrame) as bad:
        MSGPACK.decode_client(data, max_frame_bytes=len(data) - 1)
    assert bad.value.close_code is CloseCode.FRAME_TOO_BIG


def test_what_a_refusal_repeats_of_the_input_is_short_and_printable() -> None:
    for name in ("\u202e" + "x" * 100_000, "\x1b[2J", "\ud800", "`", " - at `$.x`"):
        with pytest.raises(CommandRefused) as refused:
            JSON.decode_client(json.dumps(send(**{name: 1})))
        assert refused.value.field is not None
        assert len(refused.value.field) <= 80
        assert refused.value.field.isascii()
        assert refused.value.field.isprintable()


@pytest.mark.parametrize(
    ("value", "code", "field"),
    [
        ({"name": "\udfff", "visibility": "public"}, "invalid_text", "name"),
        ({"name": "n", "visibility": "\udfff"}, "invalid_text", "visibility"),
        ({"name": "n", "visibility": "public", "\udfff": 1}, "invalid_text", None),
        ({"name": "n", "visibility": "public", "zz": 1}, "unknown_field", "zz"),
        ({"name": "n"}, "bad_request", "visibility"),
        (["n"], "bad_request", None),
    ],
)
def test_a_body_without_a_frame_is_refused_alike(
    value: object, code: str, field: str | None
) -> None:
    with pytest.raises(BodyRefused) as refused:
        body_of(value, ChannelCreate)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_query_may_write_numbers_as_text() -> None:
    query = {"channel": CHANNEL, "limit": "7", "before": "12"}
    expected = MessageHistory(channel=CHANNEL, limit=7, before=12)
    assert body_of(query, MessageHistory, strict=False) == expected
    with pytest.raises(BodyRefused):
        body_of(query, MessageHistory)


def test_the_digest_is_of_the_body_and_never_changes() -> None:
    body = MessageSend(channel=CHANNEL, text="hi")
    assert body_digest(body).hex() == (
        "1dbb7d59a77d3fd156f42e3da9566046b0166c5f86565aba7202c38503ce47d3"
    )
    assert body_digest(MessageSend(channel=CHANNEL, text="ho")) != body_digest(body)
    explicit, implicit = (
        decode(codec, command("message.history", **fields))
        for codec, fields in ((JSON, {"limit": 50, "before": None}), (MSGPACK, {}))
    )
    assert isinstance(explicit, Command)
    assert isinstance(implicit, Command)
    assert body_digest(explicit.body) == body_digest(implicit.body)


def test_an_event_encoded_for_fan_out_is_the_event() -> None:
    body = Problem(code="a", title="b", status=400)
    for codec in CODECS.values():
        event = Event(name="x", rev=5, body=body, key="k")
        assert codec.encode_event("x", body, rev=5, key="k") == codec.encode(event)


# What clients pass over


def test_clients_ignore_what_they_do_not_know() -> None:
    assert server_frame({"t": "moon.risen", "d": {"a": 1}}) is None
    assert server_frame({"x": "moonrise", "d": {"a": 1}}) is None
    event = {"t": "typing.started", "d": {"channel": CHANNEL, "user": USER, "new": 1}, "new": 2}
    assert isinstance(server_frame(event), Event)


def test_clients_take_nulls_for_absent() -> None:
    user = {"id": USER, "handle": "a", "name": "A"}
    limits = dict.fromkeys(
        ("text_length", "channels", "unanswered", "commands_per_s", "commands_burst", "typing_ms"),
        1,
    )
    body = {
        "session": "se_" + "0" * 26,
        "user": user,
        "channels": [],
        "notifications": {"unread": 0},
        "limits": limits,
    }
    assert isinstance(server_frame({"x": "ready", "d": {**body, "zz": None}, "r": None}), Ready)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"t": "typing.started"},
        {"t": "typing.started", "d": {"channel": 1}},
        {"r": "1"},
        {"r": 1, "e": {}},
        {"x": "drain"},
    ],
)
def test_clients_refuse_what_no_server_sends(value: object) -> None:
    with pytest.raises(BadFrame):
        server_frame(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91" * 100_000])
def test_clients_refuse_what_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(BadFrame):
        MSGPACK.decode_server(data)
