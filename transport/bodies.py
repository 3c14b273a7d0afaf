"""JSON bodies of requests and answers."""

import re
from typing import Final, TypeVar

import msgspec
from aiohttp import web

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
    try:
        value = without_nulls(plain_json((await request.read()).decode()))
    except (BadFrame, UnicodeDecodeError):
        raise Refused("bad_request", "the body must be a JSON object in UTF-8") from None
    try:
        return msgspec.convert(value, kind)
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
