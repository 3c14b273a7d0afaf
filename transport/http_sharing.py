"""REST: sharing files.

GET    /v1/files/{file}/shares             for whom it is, too
PUT    /v1/files/{file}/shares/{reader}    for a user, or for the members of a channel
DELETE /v1/files/{file}/shares/{reader}    no longer
GET    /v1/shared                          a page of what others share with one
POST   /v1/files/{file}/links              a link by which anybody may read it
GET    /v1/files/{file}/links              those there are
DELETE /v1/files/{file}/links/{link}       end one
GET    /v1/links/{token}                   what it leads to; without an account
GET    /v1/links/{token}/content           its content (HEAD, too)

The password of a link is that of HTTP's Basic authentication, so that browsers ask for it; the name
beside it is nobody's.
"""

import base64
import functools
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import Refused
from streamhub.domain.file_messages import FileChanged
from streamhub.domain.ids import USER, FileId, UserId, is_id
from streamhub.domain.sharing import Link, Shared, Sharing
from streamhub.protocol import files, sharing
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.downloads import download
from streamhub.transport.fairness import count_stranger
from streamhub.transport.http_auth import authorize
from streamhub.transport.middleware import REQUEST_ID
from streamhub.transport.problems import problem_of, problem_response
from streamhub.transport.proxies import remote_of
from streamhub.transport.requests import found
from streamhub.transport.wire import file_object

_Handler = Callable[["_Area", web.Request], Awaitable[web.StreamResponse]]


Tell = Callable[[FileChanged, UserId], None]


def routes(area: Sharing, blobs: Blobs, public_url: str, tell: Tell) -> list[web.RouteDef]:
    """The routes of this area; `tell` tells a user's sessions. The application must have
    PRINCIPALS, see `http_auth`."""
    here = _Area(area, blobs, public_url, tell)
    return [
        web.get("/v1/files/{file}/shares", here.shares),
        web.put("/v1/files/{file}/shares/{reader}", here.share),
        web.delete("/v1/files/{file}/shares/{reader}", here.unshare),
        web.get("/v1/shared", here.shared),
        web.post("/v1/files/{file}/links", here.make_link),
        web.get("/v1/files/{file}/links", here.links),
        web.delete("/v1/files/{file}/links/{link}", here.remove_link),
        web.get("/v1/links/{token}", here.linked),
        web.get("/v1/links/{token}/content", here.content),
    ]


def _asking_for_passwords(handler: _Handler) -> _Handler:
    """A link that needs a password says so in the way that browsers know."""

    @functools.wraps(handler)
    async def handle(area: "_Area", request: web.Request) -> web.StreamResponse:
        if hdrs.AUTHORIZATION in request.headers:  # without one it was counted before
            await count_stranger(request)
        try:
            return await handler(area, request)
        except Refused as error:
            if error.code != "unauthenticated":
                raise
            response = problem_response(problem_of(error, request[REQUEST_ID]))
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="link", charset="UTF-8"'
            return response

    return handle


class _Area:
    def __init__(self, area: Sharing, blobs: Blobs, public_url: str, tell: Tell) -> None:
        self._tell = tell
        self._sharing = area
        self._store = area.store
        self._blobs = blobs
        self._public_url = public_url.rstrip("/")

    async def shares(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        file = FileId((await read_command(request, files.GetFile)).file)
        items = found(await self._store.shares(by, file), "file")
        shown = (sharing.ShareObject(reader=one.reader, shared_at=one.shared_at) for one in items)
        return json_response(sharing.ShareList(items=tuple(shown)))

    async def share(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.share")).standing.user
        wanted = await read_command(request, sharing.ShareFile)
        file = await self._sharing.share(by, FileId(wanted.file), wanted.reader)
        if file is not None and is_id(wanted.reader, USER):
            self._tell(FileChanged(kind="shared", file=file), UserId(wanted.reader))
        return web.Response(status=204)

    async def unshare(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.share")).standing.user
        wanted = await read_command(request, sharing.ShareFile)
        was = await self._store.unshare(by, FileId(wanted.file), wanted.reader)
        found(was or None, "share")
        return web.Response(status=204)

    async def shared(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.list")).standing.user
        wanted = await read_command(request, sharing.ListShared)
        page = await self._store.shared(by, wanted.cursor, wanted.limit)
        items = tuple(map(_shared_file, page.items))
        return json_response(sharing.SharedPage(items=items, next_cursor=page.next_cursor))

    async def make_link(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.share")).standing.user
        wanted = await read_command(request, sharing.MakeLink)
        link, text = await self._sharing.make_link(
            by,
            FileId(wanted.file),
            expires_at=wanted.expires_at,
            password=wanted.password,
            max_downloads=wanted.max_downloads,
        )
        url = f"{self._public_url}/v1/links/{text}/content"
        made = json_response(sharing.MadeLink(link=_link_object(link), url=url), status=201)
        made.headers[hdrs.CACHE_CONTROL] = "no-store"
        return made

    async def links(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        file = FileId((await read_command(request, files.GetFile)).file)
        items = found(await self._store.links(by, file), "file")
        return json_response(sharing.LinkList(items=tuple(map(_link_object, items))))

    async def remove_link(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.share")).standing.user
        wanted = await read_command(request, sharing.GetLink)
        found(await self._store.remove_link(by, FileId(wanted.file), wanted.link) or None, "link")
        return web.Response(status=204)

    # -- without an account -------------------------------------------------------------------

    @_asking_for_passwords
    async def linked(self, request: web.Request) -> web.StreamResponse:
        link, file = await self._sharing.view(*_key_of(request))
        left = None if link.max_downloads is None else link.max_downloads - link.downloads
        return json_response(
            sharing.LinkedFile(
                name=file.name,
                mime=file.mime,
                size_bytes=file.size,
                crc32c=file.crc32c,
                expires_at=link.expires_at,
                downloads_left=left,
            )
        )

    @_asking_for_passwords
    async def content(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_HEAD:
            file = await self._sharing.look(*_key_of(request))
        else:
            begins = _begins(request.headers.get(hdrs.RANGE))
            file = await self._sharing.download(*_key_of(request), begins=begins)
        return await download(request, file, self._blobs)


def _begins(wanted: str | None) -> bool:
    """Whether an answer to such a `Range` has the first byte of the file, or may have it."""
    if wanted is None or not wanted.startswith("bytes="):
        return True
    firsts = [one.strip().partition("-")[0] for one in wanted.removeprefix("bytes=").split(",")]
    return not all(first.isdecimal() and int(first) > 0 for first in firsts)


def _key_of(request: web.Request) -> tuple[str, str | None, str]:
    """The link's text, a password if one was sent, and from where."""
    given = request.headers.get(hdrs.AUTHORIZATION)
    password = None if given is None else _password_of(given)
    return request.match_info["token"], password, remote_of(request)


def _password_of(authorization: str) -> str:
    """RFC 7617, in UTF-8. Raises Refused("bad_request")."""
    scheme, _, credentials = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError as error:
        detail = "a link takes Authorization: Basic, with its password, or none"
        raise Refused("bad_request", detail, field="Authorization") from error


def _shared_file(one: Shared) -> sharing.SharedFile:
    return sharing.SharedFile(
        file=file_object(one.file), reader=one.share.reader, shared_at=one.share.shared_at
    )


def _link_object(link: Link) -> sharing.LinkObject:
    return sharing.LinkObject(
        id=link.id,
        file=link.file,
        created_at=link.created_at,
        expires_at=link.expires_at,
        max_downloads=link.max_downloads,
        needs_password=link.password_hash is not None,
        downloads=link.downloads,
        views=link.views,
    )
