"""Bounded loading of a frame into plain data, for the second look at what was not accepted.

Hostile input costs no more than honest input: at most `MAX_VALUES` values and `MAX_DEPTH` levels
are ever held, whatever a header or a million brackets announce.
"""

import json
import re
from typing import Any, Final, Never

import msgpack

from streamhub.protocol.errors import BadFrame

MAX_DEPTH: Final = 16
"""Nested containers, the frame itself included."""

MAX_VALUES: Final = 8_192
"""Values in one frame. The largest honest frame, a `since` of 2,000 channels, has 4,000."""

Pairs = list[tuple[Any, Any]]


def plain_json(text: str) -> object:
    """The value of a JSON text. Raises BadFrame: malformed, NaN, a key twice, too much of it."""
    # Each value follows a comma or a bracket. A whole string is one possessive match, so a large
    # text is one step, and looking ends at the limit: 2 ms at the worst.
    if len(text) > MAX_VALUES:
        tokens = enumerate(_STRUCTURE.finditer(text))
        if any(count > MAX_VALUES for count, _ in tokens):
            raise BadFrame(_TOO_MANY)
    try:
        value = _JSON.decode(text)
    except (ValueError, RecursionError):
        raise BadFrame("not JSON") from None
    _check_depth(value)
    return value


def plain_msgpack(data: bytes) -> object:
    """The value of a msgpack message, bytes that are not UTF-8 as lone surrogates.

    Raises BadFrame: malformed, keys that are not str, extension types, too much of it.
    """
    budget = _Budget()
    try:
        value = msgpack.unpackb(
            data,
            unicode_errors="surrogateescape",
            object_pairs_hook=budget.take_map,
            list_hook=budget.take_list,
            ext_hook=_refuse_extension,
            max_array_len=MAX_VALUES,
            max_map_len=MAX_VALUES,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise BadFrame("not msgpack") from None
    _check_depth(value)
    return value


def without_nulls(value: object) -> object:
    """`value` with every null field left out: absent and null mean the same."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


_TOO_MANY: Final = f"more than {MAX_VALUES} values"
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[,\[{]', re.DOTALL)


def _unique(pairs: Pairs) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadFrame("a key twice")
    return fields


def _refuse_constant(name: str) -> Never:
    raise BadFrame(f"{name} is not JSON")


def _cheap_int(digits: str) -> int | float:
    # Reading digits is quadratic. What is beyond 64 bits is wrong in every field anyway.
    return int(digits) if len(digits) <= 20 else float(digits)


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_cheap_int
)


class _Budget:
    """Counts values while they are loaded, so that no more than the limit ever exist."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def take_list(self, items: list[object]) -> list[object]:
        self._take(len(items))
        return items

    def take_map(self, pairs: Pairs) -> dict[str, object]:
        self._take(len(pairs))
        if not all(isinstance(name, str) for name, _ in pairs):
            raise BadFrame("a key that is not a str")
        return dict(pairs)

    def _take(self, count: int) -> None:
        self._left -= count + 1
        if self._left < 0:
            raise BadFrame(_TOO_MANY)


def _refuse_extension(kind: int, _data: bytes) -> Never:
    raise BadFrame(f"extension type {kind}")


def _check_depth(value: object) -> None:
    containers = [value]
    for _ in range(MAX_DEPTH):
        containers = [inner for outer in containers for inner in _containers_in(outer)]
        if not containers:
            return
    raise BadFrame(f"nested deeper than {MAX_DEPTH}")


def _containers_in(value: object) -> list[object]:
    match value:
        case dict():
            return [inner for inner in value.values() if isinstance(inner, dict | list)]
        case list():
            return [inner for inner in value if isinstance(inner, dict | list)]
        case _:
            return []
