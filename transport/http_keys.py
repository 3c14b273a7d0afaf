"""REST: `GET /v1/auth/keys`, the public keys of access tokens, for other services."""

from collections.abc import Iterable

from aiohttp import hdrs, web

from streamhub.domain.token_keys import PublicKey
from streamhub.protocol.accounts import TokenKeyObject, TokenKeySet
from streamhub.transport.bodies import json_response

_MAX_AGE_S = 300


def routes(keys: Iterable[PublicKey]) -> list[web.RouteDef]:
    """The one route of this area."""
    shown = TokenKeySet(
        keys=tuple(TokenKeyObject(kid=key.kid, alg="EdDSA", use="sig", **key.jwk) for key in keys)
    )

    async def key_set(request: web.Request) -> web.Response:
        response = json_response(shown)
        response.headers[hdrs.CACHE_CONTROL] = f"public, max-age={_MAX_AGE_S}"
        return response

    return [web.get("/v1/auth/keys", key_set)]
