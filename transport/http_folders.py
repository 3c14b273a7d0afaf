"""REST: one's folders.

GET    /v1/folders                      a page of those in one of them, or at the top
POST   /v1/folders                      make one
GET    /v1/folders/{folder}             one
PATCH  /v1/folders/{folder}             rename or move it
DELETE /v1/folders/{folder}             into the trash, with all in it; from there, for good
POST   /v1/folders/{folder}/restore     out of the trash
"""

from collections.abc import Callable

from aiohttp import web
from msgspec import UNSET

from streamhub.domain.errors import Refused
from streamhub.domain.file_names import file_name
from streamhub.domain.folders import Folder, FolderStore
from streamhub.domain.ids import FOLDER, RANDOM_BYTES, FolderId, make_id
from streamhub.protocol import folders as bodies
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.http_auth import authorize
from streamhub.transport.http_files import place_of
from streamhub.transport.requests import found


def routes(
    store: FolderStore, now_ms: Callable[[], int], random_bytes: Callable[[int], bytes]
) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(store, now_ms, random_bytes)
    return [
        web.get("/v1/folders", area.list),
        web.post("/v1/folders", area.make),
        web.get("/v1/folders/{folder}", area.get),
        web.patch("/v1/folders/{folder}", area.change),
        web.delete("/v1/folders/{folder}", area.delete),
        web.post("/v1/folders/{folder}/restore", area.restore),
    ]


class _Area:
    def __init__(
        self,
        store: FolderStore,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def list(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.list")).standing.user
        wanted = await read_command(request, bodies.ListFolders)
        if wanted.trashed and wanted.parent is not None:
            raise Refused("bad_request", "the trash has no folders", field="parent")
        if wanted.trashed:
            page = await self._store.trashed(by, wanted.cursor, wanted.limit)
        else:
            parent = None if wanted.parent is None else FolderId(wanted.parent)
            if parent is not None:
                found(await self._store.folder(by, parent), "folder")
            page = await self._store.folders(by, parent, wanted.cursor, wanted.limit)
        items = tuple(map(_folder_object, page.items))
        return json_response(bodies.FolderPage(items=items, next_cursor=page.next_cursor))

    async def make(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        wanted = await read_command(request, bodies.MakeFolder)
        now_ms = self._now_ms()
        folder = Folder(
            id=FolderId(make_id(FOLDER, now_ms, self._random_bytes(RANDOM_BYTES))),
            owner=by,
            name=file_name(wanted.name),
            parent=None if wanted.parent is None else FolderId(wanted.parent),
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self._store.create(folder)
        return json_response(_folder_object(folder), status=201)

    async def get(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        folder = FolderId((await read_command(request, bodies.GetFolder)).folder)
        return json_response(_folder_object(found(await self._store.folder(by, folder), "folder")))

    async def change(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        wanted = await read_command(request, bodies.ChangeFolder)
        changed = await self._store.change(
            by,
            FolderId(wanted.folder),
            self._now_ms(),
            name=None if wanted.name is UNSET else file_name(wanted.name),
            parent=UNSET if wanted.parent is UNSET else place_of(wanted.parent),
        )
        return json_response(_folder_object(found(changed, "folder")))

    async def delete(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        folder = FolderId((await read_command(request, bodies.GetFolder)).folder)
        if not await self._store.remove(by, folder):
            found(await self._store.trash(by, folder, self._now_ms()), "folder")
        return web.Response(status=204)

    async def restore(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        folder = FolderId((await read_command(request, bodies.GetFolder)).folder)
        restored = found(await self._store.restore(by, folder), "folder")
        return json_response(_folder_object(restored))


def _folder_object(folder: Folder) -> bodies.FolderObject:
    return bodies.FolderObject(
        id=folder.id,
        name=folder.name,
        parent=folder.parent,
        created_at=folder.created_at,
        updated_at=folder.updated_at,
        trashed_at=folder.trashed_at,
    )
