"""Headers of every answer of the public port: they tell browsers what not to do with it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from streamhub.transport.middleware import finish_headers
from streamhub.transport.proxies import is_secure

ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    # Answers are data. Whatever one is taken for, it loads nothing, runs nothing, sends nothing,
    # fills no frame. The last three do not fall back to `default-src`.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS: Final = "max-age=31536000"


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal. What a handler has set stays as it is."""
    await finish_headers(request, response)
    headers = response.headers
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if hdrs.AUTHORIZATION in request.headers:
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if is_secure(request):
        headers.setdefault("Strict-Transport-Security", HSTS)
