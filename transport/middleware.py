"""What happens around every HTTP request: its id, its measurement, its errors, its limits.

In this order, the outermost first. A middleware that only looks at the request is a plain function
that hands the handler's coroutine on: thousands of sockets live inside these calls, and each
coroutine would be memory that all of them hold.
"""

import re
import secrets
import time
from collections.abc import Awaitable
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from streamhub.domain.errors import Refused
from streamhub.telemetry import Metrics
from streamhub.transport.problems import problem_of, problem_response

REQUEST_ID: Final = web.RequestKey("request_id", str)
REQUEST_ID_HEADER: Final = "X-Request-Id"

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger(__name__)


def new_request_id() -> str:
    return secrets.token_hex(12)


@web.middleware
def identified(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Gives the request the id the client sent, if it is a sane one, or a new one.

    It is on every log record of the request; `finish_headers` puts it on the response.
    """
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request_id = given if _SANE_ID.fullmatch(given) else new_request_id()
    request[REQUEST_ID] = request_id
    structlog.contextvars.bind_contextvars(request_id=request_id)  # aiohttp: a task per request
    return handler(request)


def observed(metrics: Metrics) -> Middleware:
    """Counts and times each request under its route's pattern."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.perf_counter()
        status = "aborted"
        try:
            response = await handler(request)
            status = str(response.status)
            return response
        finally:
            took_s = time.perf_counter() - begun
            route = _route_of(request)
            method = request.method if request.method in hdrs.METH_ALL else "other"
            metrics.http_requests.labels(route, method, status).inc()
            if status != "101":  # a socket's life is not the duration of a request
                metrics.http_seconds.labels(route, method).observe(took_s)
            took_ms = round(took_s * 1000, 1)
            _log.debug("request", route=route, method=method, status=status, took_ms=took_ms)

    return middleware


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into problem+json, those of unknown routes and of aiohttp included."""
    try:
        return await handler(request)
    except (web.HTTPSuccessful, web.HTTPRedirection):
        raise
    except ConnectionError:
        raise  # the client is gone: nobody to explain to
    except Exception as error:
        problem = problem_of(error, request[REQUEST_ID])
        if problem.code == "internal":
            _log.exception("request_failed", route=_route_of(request))
        if request.writer.output_size > 0:
            raise ConnectionAbortedError("failed in the middle of a response") from error
        response = problem_response(problem)
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response


@web.middleware
def limited(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Refuses compressed bodies: a few bytes must not become many.

    The size of a body that a handler reads whole is bounded by the application's
    `client_max_size`.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise Refused("unsupported_type", "send the body uncompressed", field="Content-Encoding")
    return handler(request)


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: echoes the request id, and does not tell our version."""
    response.headers.popall(hdrs.SERVER, None)
    response.headers[REQUEST_ID_HEADER] = request[REQUEST_ID]


def _route_of(request: web.Request) -> str:
    """The pattern of the route, never the path a client chose."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
