"""tus 1.0.0 over HTTP, https://tus.io/protocols/resumable-upload: any client of it may upload.

OPTIONS /v1/tus/            what is spoken here
POST    /v1/tus/            begin an upload: creation, creation-with-upload, creation-defer-length
HEAD    /v1/tus/{upload}    how much of it is durable
PATCH   /v1/tus/{upload}    what follows; whoever wrote before does no longer
DELETE  /v1/tus/{upload}    give it up (termination)
GET     /v1/tus/{upload}    the content, once it is a file

What came of a PATCH that broke is kept. With Upload-Checksum a PATCH counts whole or not at all.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from email.utils import formatdate
from typing import Any, Final, Protocol

import crc32c
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.ids import FileId, UploadId, UserId
from streamhub.domain.uploads import Upload
from streamhub.transport.cors import MAX_AGE_S
from streamhub.transport.http_auth import authorize
from streamhub.transport.intake import Intake, ended, poured
from streamhub.transport.lane import Lane
from streamhub.transport.middleware import REQUEST_ID
from streamhub.transport.problems import problem_of, problem_response

PATH: Final = "/v1/tus/"
_ONE: Final = f"{PATH}{{upload}}"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration"
)
FILE_HEADER: Final = "StreamHub-File"
HEADERS: Final = (
    "Content-Type, Tus-Resumable, Upload-Checksum, Upload-Defer-Length, Upload-Length,"
    " Upload-Metadata, Upload-Offset, X-HTTP-Method-Override"
)

_BYTES: Final = "application/offset+octet-stream"
_RESUMABLE: Final = "Tus-Resumable"
_LENGTH: Final = "Upload-Length"
_OFFSET: Final = "Upload-Offset"
_DEFER: Final = "Upload-Defer-Length"
_METADATA: Final = "Upload-Metadata"
_CHECKSUM: Final = "Upload-Checksum"
_OVERRIDE: Final = "X-HTTP-Method-Override"
_MISMATCH_STATUS: Final = 460


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


_DIGESTS: Final[Mapping[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "crc32c": crc32c.CRC32CHash,
}

Download = Callable[[web.Request, FileId], Awaitable[web.StreamResponse]]


def routes(intake: Intake, download: Download) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(intake, download)
    return [
        web.options(PATH, area.options),
        web.options(_ONE, area.options),
        web.post(PATH, _spoken(area.create)),
        web.head(_ONE, _spoken(area.head)),
        web.get(_ONE, area.get, allow_head=False),
        web.patch(_ONE, _spoken(area.patch)),
        web.delete(_ONE, _spoken(area.delete)),
        web.post(_ONE, _spoken(area.overridden)),
    ]


def _spoken(handler: Handler) -> Handler:
    """Of clients of this version alone, with what every answer must have."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get(_RESUMABLE) != VERSION:
            other = problem_of(web.HTTPPreconditionFailed(), request[REQUEST_ID])
            response: web.StreamResponse = problem_response(other)
            response.headers["Tus-Version"] = VERSION
        else:
            try:
                response = await handler(request)
            except StreamHubError as error:
                response = problem_response(problem_of(error, request[REQUEST_ID]))
                if isinstance(error, Refused) and error.code == "checksum_mismatch":
                    response.set_status(_MISMATCH_STATUS, "Checksum Mismatch")
        response.headers[_RESUMABLE] = VERSION
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        return response

    return handle


class _Area:
    def __init__(self, intake: Intake, download: Download) -> None:
        self._intake = intake
        self._download = download
        self._pouring: set[asyncio.Task[web.StreamResponse]] = set()

    async def options(self, request: web.Request) -> web.Response:
        headers = {
            _RESUMABLE: VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._intake.terms.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(_DIGESTS),
        }
        if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "DELETE, GET, HEAD, PATCH, POST"
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = f"Authorization, X-Request-Id, {HEADERS}"
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(MAX_AGE_S)
        return web.Response(status=204, headers=headers)

    async def create(self, request: web.Request) -> web.StreamResponse:
        return await self._to_its_end(self._create(request))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        by = (await authorize(request, "file.upload")).standing.user
        size = _number(request, _LENGTH)
        if size is None and request.headers.get(_DEFER) != "1":
            raise Refused("bad_request", "give Upload-Length, or Upload-Defer-Length: 1")
        if size is not None and _DEFER in request.headers:
            raise Refused("bad_request", "the length is given, and deferred", field=_DEFER)
        metadata = _metadata(request)
        name = metadata.get("filename") or metadata.get("name") or "upload"
        upload = await self._intake.open(
            by,
            name,
            metadata.get("filetype"),
            size,
            crc32c=_crc32c_of(metadata),
            into=metadata.get("file"),
            folder=metadata.get("folder"),
        )
        headers = {hdrs.LOCATION: f"{PATH}{upload.id}", **_expiry(upload)}
        if request.can_read_body and request.content_type == _BYTES:
            return await self._pour(request, upload, by, offset=0, status=201, headers=headers)
        if size == 0:
            headers.update(await self._finished(upload.id, by))
        return web.Response(status=201, headers=headers)

    async def head(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.upload")).standing.user
        ledger = await self._intake.look(request.match_info["upload"], by)
        upload = ledger.upload
        if upload.state in ("failed", "aborted"):
            raise Refused("gone", f"the upload is {upload.state}: {upload.problem}")
        headers = {_OFFSET: str(ledger.offset), **_expiry(upload)}
        if upload.size is None:
            headers[_DEFER] = "1"
        else:
            headers[_LENGTH] = str(upload.size)
        headers[_METADATA] = _as_metadata({"filename": upload.name, "filetype": upload.mime})
        if upload.file is not None:
            headers[FILE_HEADER] = upload.file
        return web.Response(headers=headers)

    async def patch(self, request: web.Request) -> web.StreamResponse:
        return await self._to_its_end(self._patch(request))

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        by = (await authorize(request, "file.upload")).standing.user
        upload = (await self._intake.look(request.match_info["upload"], by)).upload
        if request.content_type != _BYTES:
            raise Refused("unsupported_type", f"send {_BYTES}", field="Content-Type")
        offset = _number(request, _OFFSET)
        if offset is None:
            raise Refused("bad_request", "say where the bytes begin", field=_OFFSET)
        if (size := _number(request, _LENGTH)) is not None:
            await self._intake.declare(upload.id, by, size)
        return await self._pour(request, upload, by, offset, status=204, headers=_expiry(upload))

    async def delete(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.upload")).standing.user
        upload = (await self._intake.look(request.match_info["upload"], by)).upload
        if upload.state == "aborted":
            raise Refused("gone", "the upload was given up before")
        await self._intake.cancel(upload.id, by)
        return web.Response(status=204)

    async def get(self, request: web.Request) -> web.StreamResponse:
        by = (await authorize(request, "file.get")).standing.user
        upload = (await self._intake.look(request.match_info["upload"], by)).upload
        if upload.state == "sealing":
            await self._intake.finish(upload.id, by)
            upload = (await self._intake.look(upload.id, by)).upload
        if upload.file is None:
            raise Refused("not_found", "there is no file of this upload yet")
        return await self._download(request, upload.file)

    async def overridden(self, request: web.Request) -> web.StreamResponse:
        """For clients behind something that lets only GET and POST through."""
        by = (await authorize(request, "file.upload")).standing.user
        await self._intake.look(request.match_info["upload"], by)
        match request.headers.get(_OVERRIDE, "").upper():
            case "PATCH":
                return await self.patch(request)
            case "DELETE":
                return await self.delete(request)
            case "HEAD":
                return await self.head(request)
            case _:
                raise Refused("bad_request", "must be PATCH, DELETE or HEAD", field=_OVERRIDE)

    # -- private ----------------------------------------------------------------------------

    async def _pour(
        self,
        request: web.Request,
        upload: Upload,
        by: UserId,
        offset: int,
        *,
        status: int,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        checksum = _checksum(request)
        lane = await self._intake.lane(upload.id, by, offset=offset, held=checksum is not None)
        return await self._take(request, upload, by, lane, checksum, status, headers)

    async def _to_its_end(
        self, work: Coroutine[Any, Any, web.StreamResponse]
    ) -> web.StreamResponse:
        """A request is cancelled when its client goes; what has come of it is still kept."""
        pouring = asyncio.create_task(work)
        self._pouring.add(pouring)
        pouring.add_done_callback(self._done)
        return await asyncio.shield(pouring)

    def _done(self, pouring: "asyncio.Task[web.StreamResponse]") -> None:
        self._pouring.discard(pouring)
        if not pouring.cancelled():
            pouring.exception()  # of a request whose client is gone

    async def _take(
        self,
        request: web.Request,
        upload: Upload,
        by: UserId,
        lane: Lane,
        checksum: "tuple[_Digest, bytes] | None",
        status: int,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        try:
            if checksum is None:
                await poured(request.content, lane)
            else:
                digest, expected = checksum
                whole = await poured(request.content, lane, digest.update)
                if not whole or digest.digest() != expected:
                    detail = "nothing of this request was kept"
                    raise Refused("checksum_mismatch", detail, field=_CHECKSUM)
            headers[_OFFSET] = str(await lane.flush())
            if lane.complete:
                headers.update(await self._finished(upload.id, by))
        except StreamHubError:
            await self._keep(lane, checksum is None)
            raise
        finally:
            await lane.drop()
        return web.Response(status=status, headers=headers)

    async def _keep(self, lane: Lane, keeps: bool) -> None:
        """What came before the request was refused."""
        if keeps:
            try:
                await lane.flush()
            except StreamHubError:
                return  # it was told why already

    async def _finished(self, upload: UploadId, by: UserId) -> dict[str, str]:
        standing = await self._intake.finish(upload, by)
        if standing.state == "failed":
            raise ended(standing)
        return {} if standing.file is None else {FILE_HEADER: standing.file}


def _expiry(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": formatdate(upload.expires_at / 1000, usegmt=True)}


def _number(request: web.Request, header: str) -> int | None:
    given = request.headers.get(header)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 16):
        raise Refused("bad_request", "must be a number of bytes", field=header)
    return int(given)


def _metadata(request: web.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, request.headers.get(_METADATA, "").split(","))):
        name, _, value = pair.partition(" ")
        if name in found:
            raise Refused("bad_request", f"has {name[:50]} twice", field=_METADATA)
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            detail = "must be `name base64` pairs with commas between"
            raise Refused("bad_request", detail, field=_METADATA) from None
    return found


def _crc32c_of(metadata: Mapping[str, str]) -> int | None:
    """What the whole is to have, as a number."""
    given = metadata.get("crc32c")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and int(given[:11]) < 2**32):
        raise Refused("bad_request", "crc32c must be a number below 2^32", field=_METADATA)
    return int(given)


def _as_metadata(values: Mapping[str, str]) -> str:
    coded = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    return ",".join(f"{name} {value}" for name, value in coded.items())


def _checksum(request: web.Request) -> tuple[_Digest, bytes] | None:
    given = request.headers.get(_CHECKSUM)
    if given is None:
        return None
    name, _, value = given.partition(" ")
    try:
        return _DIGESTS[name](), base64.b64decode(value.strip(), validate=True)
    except KeyError:
        known = ", ".join(_DIGESTS)
        raise Refused("bad_request", f"must begin with one of {known}", field=_CHECKSUM) from None
    except binascii.Error:
        raise Refused("bad_request", "is not base64", field=_CHECKSUM) from None
