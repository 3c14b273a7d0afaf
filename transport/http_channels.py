"""REST: every command on channels, members, messages and users, with the bodies of the wire.

POST   /v1/channels                       channel.create  -> 201
GET    /v1/channels                       channel.list
GET    /v1/channels/{channel}             channel.get
POST   /v1/channels/{channel}/join        channel.join
POST   /v1/channels/{channel}/leave       channel.leave
GET    /v1/channels/{channel}/sync        channel.sync
POST   /v1/channels/{channel}/read        channel.read
POST   /v1/channels/{channel}/unread      channel.mark_unread
GET    /v1/channels/{channel}/seen        channel.seen
PATCH  /v1/channels/{channel}             channel.update
POST   /v1/channels/{channel}/archive     channel.archive
GET    /v1/channels/{channel}/members     member.list
POST   /v1/channels/{channel}/members     member.add
DELETE /v1/channels/{channel}/members/{user}      member.remove
PATCH  /v1/channels/{channel}/members/{user}      member.update
GET    /v1/channels/{channel}/bans        member.banned
PUT    /v1/channels/{channel}/bans/{user}         member.ban
DELETE /v1/channels/{channel}/bans/{user}         member.unban
POST   /v1/directs                        direct.open     -> 201 when it was not there, else 200
POST   /v1/directs/{channel}/hide         direct.hide
POST   /v1/channels/{channel}/messages    message.send    -> 201
GET    /v1/channels/{channel}/messages    message.history
GET    /v1/channels/{channel}/messages/{message}  message.get
PATCH  /v1/channels/{channel}/messages/{message}  message.edit
DELETE /v1/channels/{channel}/messages/{message}  message.delete
GET    /v1/channels/{channel}/messages/{message}/editions   message.editions
PUT    /v1/channels/{channel}/messages/{message}/reactions/{reaction}  reaction.add
DELETE /v1/channels/{channel}/messages/{message}/reactions/{reaction}  reaction.remove
PUT    /v1/channels/{channel}/messages/{message}/pin        pin.add
DELETE /v1/channels/{channel}/messages/{message}/pin        pin.remove
PUT    /v1/channels/{channel}/messages/{message}/saved      message.save
DELETE /v1/channels/{channel}/messages/{message}/saved      message.unsave
GET    /v1/saved                          message.saved
PUT    /v1/channels/{channel}/draft       draft.set
GET    /v1/drafts                         draft.list
POST   /v1/schedule                       schedule.create -> 201
GET    /v1/schedule                       schedule.list
PATCH  /v1/schedule/{schedule}            schedule.update
DELETE /v1/schedule/{schedule}            schedule.cancel
PUT    /v1/channels/{channel}/notify      channel.notify
GET    /v1/notifications                  notification.list
POST   /v1/notifications/read             notification.read
POST   /v1/channels/{channel}/messages/{message}/reports    message.report
GET    /v1/search                         message.search
POST   /v1/channels/{channel}/messages/{message}/thread/read  thread.read
PUT    /v1/channels/{channel}/messages/{message}/thread       thread.follow
GET    /v1/threads                        thread.list
GET    /v1/channels/{channel}/pins        pin.list
POST   /v1/channels/{channel}/typing      typing.start
GET    /v1/users/{user}/presence          presence.get
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

from streamhub.domain.errors import Refused
from streamhub.protocol import (
    drafting,
    frames,
    managing,
    notifying,
    presence,
    reports,
    revising,
    saving,
    scheduling,
    searching,
    threads,
)
from streamhub.protocol.scalars import KEY_PATTERN
from streamhub.transport.bodies import as_command, json_response, read_command
from streamhub.transport.commands import NAMES, Commands
from streamhub.transport.commands_directs import Made
from streamhub.transport.http_auth import authorize

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

_KEY: Final = re.compile(KEY_PATTERN)
_MESSAGE: Final = "/v1/channels/{channel}/messages/{message}"
_ROUTES: Final[tuple[tuple[str, str, type[frames.Incoming], int], ...]] = (
    (hdrs.METH_POST, "/v1/channels", frames.ChannelCreate, 201),
    (hdrs.METH_GET, "/v1/channels", frames.ChannelList, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}", frames.ChannelGet, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/join", frames.ChannelJoin, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/leave", frames.ChannelLeave, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}/sync", frames.ChannelSync, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/read", frames.ChannelRead, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/unread", frames.ChannelMarkUnread, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}/seen", frames.ChannelSeen, 200),
    (hdrs.METH_PATCH, "/v1/channels/{channel}", managing.ChannelUpdate, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/archive", managing.ChannelArchive, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}/members", frames.MemberList, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/members", frames.MemberAdd, 200),
    (hdrs.METH_PATCH, "/v1/channels/{channel}/members/{user}", managing.MemberUpdate, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}/bans", managing.MemberBanned, 200),
    (hdrs.METH_PUT, "/v1/channels/{channel}/bans/{user}", managing.MemberBan, 200),
    (hdrs.METH_DELETE, "/v1/channels/{channel}/bans/{user}", managing.MemberUnban, 200),
    (hdrs.METH_POST, "/v1/directs", frames.DirectOpen, 200),
    (hdrs.METH_POST, "/v1/directs/{channel}/hide", frames.DirectHide, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/messages", frames.MessageSend, 201),
    (hdrs.METH_GET, "/v1/channels/{channel}/messages", frames.MessageHistory, 200),
    (hdrs.METH_GET, _MESSAGE, frames.MessageGet, 200),
    (hdrs.METH_PATCH, _MESSAGE, revising.MessageEdit, 200),
    (hdrs.METH_DELETE, _MESSAGE, revising.MessageDelete, 200),
    (hdrs.METH_GET, f"{_MESSAGE}/editions", revising.MessageEditions, 200),
    (hdrs.METH_PUT, f"{_MESSAGE}/reactions/{{reaction}}", revising.ReactionAdd, 200),
    (hdrs.METH_DELETE, f"{_MESSAGE}/reactions/{{reaction}}", revising.ReactionRemove, 200),
    (hdrs.METH_PUT, f"{_MESSAGE}/pin", revising.PinAdd, 200),
    (hdrs.METH_DELETE, f"{_MESSAGE}/pin", revising.PinRemove, 200),
    (hdrs.METH_PUT, f"{_MESSAGE}/saved", saving.MessageSave, 200),
    (hdrs.METH_DELETE, f"{_MESSAGE}/saved", saving.MessageUnsave, 200),
    (hdrs.METH_GET, "/v1/saved", saving.MessageSaved, 200),
    (hdrs.METH_PUT, "/v1/channels/{channel}/draft", drafting.DraftSet, 200),
    (hdrs.METH_GET, "/v1/drafts", drafting.DraftList, 200),
    (hdrs.METH_POST, "/v1/schedule", scheduling.ScheduleCreate, 201),
    (hdrs.METH_GET, "/v1/schedule", scheduling.ScheduleList, 200),
    (hdrs.METH_PATCH, "/v1/schedule/{schedule}", scheduling.ScheduleUpdate, 200),
    (hdrs.METH_DELETE, "/v1/schedule/{schedule}", scheduling.ScheduleCancel, 200),
    (hdrs.METH_PUT, "/v1/channels/{channel}/notify", notifying.ChannelNotify, 200),
    (hdrs.METH_GET, "/v1/notifications", notifying.NotificationList, 200),
    (hdrs.METH_POST, "/v1/notifications/read", notifying.NotificationRead, 200),
    (hdrs.METH_POST, f"{_MESSAGE}/reports", reports.MessageReport, 200),
    (hdrs.METH_GET, "/v1/search", searching.MessageSearch, 200),
    (hdrs.METH_POST, f"{_MESSAGE}/thread/read", threads.ThreadRead, 200),
    (hdrs.METH_PUT, f"{_MESSAGE}/thread", threads.ThreadFollow, 200),
    (hdrs.METH_GET, "/v1/threads", threads.ThreadList, 200),
    (hdrs.METH_GET, "/v1/channels/{channel}/pins", revising.PinList, 200),
    (hdrs.METH_POST, "/v1/channels/{channel}/typing", frames.TypingStart, 200),
    (hdrs.METH_GET, "/v1/users/{user}/presence", presence.PresenceGet, 200),
)


def routes(commands: Commands) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""

    def command(kind: type[frames.Incoming], status: int) -> Callable[..., Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            principal = await authorize(request, NAMES[kind])
            body = await read_command(request, kind)
            reply = await commands.perform(principal.standing, body, idempotency_key(request))
            return json_response(reply, status=201 if isinstance(reply, Made) else status)

        return handle

    async def remove(request: web.Request) -> web.Response:
        principal = await authorize(request, NAMES[frames.MemberRemove])
        named = {"channel": request.match_info["channel"], "users": (request.match_info["user"],)}
        body = as_command(named, frames.MemberRemove)
        reply = await commands.perform(principal.standing, body, idempotency_key(request))
        return json_response(reply)

    return [
        *(web.route(method, path, command(kind, status)) for method, path, kind, status in _ROUTES),
        web.delete("/v1/channels/{channel}/members/{user}", remove),
    ]


def idempotency_key(request: web.Request) -> str | None:
    """What the client gave. Raises Refused("bad_request")."""
    given = request.headers.getall(IDEMPOTENCY_KEY, ())
    if len(given) > 1:
        raise Refused("bad_request", "came more than once", field=IDEMPOTENCY_KEY)
    key = given[0] if given else None
    if key is not None and not _KEY.match(key):
        raise Refused(
            "bad_request", "must be 1 to 64 printable ASCII characters", field=IDEMPOTENCY_KEY
        )
    return key
