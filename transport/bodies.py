"""JSON bodies of requests and answers."""

import re
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.errors import Refused
from streamhub.protocol.errors import BadFrame
from streamhub.protocol.frames import Incoming, Outgoing
from streamhub.protocol.plain import plain_json, without_nulls

Body = TypeVar("Body", bound=Incoming)

MAX_FIELD_CHARS: Final = 80

# msgspec says "Object contains unknown field `a`", "Object missing required field `a`" and
# "Expected `str`, got `int` - at `$.a`".
_UNKNOWN: Final = re.compile(r"\AObject contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING: Final = re.compile(r"\AObject missing required field `(.*)`\Z", re.DOTALL)
_WRONG: Final = re.compile(r"\A(Expected .*) - at `\$\.?(.*?)`\Z", re.DOTALL)


async def read_body(request: web.Request, kind: type[Body]) -> Body:
    """The request's body as `kind`, whatever its `Content-Type` says: none but JSON decodes.

    Raises Refused: bad_request, unknown_field. Neither holds a value of the body.
    """
    return as_command(await _plain(request), kind)


async def read_command(request: web.Request, kind: type[Body]) -> Body:
    """A command from the path's names and, with GET and DELETE, the query, else the body.

    What the path names must not come again. Raises Refused like `read_body`.
    """
    named = request.match_info
    if request.method in (hdrs.METH_GET, hdrs.METH_DELETE):
        given: object = dict(request.query)
        if len(request.query) != len(set(request.query)):
            raise Refused("bad_request", "a name comes twice in the query")
        strict = False
    else:
        given = await _plain(request) if request.can_read_body else {}
        strict = True
    if not isinstance(given, dict):
        raise Refused("bad_request", "the body must be a JSON object")
    if again := named.keys() & given.keys():
        raise Refused("unknown_field", "the path says it already", field=min(again))
    return as_command({**given, **named}, kind, strict=strict)


async def _plain(request: web.Request) -> object:
    try:
        return without_nulls(plain_json((await request.read()).decode()))
    except (BadFrame, UnicodeDecodeError):
        raise Refused("bad_request", "the body must be a JSON object in UTF-8") from None


def as_command(value: object, kind: type[Body], *, strict: bool = True) -> Body:
    """`value` as `kind`; not `strict`: numbers may be text. Raises Refused like `read_body`."""
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None


def json_response(body: Outgoing, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json"
    )


def _explained(words: str) -> Refused:
    if unknown := _UNKNOWN.match(words):
        return Refused("unknown_field", "no such field", field=_printable(unknown[1]))
    if missing := _MISSING.match(words):
        return Refused("bad_request", "is missing", field=missing[1])
    if wrong := _WRONG.match(words):
        return Refused("bad_request", wrong[1], field=_printable(wrong[2]) or None)
    return Refused("bad_request", "the body must be a JSON object")


def _printable(field: str) -> str:
    return field[:MAX_FIELD_CHARS].encode("ascii", "backslashreplace").decode()[:MAX_FIELD_CHARS]
