"""REST: the contents that one's files have had.

GET    /v1/files/{file}/versions                       the newest first
POST   /v1/files/{file}/versions                       another one: raw, or a form
DELETE /v1/files/{file}/versions/{version}             one less
POST   /v1/files/{file}/versions/{version}/restore     the file is shown with that one
GET    /v1/files/{file}/versions/{version}/content     which never changes (HEAD, too)
"""

from collections.abc import Callable

from aiohttp import web

from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import Refused
from streamhub.domain.files import FileStore, Version
from streamhub.domain.ids import FileId, VersionId
from streamhub.protocol import files as bodies
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.downloads import IMMUTABLE, download
from streamhub.transport.http_auth import authorize
from streamhub.transport.http_files import Files
from streamhub.transport.requests import found
from streamhub.transport.wire import file_object


def routes(
    files: Files, store: FileStore, blobs: Blobs, now_ms: Callable[[], int]
) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(files, store, blobs, now_ms)
    return [
        web.get("/v1/files/{file}/versions", area.versions),
        web.post("/v1/files/{file}/versions", files.upload),
        web.delete("/v1/files/{file}/versions/{version}", area.delete),
        web.post("/v1/files/{file}/versions/{version}/restore", area.show),
        web.get("/v1/files/{file}/versions/{version}/content", area.content),
    ]


class _Area:
    def __init__(
        self, files: Files, store: FileStore, blobs: Blobs, now_ms: Callable[[], int]
    ) -> None:
        self._files = files
        self._store = store
        self._blobs = blobs
        self._now_ms = now_ms

    async def versions(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        file = FileId((await read_command(request, bodies.GetFile)).file)
        items = found(await self._store.versions(by, file), "file")
        current = found(await self._store.file(file), "file").version
        shown = tuple(_version_object(one, current=one.id == current) for one in items)
        return json_response(bodies.VersionList(items=shown))

    async def show(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        wanted = await read_command(request, bodies.GetVersion)
        file, version = FileId(wanted.file), VersionId(wanted.version)
        shown = await self._store.show(by, file, version, self._now_ms())
        return json_response(file_object(found(shown, "version")))

    async def delete(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        wanted = await read_command(request, bodies.GetVersion)
        file, version = FileId(wanted.file), VersionId(wanted.version)
        objects = await self._store.remove_version(by, file, version)
        if objects is None:
            found(await self._store.version(by, file, version), "version")
            detail = "the file is shown with it: show another version, or delete the file"
            raise Refused("conflict", detail, field="version")
        await self._files.freed(objects, by)
        return web.Response(status=204)

    async def content(self, request: web.Request) -> web.StreamResponse:
        """The owner has all of them, others the one that is shown."""
        by = (await authorize(request, "file.get")).standing.user
        file = await self._files.readable(by, request.match_info["file"])
        version = VersionId(request.match_info["version"])
        if file.version != version:
            file = found(await self._store.version(by, file.id, version), "version")
        return await download(request, file, self._blobs, cached=IMMUTABLE)


def _version_object(version: Version, *, current: bool) -> bodies.VersionObject:
    return bodies.VersionObject(
        id=version.id,
        number=version.number,
        mime=version.mime,
        size_bytes=version.size,
        crc32c=version.crc32c,
        created_at=version.stored_at,
        current=current,
    )
