"""The second look at a client's frame that typed decoding did not accept: what exactly is wrong.

The fast path of the codec knows only yes and no. Here the frame is plain data, so nulls can be
dropped, the command that is to blame can be answered by its number, and the offending field be
named. It accepts what the fast path accepts, and fields that are null.
"""

import re
from typing import Final, TypeVar

import msgspec

from streamhub.protocol.errors import BadFrame, CommandRefused
from streamhub.protocol.frames import CLIENT_CONTROLS, COMMANDS, Auth, ClientFrame, Command, Ping
from streamhub.protocol.plain import without_nulls
from streamhub.protocol.scalars import PATTERN_RULES, TEXT_PATTERN, CommandNumber, Key

T = TypeVar("T")

_TEXT: Final = re.compile(TEXT_PATTERN)
_COMMAND_FIELDS: Final = frozenset({"c", "i", "d", "k"})
_CONTROL_FIELDS: Final = frozenset({"x", "d"})

# msgspec says "Expected `str`, got `int` - at `$.text`", "Object contains unknown field `a`",
# "Object missing required field `text` - at `$.client`" and "... matching regex '...'".
_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$\.?(.*?)`\Z", re.DOTALL)
_UNKNOWN: Final = re.compile(r"\AObject contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING: Final = re.compile(r"\AObject missing required field `(.*)`\Z", re.DOTALL)
_REGEX: Final = re.compile(r"\AExpected `.*` matching regex (?P<quoted>'.*')\Z", re.DOTALL)
_RULES: Final = {repr(pattern): rule for pattern, rule in PATTERN_RULES.items()}


def client_frame(value: object) -> ClientFrame:
    """The frame that plain data stands for. Raises BadFrame and CommandRefused."""
    frame = without_nulls(value)
    if not isinstance(frame, dict):
        raise BadFrame("a frame is a map")
    if ("c" in frame) == ("x" in frame):
        raise BadFrame("neither a command nor a control")
    return _command(frame) if "c" in frame else _control(frame)


def _control(frame: dict[str, object]) -> Auth | Ping:
    name = frame["x"]
    kind = CLIENT_CONTROLS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BadFrame("no such control")
    if not frame.keys() <= _CONTROL_FIELDS:
        raise BadFrame("a control with a field of no known name")
    if _bad_text(frame, "") is not None:
        raise BadFrame(f"{name}: lone surrogates or control characters")
    try:
        return msgspec.convert(frame.get("d", {}), kind)
    except msgspec.ValidationError as error:
        field, _, detail = _explain(str(error))
        raise BadFrame(f"{name}: {field}: {detail}") from None


def _command(frame: dict[str, object]) -> Command:
    try:
        i = msgspec.convert(frame.get("i"), CommandNumber)
    except msgspec.ValidationError:
        raise BadFrame("a command without a number that could be answered") from None
    if unknown := [name for name in frame if name not in _COMMAND_FIELDS]:
        raise CommandRefused(i, "unknown_field", _printable(unknown[0]), "no such field")
    command = frame["c"]
    spec = COMMANDS.get(command) if isinstance(command, str) else None
    if spec is None or not isinstance(command, str):
        raise CommandRefused(i, "bad_request", "c", "no such command")
    body, key = frame.get("d", {}), frame.get("k")
    for within, value in (("d", body), ("k", key)):
        if (place := _bad_text(value, "")) is not None:
            detail = "must be text without lone surrogates and control characters"
            raise CommandRefused(i, "invalid_text", _printable(place) or within, detail)
    return Command(
        name=command,
        i=i,
        body=_converted(body, spec.body, i, within="d"),
        key=None if key is None else _converted(key, Key, i, within="k"),
    )


def _converted(value: object, kind: type[T], i: int, within: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        field, code, detail = _explain(str(error))
        raise CommandRefused(i, code, field or within, detail) from None


def _bad_text(value: object, place: str) -> str | None:
    """Where the first text is that has a character no text may have, or None."""
    if isinstance(value, str):
        return None if _TEXT.match(value) else place
    if isinstance(value, list):
        inside = ((f"{place}[{index}]", inner) for index, inner in enumerate(value))
    elif isinstance(value, dict):
        if not all(_TEXT.match(name) for name in value):
            return place
        inside = ((f"{place}.{name}" if place else name, inner) for name, inner in value.items())
    else:
        return None
    found = (_bad_text(inner, inner_place) for inner_place, inner in inside)
    return next((bad for bad in found if bad is not None), None)


def _explain(message: str) -> tuple[str, str, str]:
    """(field, problem code, detail) of msgspec's words about a value it refused."""
    place = found.group(1) if (found := _PLACE.search(message)) else ""
    words = _PLACE.sub("", message)
    if name := _UNKNOWN.match(words):
        return _printable(_joined(place, name.group(1))), "unknown_field", "no such field"
    if name := _MISSING.match(words):
        return _printable(_joined(place, name.group(1))), "bad_request", "is missing"
    if regex := _REGEX.match(words):
        words = _RULES.get(regex["quoted"], "has the wrong form")
    return _printable(place), "bad_request", _printable(words)


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _printable(words: str) -> str:
    """At most 80 characters that any log, terminal and encoding can take."""
    return words[:80].encode("ascii", "backslashreplace").decode("ascii")[:80]
