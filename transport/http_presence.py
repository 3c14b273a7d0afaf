"""REST: one's own presence.

PUT    /v1/me/presence                   presence.set, for all sockets of the user
"""

from aiohttp import web

from streamhub.domain.messages import SetAway, inbox_actor
from streamhub.protocol.presence import PresenceSet
from streamhub.transport.asking import Asking
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.commands import Commands
from streamhub.transport.http_auth import authorize
from streamhub.transport.http_channels import idempotency_key


def routes(commands: Commands, asking: Asking) -> list[web.RouteDef]:
    """The route of this area. The application must have PRINCIPALS, see `http_auth`."""

    async def set_presence(request: web.Request) -> web.Response:
        principal = await authorize(request, "presence.set")
        body = await read_command(request, PresenceSet)
        reply = await commands.perform(principal.standing, body, idempotency_key(request))
        if body.state is not None:
            away = SetAway(away=body.state == "away")
            await asking.request(inbox_actor(principal.user), away)
        return json_response(reply)

    return [web.put("/v1/me/presence", set_presence)]
