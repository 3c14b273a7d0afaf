"""The OpenAPI document as a page to read, without scripts."""

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.S)
_OBJECT: Final = "#/components/schemas/"
_LIMITS: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
}
_HUGE: Final = 2**53 - 1


class Field(NamedTuple):
    """A row of a table; `link` leads to an object."""

    name: str
    place: str
    type: str
    link: str | None
    required: bool
    said: str


class Operation(NamedTuple):
    """One request."""

    id: str
    method: str
    path: str
    summary: str
    who: str
    keyed: bool
    status: str
    answer: str | None
    fields: list[Field]


def page(document: dict[str, Any]) -> tuple[str, str]:
    """The page, and the Content-Security-Policy it needs: its own style and nothing else."""
    schemas = document["components"]["schemas"]
    operations = [
        _operation(method, path, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    operations.sort(key=lambda one: (_area(one), one.path, one.method))
    areas = [
        {"name": name, "operations": list(found)} for name, found in groupby(operations, key=_area)
    ]
    objects = [
        {
            "name": name,
            "said": _one_line(schema.get("description", "")),
            "fields": list(_fields(schema, "")),
        }
        for name, schema in sorted(schemas.items())
    ]
    templates = Environment(
        loader=PackageLoader("streamhub.transport", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    info = document["info"]
    text = templates.get_template("api.html").render(
        title=f"{info['title']}: REST", version=info["version"], areas=areas, objects=objects
    )
    style = _STYLE.findall(text)[0].encode()
    hashed = base64.b64encode(hashlib.sha256(style).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    return text, policy


def _area(operation: Operation) -> str:
    """The first word of the path, behind the version."""
    return operation.path.split("/")[2]


def _operation(method: str, path: str, one: dict[str, Any]) -> Operation:
    status = min(one["responses"])
    content = one["responses"][status].get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    parameters = one.get("parameters", ())
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        id=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one.get("summary", ""),
        who=one.get("description", ""),
        keyed=any(parameter["in"] == "header" for parameter in parameters),
        status=status,
        answer=_type(schema)[1],
        fields=[
            *(
                _field(one["name"], one["schema"], one["in"], required=one["required"])
                for one in parameters
                if one["in"] != "header"
            ),
            *_fields(body.get("schema", {}), "body"),
        ],
    )


def _fields(schema: dict[str, Any], place: str) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield _field(name, field, place, required=name in required)


def _field(name: str, schema: dict[str, Any], place: str, *, required: bool) -> Field:
    type, link = _type(schema)
    plain = next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
    said = [plain.get("description", "")]
    said += [
        f"{words} {plain[limit]}"
        for limit, words in _LIMITS.items()
        if limit in plain and plain[limit] != _HUGE
    ]
    return Field(name, place, type, link, required, ", ".join(filter(None, said)))


def _type(schema: dict[str, Any]) -> tuple[str, str | None]:
    """In words, and the object it is about."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_OBJECT)
        return name, name
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"])), None
    if "anyOf" in schema:
        found = [_type(one) for one in schema["anyOf"] if one != {"type": "null"}]
        links = [link for _, link in found if link]
        return " or ".join(type for type, _ in found), links[0] if links else None
    if schema.get("type") == "array":
        type, link = _type(schema.get("items", {}))
        return f"list of {type}", link
    return str(schema.get("type", "")), None


def _one_line(text: str) -> str:
    return " ".join(text.split())
