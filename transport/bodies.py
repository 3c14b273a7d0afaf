"""JSON bodies of requests and answers."""

from typing import TypeVar

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.errors import Refused
from streamhub.protocol.careful import body_of
from streamhub.protocol.errors import BadFrame, BodyRefused
from streamhub.protocol.frames import Incoming, Outgoing
from streamhub.protocol.plain import plain_json

Body = TypeVar("Body", bound=Incoming)


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
        return plain_json((await request.read()).decode())
    except (BadFrame, UnicodeDecodeError):
        raise Refused("bad_request", "the body must be a JSON object in UTF-8") from None


def as_command(value: object, kind: type[Body], *, strict: bool = True) -> Body:
    """`value` as `kind`; not `strict`: numbers may be text. Raises Refused like `read_body`."""
    try:
        return body_of(value, kind, strict=strict)
    except BodyRefused as error:
        raise Refused(error.code, error.detail, field=error.field or None) from None


def json_response(body: Outgoing, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json"
    )
