"""docs/protocol.schema.json is what the tables say, and says what is right and what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import ValidationError, meta
from support.frame_schemas import check_frame, check_named

from streamhub.protocol.codec import JSON, MSGPACK
from streamhub.protocol.examples import (
    CLIENT_CONTROL_EXAMPLES,
    COMMAND_EXAMPLES,
    EVENT_EXAMPLES,
    REFUSAL_EXAMPLE,
    SERVER_CONTROL_EXAMPLES,
)
from streamhub.protocol.schemas import schema, text

FILE = Path(__file__).parents[2] / "docs" / "protocol.schema.json"


def plain(frame: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JSON.encode(frame))
    return found


FRAMES = {
    **{f"command {name}": plain(command) for name, (command, _) in COMMAND_EXAMPLES.items()},
    **{f"reply {name}": plain(reply) for name, (_, reply) in COMMAND_EXAMPLES.items()},
    "reply refused": plain(REFUSAL_EXAMPLE),
    **{f"event {name}": plain(event) for name, event in EVENT_EXAMPLES.items()},
    **{f"control {name}": plain(one) for name, one in CLIENT_CONTROL_EXAMPLES.items()},
    **{f"control {name}": plain(one) for name, one in SERVER_CONTROL_EXAMPLES.items()},
}


def test_the_file_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), (
        "run: python -m streamhub.protocol.schemas > docs/protocol.schema.json"
    )
    meta.validate(schema())


def test_every_frame_there_is_has_its_schema() -> None:
    named = {name for name in schema()["$defs"] if " " in name}
    assert named == set(FRAMES)


@pytest.mark.parametrize("name", FRAMES)
def test_examples_are_right(name: str) -> None:
    check_named(name, FRAMES[name])


@pytest.mark.parametrize("name", FRAMES)
def test_another_type_is_wrong(name: str) -> None:
    frame = FRAMES[name]
    for field in frame:
        with pytest.raises(ValidationError):
            check_named(name, {**frame, field: True})
    required = schema()["$defs"][name]["required"]
    for field in required:
        with pytest.raises(ValidationError):
            check_named(name, {key: value for key, value in frame.items() if key != field})


def test_a_command_takes_no_field_that_is_not_its_own() -> None:
    name = "command message.send"
    body = {**FRAMES[name]["d"], "colour": "red"}
    with pytest.raises(ValidationError):
        check_named(name, {**FRAMES[name], "d": body})


def test_both_encodings_are_checked_alike() -> None:
    command, reply = COMMAND_EXAMPLES["message.send"]
    sent = {command.i: "message.send"}
    for codec in (JSON, MSGPACK):
        data = codec.encode(reply)
        check_frame(data if codec.binary else data.decode(), sent)
        with pytest.raises(ValidationError):
            check_frame(data if codec.binary else data.decode(), {command.i: "channel.get"})
