"""A server's frames as a client reads them: from plain data, whatever library decoded it.

Lenient, so that servers may grow: unknown fields, events and controls are passed over.
"""

from typing import TypeVar

import msgspec

from streamhub.protocol.errors import BadFrame
from streamhub.protocol.frames import Event, Outgoing, Problem, Reply, ServerControl, ServerFrame
from streamhub.protocol.plain import without_nulls
from streamhub.protocol.tables import COMMANDS, EVENTS, SERVER_CONTROLS

T = TypeVar("T")


def server_frame(value: object) -> ServerFrame | None:
    """The frame, or None for an event or control this version does not know.

    Raises BadFrame for what no server of this protocol sends.
    """
    if not isinstance(value, dict):
        raise BadFrame("a frame is a map")
    if value.get("t") is not None:
        return _event(value)
    if value.get("r") is not None:
        problem = value.get("e")
        return Reply(
            i=_read(value["r"], int),
            body=value.get("d"),
            problem=None if problem is None else _read(problem, Problem),
        )
    if value.get("x") is not None:
        return _control(value)
    raise BadFrame("neither event, reply nor control")


def reply_body(command: str, body: object) -> Outgoing:
    """What `Reply.body` says, as COMMANDS[command].reply. Raises BadFrame."""
    return _read(body, COMMANDS[command].reply)


def _event(value: dict[str, object]) -> Event | None:
    name, rev, key = value["t"], value.get("rev"), value.get("k")
    spec = EVENTS.get(name) if isinstance(name, str) else None
    if spec is None or not isinstance(name, str):
        return None
    return Event(
        name=name,
        rev=None if rev is None else _read(rev, int),
        body=_read(value.get("d"), spec.body),
        key=None if key is None else _read(key, str),
    )


def _control(value: dict[str, object]) -> ServerControl | None:
    name = value["x"]
    kind = SERVER_CONTROLS.get(name) if isinstance(name, str) else None
    return None if kind is None else _read(value.get("d") or {}, kind)


def _read(value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    try:
        return msgspec.convert(without_nulls(value), kind)
    except msgspec.ValidationError as error:
        raise BadFrame(f"{kind.__name__}: {error}") from None
