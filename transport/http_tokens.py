"""REST: personal tokens and bots of one's own.

GET    /v1/me/tokens                      one's tokens
POST   /v1/me/tokens                      make one, shown this once      -> 201
DELETE /v1/me/tokens/{token}              end one                        -> 204
GET    /v1/me/bots                        one's bots
POST   /v1/me/bots                        make one                       -> 201
PATCH  /v1/me/bots/{bot}                  another handle or name
DELETE /v1/me/bots/{bot}                  forget who it was              -> 204
GET    /v1/me/bots/{bot}/tokens           its tokens
POST   /v1/me/bots/{bot}/tokens           make one, shown this once      -> 201
DELETE /v1/me/bots/{bot}/tokens/{token}   end one                        -> 204
"""

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.accounts import Account
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.own_tokens import OwnTokens
from streamhub.domain.personal_tokens import PersonalToken
from streamhub.protocol import own_tokens as bodies
from streamhub.transport.bodies import json_response, read_body
from streamhub.transport.http_auth import authorize, origin_of


def routes(own: OwnTokens) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(own)
    return [
        web.get("/v1/me/bots", area.bots),
        web.post("/v1/me/bots", area.make_bot),
        web.patch("/v1/me/bots/{bot}", area.change_bot),
        web.delete("/v1/me/bots/{bot}", area.delete_bot),
        *(
            route
            for path in ("/v1/me/tokens", "/v1/me/bots/{bot}/tokens")
            for route in (
                web.get(path, area.tokens),
                web.post(path, area.make_token),
                web.delete(f"{path}/{{token}}", area.revoke),
            )
        ),
    ]


class _Area:
    def __init__(self, own: OwnTokens) -> None:
        self._own = own

    async def tokens(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "token.list")
        found = await self._own.of(principal.user, _bot_of(request))
        return json_response(bodies.TokenList(items=tuple(map(_token, found))))

    async def make_token(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "token.create")
        body = await read_body(request, bodies.MakeToken)
        made = await self._own.make(
            principal.standing,
            body.name,
            body.scopes,
            body.expires_at,
            origin_of(request),
            _bot_of(request),
        )
        known = msgspec.structs.asdict(_token(made.token))
        response = json_response(bodies.MadeToken(token=made.text, **known), status=201)
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        return response

    async def revoke(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "token.revoke")
        token = FamilyId(request.match_info["token"])
        await self._own.revoke(principal.user, token, origin_of(request), _bot_of(request))
        return web.Response(status=204)

    async def bots(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "bot.list")
        found = await self._own.bots(principal.user)
        return json_response(bodies.BotList(items=tuple(map(_bot, found))))

    async def make_bot(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "bot.create")
        body = await read_body(request, bodies.MakeBot)
        bot = await self._own.make_bot(principal.user, body.handle, body.name, origin_of(request))
        return json_response(_bot(bot), status=201)

    async def change_bot(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "bot.create")
        body = await read_body(request, bodies.ChangeBot)
        bot = UserId(request.match_info["bot"])
        changed = await self._own.rename_bot(principal.user, bot, body.handle, body.name)
        return json_response(_bot(changed))

    async def delete_bot(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "bot.delete")
        bot = UserId(request.match_info["bot"])
        await self._own.delete_bot(principal.user, bot, origin_of(request))
        return web.Response(status=204)


def _bot_of(request: web.Request) -> UserId | None:
    bot = request.match_info.get("bot")
    return None if bot is None else UserId(bot)


def _token(token: PersonalToken) -> bodies.TokenObject:
    return bodies.TokenObject(
        id=token.id,
        name=token.name,
        scopes=tuple(sorted(token.scopes)),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        last_address=token.last_address,
    )


def _bot(bot: Account) -> bodies.BotObject:
    return bodies.BotObject(
        id=bot.id,
        handle=bot.handle,
        name=bot.name,
        status=bot.status,
        created_at=bot.created_at,
    )
