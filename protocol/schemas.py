"""The wire as JSON Schema (draft 2020-12), made from the tables.

python -m streamhub.protocol.schemas > docs/protocol.schema.json
"""

import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from streamhub.protocol.frames import Problem
from streamhub.protocol.scalars import KEY_PATTERN, MAX_COMMAND_NUMBER, MAX_INT
from streamhub.protocol.tables import CLIENT_CONTROLS, COMMANDS, EVENTS, SERVER_CONTROLS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"
_KEY: Final = {"type": "string", "pattern": KEY_PATTERN}
_NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": MAX_COMMAND_NUMBER}
_REV: Final = {"type": "integer", "minimum": 0, "maximum": MAX_INT}


def schema() -> dict[str, Any]:
    """All frames: `client` is what clients send and `server` what servers send; every command,
    reply, event and control is there by its name, as in `event message.created`."""
    client: dict[str, Any] = {}
    server: dict[str, Any] = {}
    for name, command in COMMANDS.items():
        body = _ref(command.body)
        client[f"command {name}"] = _frame("c", name, {"i": _NUMBER, "d": body}, {"k": _KEY})
        server[f"reply {name}"] = _object({"r": _NUMBER, "d": _ref(command.reply)})
    server["reply refused"] = _object({"r": _NUMBER, "e": _ref(Problem)})
    for name, event in EVENTS.items():
        rev = {"rev": _REV} if event.durable else {}
        key = {"k": _KEY} if name == "message.created" else {}
        server[f"event {name}"] = _frame("t", name, {**rev, "d": _ref(event.body)}, key)
    for name, control in CLIENT_CONTROLS.items():
        client[f"control {name}"] = _control(name, control)
    for name, said in SERVER_CONTROLS.items():
        server[f"control {name}"] = _control(name, said)
    kinds = {spec.body for spec in COMMANDS.values()} | {*CLIENT_CONTROLS.values()}
    answers = {spec.reply for spec in COMMANDS.values()} | {spec.body for spec in EVENTS.values()}
    return {
        "$schema": DIALECT,
        "title": "The wire of StreamHub",
        "anyOf": [{"$ref": "#/$defs/client"}, {"$ref": "#/$defs/server"}],
        "$defs": {
            "client": _any_of(client),
            "server": _any_of(server),
            **client,
            **server,
            **components({*kinds, *answers, *SERVER_CONTROLS.values(), Problem}, _REF),
        },
    }


def components(kinds: Iterable[type], ref_template: str) -> dict[str, Any]:
    """The schemas of these bodies by name, and of what they are made of."""
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(ordered, ref_template=ref_template)
    plain: dict[str, Any] = _ecma(found)
    return plain


def _ref(kind: type) -> dict[str, Any]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _any_of(frames: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"$ref": _REF.format(name=name.replace(" ", "%20"))} for name in frames]}


def _frame(
    field: str, name: str, required: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    return _object({field: {"const": name}, **required}, optional)


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = _ecma({**required, **(optional or {})})
    return {"type": "object", "required": [*required], "properties": properties}


def _control(name: str, kind: type[Any]) -> dict[str, Any]:
    """Its body may be left out where nothing in it must be there."""
    body = {"d": _ref(kind)}
    must = any(field.required for field in msgspec.structs.fields(kind))
    return _frame("x", name, body) if must else _frame("x", name, {}, body)


def _ecma(value: Any) -> Any:
    """Patterns as JSON Schema has them: anchors of ECMA 262 in the place of Python's."""
    if isinstance(value, dict):
        return {
            name: _ecma_pattern(item)
            if name == "pattern" and isinstance(item, str)
            else _ecma(item)
            for name, item in value.items()
        }
    return [_ecma(item) for item in value] if isinstance(value, list) else value


def _ecma_pattern(pattern: str) -> str:
    """Without surrogates, which no UTF-8 has, and which some validators cannot read."""
    return pattern.replace(r"\A", "^").replace(r"\Z", "$").replace(r"\ud800-\udfff", "")


def text() -> str:
    """The file in docs/."""
    encoded = msgspec.json.format(msgspec.json.encode(schema()), indent=1)
    return encoded.decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
