"""The OpenAPI 3.1 document, made from the table of requests. Schemas are msgspec's."""

import re
from collections.abc import Callable
from typing import Any, Final

from streamhub.protocol.frames import Incoming, Problem
from streamhub.protocol.problems import PROBLEMS
from streamhub.protocol.rest import REQUESTS, Request
from streamhub.protocol.rest_words import WORDS
from streamhub.protocol.schemas import components
from streamhub.protocol.tables import COMMANDS

VERSION: Final = "3.1.0"
_REF: Final = "#/components/schemas/{name}"
_COMMANDS: Final = {spec.body: name for name, spec in COMMANDS.items()}
_NAMED: Final = re.compile(r"{(\w+)}")
_IN_QUERY: Final = frozenset({"GET", "DELETE"})
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[ -~]+$"},
}


def document(server_version: str, who: Callable[[str], str]) -> dict[str, Any]:
    """The whole document, for `GET /v1/openapi.json`; `who` says whom a right is for."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for request in REQUESTS:
        paths.setdefault(request.path, {})[request.method.lower()] = _operation(
            request, schemas, who
        )
    return {
        "openapi": VERSION,
        "info": {
            "title": "StreamHub",
            "version": server_version,
            "description": "Messaging and file sharing. The WebSocket at /v1/ws does the same, and"
            " delivers what happens.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    request: Request, schemas: dict[str, Any], who: Callable[[str], str]
) -> dict[str, Any]:
    in_path = _NAMED.findall(request.path)
    given = _fields(request.asks, schemas)
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": given["properties"].get(name, {"type": "string"}),
        }
        for name in in_path
    ]
    rest = {name: schema for name, schema in given["properties"].items() if name not in in_path}
    required = [name for name in given["required"] if name not in in_path]
    operation: dict[str, Any] = {
        "operationId": request.id,
        "summary": _summary(request),
        "description": who(request.right),
        "responses": _responses(request),
        "security": [{"bearer": []}] if request.right else [],
    }
    if request.method in _IN_QUERY:
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in rest.items()
        ]
    elif request.asks is not None:
        body = {
            "type": "object",
            "properties": rest,
            "required": required,
            "additionalProperties": False,
        }
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    if request.keyed:
        parameters.append(_KEY)
    if parameters:
        operation["parameters"] = parameters
    return operation


def _summary(request: Request) -> str:
    """What it does: a command's own words, or those there are for it."""
    if request.asks is not None and (name := _COMMANDS.get(request.asks)):
        return COMMANDS[name].summary
    return WORDS[f"{request.method} {request.path}"]


def _responses(request: Request) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "It is done."}
    if request.answers is not None:
        schema = {"$ref": _REF.format(name=request.answers.__name__)}
        good["content"] = {"application/json": {"schema": schema}}
    problem = {"$ref": _REF.format(name=Problem.__name__)}
    bad = {
        "description": "A problem (RFC 9457) with a stable `code`.",
        "content": {"application/problem+json": {"schema": problem}},
    }
    statuses = sorted({kind.status for kind in PROBLEMS.values()})
    fine = {str(status): good for status in (request.status, request.made) if status}
    return {**fine, **{str(status): bad for status in statuses}}


def _fields(asks: type[Incoming] | None, schemas: dict[str, Any]) -> dict[str, Any]:
    if asks is None:
        return {"properties": {}, "required": []}
    schema = schemas[asks.__name__]
    return {"properties": schema.get("properties", {}), "required": schema.get("required", [])}


def _schemas() -> dict[str, Any]:
    kinds: set[type] = {Problem}
    for request in REQUESTS:
        kinds |= {kind for kind in (request.asks, request.answers) if kind is not None}
    return components(kinds, _REF)
