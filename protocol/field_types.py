"""A field's type in words, for the reference."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct, inspect

from streamhub.protocol.scalars import MAX_INT

_PLAIN: Final[dict[type, str]] = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.BoolType: "true or false",
}


def type_words(kind: inspect.Type) -> str:
    """Like `array of id of a user, at most 100`; objects are links to their section."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema={"description": words}):
            return f"{words}{_limits(inner)}"
        case inspect.StructType(cls=struct):
            return f"[{struct.__name__}](#{struct.__name__.lower()})"
        case inspect.TupleType(item_types=items):
            return f"[{', '.join(type_words(item) for item in items)}]"
        case inspect.VarTupleType(item_type=item):
            return f"array of {type_words(item)}{_limits(kind)}"
        case inspect.DictType(key_type=key, value_type=value):
            return f"map from {type_words(key)} to {type_words(value)}{_limits(kind)}"
        case inspect.UnionType(types=types):
            some = [inner for inner in types if not isinstance(inner, inspect.NoneType)]
            return " or ".join(type_words(inner) for inner in some)
        case inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case _:
            return f"{_PLAIN[type(kind)]}{_limits(kind)}"


def described_structs(roots: Iterable[type[Struct]]) -> list[type[Struct]]:
    """The structs and all that are inside them, each once, by name."""
    found: dict[str, type[Struct]] = {}
    waiting: list[Any] = [inspect.type_info(root) for root in roots]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType) and found.get(kind.cls.__name__) is None:
            found[kind.cls.__name__] = kind.cls
            waiting += [field.type for field in kind.fields]
        elif not isinstance(kind, inspect.StructType):
            waiting += _inside(kind)
    return [found[name] for name in sorted(found)]


def _inside(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.Metadata(type=inner):
            yield inner
        case inspect.VarTupleType(item_type=item):
            yield item
        case inspect.DictType(key_type=key, value_type=value):
            yield from (key, value)
        case inspect.UnionType(types=types):
            yield from types
        case _:
            pass


def _limits(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType(ge=low, le=high) if high is not None and high < MAX_INT:
            return f", {low} to {high}"
        case inspect.StrType(min_length=low, max_length=high) if low == high:
            return ""  # ids have one length, which goes without saying
        case inspect.IntType(ge=low) if low:
            return f", at least {low}"
        case (
            inspect.StrType(min_length=low, max_length=high)
            | inspect.VarTupleType(min_length=low, max_length=high)
            | inspect.DictType(min_length=low, max_length=high)
        ) if high is not None:
            return f", {low} to {high}" if low else f", at most {high}"
        case _:
            return ""
