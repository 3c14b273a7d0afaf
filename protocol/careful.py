"""The second look at a client's frame that typed decoding did not accept: what exactly is wrong.

The fast path of the codec knows only yes and no. Here the frame is plain data, so nulls can be
dropped, the command that is to blame can be answered by its number, and the offending field be
named. It accepts what the fast path accepts, and fields that are null.
"""

import re
from typing import Final, TypeVar

import msgspec

from streamhub.protocol.errors import BadFrame, BodyRefused, CommandRefused
from streamhub.protocol.frames import Auth, ClientFrame, Command, Ping
from streamhub.protocol.plain import without_nulls
from streamhub.protocol.scalars import MAX_COMMAND_NUMBER, PATTERN_RULES, TEXT_PATTERN, Key
from streamhub.protocol.tables import CLIENT_CONTROLS, COMMANDS

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


def body_of(value: object, kind: type[T], *, strict: bool = True) -> T:
    """Plain data as a body; nulls are dropped. Not `strict`: numbers may be text, as in a query.

    Raises BodyRefused: invalid_text, unknown_field, bad_request.
    """
    value = without_nulls(value)
    if (place := _bad_text(value, "")) is not None:
        detail = "must be text without lone surrogates and control characters"
        raise BodyRefused("invalid_text", _printable(place) or None, detail)
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        field, code, detail = _explain(str(error))
        raise BodyRefused(code, field or None, detail) from None


def _control(frame: dict[str, object]) -> Auth | Ping:
    name = frame["x"]
    kind = CLIENT_CONTROLS.get(name) if isinstance(name, str) else None
    if kind is None or not frame.keys() <= _CONTROL_FIELDS:
        raise BadFrame("a control of no known shape")
    try:
        return body_of(frame.get("d", {}), kind)
    except BodyRefused as wrong:
        raise BadFrame(f"{name}: {wrong.field}: {wrong.detail}") from None


def _command(frame: dict[str, object]) -> Command:
    name, i = frame["c"], frame.get("i")
    if type(i) is not int or not 1 <= i <= MAX_COMMAND_NUMBER:
        raise BadFrame("a command without a number that could be answered")
    if unknown := [field for field in frame if field not in _COMMAND_FIELDS]:
        raise CommandRefused(i, "unknown_field", _printable(unknown[0]), "no such field")
    spec = COMMANDS.get(name) if isinstance(name, str) else None
    if spec is None or not isinstance(name, str):
        raise CommandRefused(i, "bad_request", "c", "no such command")
    within = "d"
    try:
        body = body_of(frame.get("d", {}), spec.body)
        within = "k"
        key = body_of(frame["k"], Key) if "k" in frame else None
    except BodyRefused as wrong:
        raise CommandRefused(i, wrong.code, wrong.field or within, wrong.detail) from None
    return Command(name=name, i=i, body=body, key=key)


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
