"""Whether what a server sent is what docs/protocol.schema.json says."""

import functools
import json
from typing import Any

import msgpack
from jsonschema_rs import Draft202012Validator

from streamhub.protocol.schemas import schema


@functools.cache
def _defs() -> dict[str, Any]:
    found: dict[str, Any] = schema()["$defs"]
    return found


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    ref = f"#/$defs/{name.replace(' ', '%20')}"
    return Draft202012Validator({"$ref": ref, "$defs": _defs()})


def check_frame(data: str | bytes, commands: dict[int, str]) -> None:
    """One frame of a server, in either encoding; `commands` were sent, by number. Raises
    jsonschema_rs.ValidationError."""
    frame = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
    _validator(_name_of(frame, commands)).validate(frame)


def check_named(name: str, frame: Any) -> None:
    """A frame as plain data, by its name in the file. Raises jsonschema_rs.ValidationError."""
    _validator(name).validate(frame)


def _name_of(frame: dict[str, Any], commands: dict[int, str]) -> str:
    if "x" in frame:
        return f"control {frame['x']}"
    if "t" in frame:
        return f"event {frame['t']}"
    if "e" in frame or frame["r"] not in commands:
        return "reply refused" if "e" in frame else "server"
    return f"reply {commands[frame['r']]}"
