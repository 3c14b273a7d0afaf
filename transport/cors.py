"""Pages of other origins (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol): those on the
list may use the API and read its answers. Others get the same answers, which their browser then
keeps from them; no cookie counts here, so there is nothing they could do in a user's name.
"""

from collections.abc import Awaitable, Iterable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

ALLOWED_HEADERS: Final = (
    "Authorization, Content-Digest, Content-Type, Idempotency-Key, If-None-Match, If-Range, Range,"
    " Repr-Digest, X-File-Name, X-Request-Id"
)
EXPOSED_HEADERS: Final = (
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, RateLimit-Limit,"
    " RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, StreamHub-File,"
    " Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version,"
    " Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset,"
    " X-Request-Id"
)
MAX_AGE_S: Final = 600


class Cors:
    """The rules for pages of `origins`, compared exactly."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    def preflights(self) -> Middleware:
        """Answers what browsers ask before a request: whether the page may make it."""

        @web.middleware
        def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            asks = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
            if request.method != hdrs.METH_OPTIONS or not asks or self._origin_of(request) is None:
                return handler(request)
            unmet = request.match_info.http_exception
            if not isinstance(unmet, web.HTTPMethodNotAllowed):
                return handler(request)  # there is no such route
            return _permit(", ".join(sorted(unmet.allowed_methods)))

        return middleware

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """An `on_response_prepare` signal: says which origin may read the answer."""
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if (origin := self._origin_of(request)) is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS

    def _origin_of(self, request: web.Request) -> str | None:
        given = request.headers.getall(hdrs.ORIGIN, ())
        return given[0] if len(given) == 1 and given[0] in self._origins else None


async def _permit(methods: str) -> web.StreamResponse:
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: methods,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ALLOWED_HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(MAX_AGE_S),
        },
    )
