"""The bytes of every kind of frame, pinned: a difference here is a change of the wire."""

import json
from pathlib import Path

import msgpack
import pytest

from streamhub.protocol.codec import JSON, MSGPACK
from streamhub.protocol.examples import (
    CLIENT_CONTROL_EXAMPLES,
    COMMAND_EXAMPLES,
    EVENT_EXAMPLES,
    REFUSAL_EXAMPLE,
    SERVER_CONTROL_EXAMPLES,
)
from streamhub.protocol.frames import ClientFrame, Reply, ServerFrame
from streamhub.protocol.received import reply_body, server_frame
from streamhub.protocol.tables import CLIENT_CONTROLS, COMMANDS, EVENTS, SERVER_CONTROLS

GOLDEN = Path(__file__).with_name("protocol_golden.txt")

CLIENT_FRAMES: dict[str, ClientFrame] = {
    **{f"control {name}": frame for name, frame in CLIENT_CONTROL_EXAMPLES.items()},
    **{f"command {name}": command for name, (command, _) in COMMAND_EXAMPLES.items()},
}
SERVER_FRAMES: dict[str, ServerFrame] = {
    **{f"control {name}": frame for name, frame in SERVER_CONTROL_EXAMPLES.items()},
    **{f"reply {name}": reply for name, (_, reply) in COMMAND_EXAMPLES.items()},
    "reply refused": REFUSAL_EXAMPLE,
    **{f"event {name}": event for name, event in EVENT_EXAMPLES.items()},
}
FRAMES: dict[str, ClientFrame | ServerFrame] = {**CLIENT_FRAMES, **SERVER_FRAMES}


def golden() -> dict[str, tuple[str, str]]:
    blocks = GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")
    lines = (block.split("\n") for block in blocks)
    return {name: (text, binary) for name, text, binary in lines}


def test_every_command_event_and_control_is_shown() -> None:
    assert COMMAND_EXAMPLES.keys() == COMMANDS.keys()
    assert EVENT_EXAMPLES.keys() == EVENTS.keys()
    assert CLIENT_CONTROL_EXAMPLES.keys() == CLIENT_CONTROLS.keys()
    assert SERVER_CONTROL_EXAMPLES.keys() == SERVER_CONTROLS.keys()
    for name, (command, reply) in COMMAND_EXAMPLES.items():
        assert type(command.body) is COMMANDS[name].body
        assert type(reply.body) is COMMANDS[name].reply
    for name, event in EVENT_EXAMPLES.items():
        assert type(event.body) is EVENTS[name].body
        assert (event.rev is not None) is EVENTS[name].durable


def test_the_golden_file_has_each_frame_once() -> None:
    assert list(golden()) == list(FRAMES)


@pytest.mark.parametrize("name", FRAMES)
def test_the_bytes_are_those_of_the_golden_file(name: str) -> None:
    text, binary = golden()[name]
    assert JSON.encode(FRAMES[name]).decode() == text
    assert MSGPACK.encode(FRAMES[name]).hex() == binary


@pytest.mark.parametrize("name", FRAMES)
def test_both_encodings_say_the_same(name: str) -> None:
    text, binary = golden()[name]
    assert msgpack.unpackb(bytes.fromhex(binary)) == json.loads(text)


@pytest.mark.parametrize("name", CLIENT_FRAMES)
def test_the_server_reads_what_clients_send(name: str) -> None:
    text, binary = golden()[name]
    assert JSON.decode_client(text) == CLIENT_FRAMES[name]
    assert MSGPACK.decode_client(bytes.fromhex(binary)) == CLIENT_FRAMES[name]


@pytest.mark.parametrize("name", CLIENT_FRAMES)
def test_the_server_reads_what_the_msgpack_and_json_packages_write(name: str) -> None:
    value = json.loads(golden()[name][0])
    assert MSGPACK.decode_client(msgpack.packb(value)) == CLIENT_FRAMES[name]
    assert JSON.decode_client(json.dumps(value, indent=2)) == CLIENT_FRAMES[name]


@pytest.mark.parametrize("name", SERVER_FRAMES)
def test_clients_read_what_the_server_sends_with_any_library(name: str) -> None:
    text, binary = golden()[name]
    for read in (
        JSON.decode_server(text),
        MSGPACK.decode_server(bytes.fromhex(binary)),
        server_frame(msgpack.unpackb(bytes.fromhex(binary))),
        server_frame(json.loads(text)),
    ):
        sent = SERVER_FRAMES[name]
        if isinstance(sent, Reply) and isinstance(read, Reply) and sent.problem is None:
            assert read.i == sent.i
            assert reply_body(name.removeprefix("reply "), read.body) == sent.body
        else:
            assert read == sent
