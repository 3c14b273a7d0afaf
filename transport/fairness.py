"""Fair use over HTTP: who asks too much is told when to come back, and everybody how much is left.

`RateLimit-*` headers are those of draft-ietf-httpapi-ratelimit-headers-06: of the policy that is
nearest to its end, with all that were counted in `RateLimit-Policy`.
"""

import math
from collections.abc import Awaitable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from streamhub.domain.fair_use import FairUse, Use
from streamhub.domain.principals import Principal
from streamhub.transport.proxies import remote_of

FAIR_USE: Final = web.AppKey("fair_use", FairUse)

_USES: Final = web.RequestKey("uses", list[Use])


def counted(*unlimited: str) -> Middleware:
    """Counts requests without a token by address; those with one are counted once it is known whose
    it is, by `count_principal` or `count_stranger`. Paths in `unlimited` are not counted. Without
    FAIR_USE the application counts nothing."""

    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        if request.path in unlimited or hdrs.AUTHORIZATION in request.headers:
            return handler(request)
        return _by_address(request, handler)

    return middleware


async def _by_address(request: web.Request, handler: Handler) -> web.StreamResponse:
    await count_stranger(request)
    return await handler(request)


async def count_stranger(request: web.Request) -> None:
    """Raises TryAgain("rate_limited")."""
    fair_use = request.app.get(FAIR_USE)
    if fair_use is not None:
        _note(request, [await fair_use.of_address(remote_of(request))])


async def count_principal(request: web.Request, principal: Principal, operation: str) -> None:
    """Raises TryAgain("rate_limited")."""
    fair_use = request.app.get(FAIR_USE)
    if fair_use is not None:
        _note(request, await fair_use.of_principal(principal, operation))


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: how much is left."""
    uses = request.get(_USES)
    if not uses:
        return
    least = min(uses, key=lambda use: use.draw.left / use.allowance.burst)
    headers = response.headers
    headers["RateLimit-Limit"] = str(least.allowance.burst)
    headers["RateLimit-Remaining"] = str(least.draw.left)
    headers["RateLimit-Reset"] = str(math.ceil(least.draw.whole_ms / 1000))
    headers["RateLimit-Policy"] = ", ".join(map(_policy, uses))


def _policy(use: Use) -> str:
    rate, burst = use.allowance
    return f'{burst};w={math.ceil(burst / rate)};comment="{use.policy}"'


def _note(request: web.Request, uses: list[Use]) -> None:
    request[_USES] = uses
    for use in uses:
        use.check()
