"""REST: inviting people, and coming in by an invitation.

GET    /v1/invitations                 one's invitations that can still be used
POST   /v1/invitations                 make one, shown this once                  -> 201
DELETE /v1/invitations/{invitation}    end one                                    -> 204
POST   /v1/auth/invited                make an account by one, and sign in        -> 201
"""

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.invitations import Invitation, Invitations
from streamhub.domain.sign_in import Applicant
from streamhub.protocol import invitations as bodies
from streamhub.transport.bodies import json_response, read_body
from streamhub.transport.http_auth import authorize, granted, origin_of


def routes(invitations: Invitations) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(invitations)
    return [
        web.get("/v1/invitations", area.list),
        web.post("/v1/invitations", area.make),
        web.delete("/v1/invitations/{invitation}", area.revoke),
        web.post("/v1/auth/invited", area.redeem),
    ]


class _Area:
    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations

    async def list(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "invitation.list")
        found = await self._invitations.of(principal.user)
        return json_response(bodies.InvitationList(items=tuple(map(_shown, found))))

    async def make(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "invitation.create")
        body = await read_body(request, bodies.Invite)
        made = await self._invitations.make(
            principal.standing, body.email, body.uses, body.days, origin_of(request)
        )
        known = msgspec.structs.asdict(_shown(made.invitation))
        shown = bodies.MadeInvitation(invitation=made.text, **known)
        response = json_response(shown, status=201)
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        return response

    async def revoke(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "invitation.revoke")
        named = request.match_info["invitation"]
        await self._invitations.revoke(principal.user, named, origin_of(request))
        return web.Response(status=204)

    async def redeem(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.Redeem)
        applicant = Applicant(
            email=body.email, handle=body.handle, name=body.name, password=body.password
        )
        grant = await self._invitations.redeem(body.invitation, applicant, origin_of(request))
        return granted(grant, status=201)


def _shown(invitation: Invitation) -> bodies.InvitationObject:
    return bodies.InvitationObject(
        id=invitation.id,
        email=invitation.email,
        max_uses=invitation.max_uses,
        uses=invitation.uses,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )
