"""REST: one's files.

POST   /v1/files                        a small file at once: raw, or a form
GET    /v1/files                        a page of them, or of those in the trash
GET    /v1/files/{file}                 one
PATCH  /v1/files/{file}                 rename or move it
DELETE /v1/files/{file}                 into the trash; from there, for good
POST   /v1/files/{file}/restore         out of the trash
PUT    /v1/files/{file}/favourite       mark it; it need not be one's own
DELETE /v1/files/{file}/favourite       no longer
GET    /v1/files/{file}/content         its content (HEAD, too)
GET    /v1/storage                      how much of one's quota is used
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

import crc32c
from aiohttp import BodyPartReader, hdrs, web
from msgspec import UNSET

from streamhub.domain.blobs import Blobs
from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.file_names import file_name
from streamhub.domain.files import MAX_FAVOURITES, File, FileStore
from streamhub.domain.ids import FILE, FileId, FolderId, UserId, is_id
from streamhub.domain.upload_ledger import UploadLedger
from streamhub.domain.uploads import Upload
from streamhub.protocol import files as bodies
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.digests import Expected
from streamhub.transport.downloads import download
from streamhub.transport.http_auth import authorize
from streamhub.transport.http_channels import idempotency_key
from streamhub.transport.intake import Intake, ended
from streamhub.transport.requests import found
from streamhub.transport.wire import file_object

FILE_NAME: Final = "X-File-Name"
_CHUNK_BYTES: Final = 64 << 10


def routes(area: "Files") -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    return [
        web.post("/v1/files", area.upload),
        web.get("/v1/files", area.files),
        web.get("/v1/files/{file}", area.file),
        web.patch("/v1/files/{file}", area.change),
        web.delete("/v1/files/{file}", area.delete),
        web.post("/v1/files/{file}/restore", area.restore),
        web.put("/v1/files/{file}/favourite", area.mark),
        web.delete("/v1/files/{file}/favourite", area.unmark),
        web.get("/v1/files/{file}/content", area.content),
        web.get("/v1/storage", area.storage),
    ]


class Files:
    """What people do with their files."""

    def __init__(
        self,
        intake: Intake,
        store: FileStore,
        ledger: UploadLedger,
        blobs: Blobs,
        now_ms: Callable[[], int],
    ) -> None:
        self._intake = intake
        self._store = store
        self._ledger = ledger
        self._blobs = blobs
        self._now_ms = now_ms

    async def upload(self, request: web.Request) -> web.Response:
        """A new file, or a version of the one that the path names."""
        by = (await authorize(request, "file.upload")).standing.user
        key = idempotency_key(request)
        if request.content_type == "multipart/form-data":
            field = await _file_of(request)
            name, headers = field.filename or "", field.headers
            size, chunks = None, _chunks_of(field)
        else:
            name, headers = _name_of(request), request.headers
            size, chunks = request.content_length, request.content.iter_any()
        into = request.match_info.get("file")
        if into is not None and not name:
            name = (await self.readable(by, into)).name
        name, kind = file_name(name), headers.get(hdrs.CONTENT_TYPE)
        expected, head = Expected(headers), b""
        chunks = expected.over(chunks)
        if size is None:  # it is known soon, if the file is small
            head, whole = await self._intake.head_of(chunks)
            size = len(head) if whole else None
        folder = request.query.get("folder")
        upload = await self._intake.open(by, name, kind, size, key=key, into=into, folder=folder)
        file = await self._take(by, upload, key, head, chunks, expected)
        return json_response(file_object(file), status=201)

    async def _take(
        self,
        by: UserId,
        upload: Upload,
        key: str | None,
        head: bytes,
        chunks: AsyncIterator[bytes],
        expected: Expected,
    ) -> File:
        if upload.state == "receiving":
            try:
                await self._pour(upload, by, head, chunks)
                expected.check()
            except BaseException as error:
                wrong = isinstance(error, Refused) and error.code == "checksum_mismatch"
                if key is None or wrong:  # else it may be sent again
                    with suppress(StreamHubError):
                        await self._intake.cancel(upload.id, by)
                raise
        standing = await self._intake.finish(upload.id, by)
        if standing.file is None:
            raise ended(standing)
        file: File = found(await self._store.file(standing.file), "file")
        return file

    async def _pour(
        self, upload: Upload, by: UserId, head: bytes, chunks: AsyncIterator[bytes]
    ) -> None:
        lane = await self._intake.lane(upload.id, by)
        rest = _behind(lane.came, lane.came_crc32c, _chained(head, chunks))
        try:
            async for chunk in rest:
                await lane.feed(chunk)
            if upload.size is None:
                await lane.flush()
                await self._intake.declare(upload.id, by, lane.came)
                await lane.drop()
                lane = await self._intake.lane(upload.id, by)
            await lane.flush()
        finally:
            await lane.drop()

    async def files(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.list")).standing.user
        wanted = await read_command(request, bodies.ListFiles)
        page = await self._page(by, wanted)
        items = tuple(map(file_object, page.items))
        return json_response(bodies.FilePage(items=items, next_cursor=page.next_cursor))

    async def _page(self, by: UserId, wanted: bodies.ListFiles) -> Page[File]:
        which, cursor, limit = wanted.which, wanted.cursor, wanted.limit
        if wanted.folder is not None:
            if which != "kept" or wanted.name is not None:
                raise Refused("bad_request", "goes without which and name", field="folder")
            return await self._store.within(by, place_of(wanted.folder), cursor, limit)
        if which == "kept" or which == "trashed":
            return await self._store.files(by, which, cursor, limit, wanted.name)
        if wanted.name is not None:
            raise Refused("bad_request", "is for kept and trashed ones", field="name")
        if which == "recent":
            return await self._store.recent(by, cursor, limit)
        return await self._store.favourites(by, cursor, limit)

    async def file(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        wanted = await read_command(request, bodies.GetFile)
        return json_response(file_object(await self.readable(by, wanted.file)))

    async def change(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.rename")).standing.user
        wanted = await read_command(request, bodies.ChangeFile)
        changed = await self._store.change(
            by,
            FileId(wanted.file),
            self._now_ms(),
            name=None if wanted.name is UNSET else file_name(wanted.name),
            folder=UNSET if wanted.folder is UNSET else place_of(wanted.folder),
        )
        return json_response(file_object(found(changed, "file")))

    async def delete(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        file = FileId((await read_command(request, bodies.GetFile)).file)
        shown = await self._store.file(file)
        objects = await self._store.remove(by, file)
        if objects is None:
            shown = found(await self._store.trash(by, file, self._now_ms()), "file")
        else:
            await self.freed(objects, by)
        if shown is not None:
            self._intake.tell(FileChanged(kind="deleted", file=shown), by)
        return web.Response(status=204)

    async def restore(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.change")).standing.user
        file = FileId((await read_command(request, bodies.GetFile)).file)
        return json_response(file_object(found(await self._store.restore(by, file), "file")))

    async def mark(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.mark")).standing.user
        file = await self.readable(by, (await read_command(request, bodies.GetFile)).file)
        if not await self._store.mark(by, file.id, self._now_ms()):
            raise Refused("limit_reached", f"one has at most {MAX_FAVOURITES} favourites")
        return web.Response(status=204)

    async def unmark(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.mark")).standing.user
        file = FileId((await read_command(request, bodies.GetFile)).file)
        found(await self._store.unmark(by, file) or None, "favourite")
        return web.Response(status=204)

    async def content(self, request: web.Request) -> web.StreamResponse:
        by = (await authorize(request, "file.get")).standing.user
        file = await self.readable(by, request.match_info["file"])
        return await download(request, file, self._blobs)

    async def content_of(self, request: web.Request, file: FileId) -> web.StreamResponse:
        """The content of a file that the request may read, as its caller has seen to."""
        return await download(request, found(await self._store.file(file), "file"), self._blobs)

    async def storage(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.list")).standing.user
        usage = await self._ledger.usage(by)
        return json_response(
            bodies.StorageObject(
                used_bytes=usage.used,
                reserved_bytes=usage.reserved,
                quota_bytes=self._intake.terms.quota_bytes,
            )
        )

    async def freed(self, objects: Sequence[str], owner: UserId) -> None:
        """What nothing names any more; the owner has the room again."""
        with suppress(TryAgain):  # what is left is found later
            await self._blobs.delete(objects)
            usage, quota = await self._ledger.usage(owner), self._intake.terms.quota_bytes
            told = QuotaUpdated(used=usage.used, reserved=usage.reserved, quota=quota)
            self._intake.tell(told, owner)

    async def readable(self, by: UserId, file: str) -> File:
        readable = await self._store.readable(FileId(file), by) if is_id(file, FILE) else None
        read: File = found(readable, "file")
        return read


def place_of(named: str) -> FolderId | None:
    """A folder, or None for the top."""
    return None if named == "top" else FolderId(named)


def _name_of(request: web.Request) -> str:
    try:
        return unquote(request.headers.get(FILE_NAME, ""), errors="strict")
    except UnicodeDecodeError:
        detail = "must be percent-encoded UTF-8"
        raise Refused("bad_request", detail, field=FILE_NAME) from None


async def _file_of(request: web.Request) -> BodyPartReader:
    """The first field of a form that is a file. Raises Refused("bad_request")."""
    try:
        reader = await request.multipart()
        while (field := await reader.next()) is not None:
            if isinstance(field, BodyPartReader) and field.filename is not None:
                return field
            await field.release()
    except (ValueError, AssertionError) as error:
        raise Refused("bad_request", "the body is not a form") from error
    raise Refused("bad_request", "the form has no file")


async def _chunks_of(field: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await field.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
    except ValueError as error:
        raise Refused("bad_request", "the body is not a form") from error


async def _chained(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


async def _behind(size: int, checksum: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What follows the first `size` bytes, which were stored when this was sent before. Raises
    Refused("key_reused") if they are others now."""
    seen = 0
    async for chunk in chunks:
        if size:
            again, chunk = chunk[:size], chunk[size:]
            size -= len(again)
            seen = crc32c.crc32c(again, seen)
            if not size and seen != checksum:
                raise Refused("key_reused", "the key was used for another content")
        if chunk:
            yield chunk
