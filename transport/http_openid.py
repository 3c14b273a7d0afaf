"""REST: signing in by an OpenID Connect provider, and the identities that open one's account.

GET  /v1/auth/openid                     the provider, if there is one
POST /v1/auth/openid/start               the page to open
POST /v1/auth/openid/finish              sign in
GET  /v1/me/identities                   what opens the account
POST /v1/me/identities/start             the page to open
POST /v1/me/identities                   add it                          -> 201
POST /v1/me/identities/unlink            take one away                   -> 204
"""

from dataclasses import dataclass

from aiohttp import web

from streamhub.domain.accounts import AccountStore
from streamhub.domain.errors import Refused
from streamhub.domain.federation import Federation
from streamhub.domain.identities import Linked
from streamhub.protocol import own_account as bodies
from streamhub.transport.bodies import json_response, read_body
from streamhub.transport.http_account import acting
from streamhub.transport.http_auth import authorize, granted, origin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The provider, and how people know it."""

    name: str
    issuer: str
    federation: Federation


def routes(provider: Named | None, accounts: AccountStore) -> list[web.RouteDef]:
    """The routes of this area; without a provider they say so. The application must have
    PRINCIPALS, see `http_auth`."""
    area = _Area(provider, accounts)
    return [
        web.get("/v1/auth/openid", area.providers),
        web.post("/v1/auth/openid/start", area.start),
        web.post("/v1/auth/openid/finish", area.finish),
        web.get("/v1/me/identities", area.identities),
        web.post("/v1/me/identities/start", area.start_linking),
        web.post("/v1/me/identities", area.link),
        web.post("/v1/me/identities/unlink", area.unlink),
    ]


class _Area:
    def __init__(self, provider: Named | None, accounts: AccountStore) -> None:
        self._provider = provider
        self._accounts = accounts

    async def providers(self, request: web.Request) -> web.Response:
        known = self._provider
        items = (bodies.ProviderObject(name=known.name, issuer=known.issuer),) if known else ()
        return json_response(bodies.ProviderList(items=items))

    async def start(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.StartOpenId)
        page, name = await self._federation.start(body.redirect_uri)
        return json_response(bodies.OpenIdStarted(url=page, request=name))

    async def finish(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.FinishOpenId)
        return granted(
            await self._federation.sign_in(
                body.request, body.state, body.code, body.second, origin_of(request)
            )
        )

    async def identities(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "account.get")
        found = await self._federation.of(principal.user) if self._provider else ()
        return json_response(bodies.IdentityList(items=tuple(map(_identity, found))))

    async def start_linking(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "identity.link")
        body = await read_body(request, bodies.StartOpenId)
        page, name = await self._federation.start(body.redirect_uri, principal.user)
        return json_response(bodies.OpenIdStarted(url=page, request=name))

    async def link(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "identity.link")
        body = await read_body(request, bodies.FinishOpenId)
        linked = await self._federation.link(
            principal.user, body.request, body.state, body.code, origin_of(request)
        )
        return json_response(_identity(linked), status=201)

    async def unlink(self, request: web.Request) -> web.Response:
        _, account = await acting(self._accounts, request, "identity.unlink")
        body = await read_body(request, bodies.Unlink)
        await self._federation.unlink(
            account, (body.issuer, body.subject), body.current_password, origin_of(request)
        )
        return web.Response(status=204)

    @property
    def _federation(self) -> Federation:
        if self._provider is None:
            raise Refused("not_found", "no OpenID Connect provider is set here")
        return self._provider.federation


def _identity(linked: Linked) -> bodies.IdentityObject:
    return bodies.IdentityObject(
        issuer=linked.issuer, subject=linked.subject, linked_at=linked.linked_at
    )
