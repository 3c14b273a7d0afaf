"""Errors as RFC 9457 problem objects and responses."""

import math
from typing import Final

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.errors import StreamHubError
from streamhub.protocol.frames import Problem, problem

CONTENT_TYPE: Final = "application/problem+json"

_CODES: Final = {404: "not_found", 413: "too_large", 415: "unsupported_type"}


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem to show for `error`; `internal`, without a word more, unless it may be shown.

    `status` is that of the code, except for refusals of HTTP itself, such as 405, which have no
    code of their own and are `bad_request`.
    """
    match error:
        case StreamHubError():
            return problem(
                error.code,
                error.detail,
                field=error.field,
                retry_after_ms=error.retry_after_ms,
                request_id=request_id,
            )
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            said = f"{error.method} is not possible here, only {allowed}"
            refused = problem("bad_request", said, request_id=request_id)
            return msgspec.structs.replace(refused, status=error.status)
        case web.HTTPClientError():
            refused = problem(_CODES.get(error.status, "bad_request"), request_id=request_id)
            return msgspec.structs.replace(refused, status=error.status)
        case web.RequestPayloadError():
            return problem("bad_request", "the body is not valid HTTP", request_id=request_id)
        case _:
            return problem("internal", request_id=request_id)


def problem_response(shown: Problem) -> web.Response:
    """The HTTP response of a problem, with the headers its status asks for."""
    response = web.Response(
        status=shown.status, body=msgspec.json.encode(shown), content_type=CONTENT_TYPE
    )
    if shown.retry_after_ms is not None:
        response.headers[hdrs.RETRY_AFTER] = str(math.ceil(shown.retry_after_ms / 1000))
    if shown.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response
