"""REST: contents of files by signed URLs, which a CDN may keep.

GET    /v1/files/{file}/url                  a URL of its content
GET    /v1/signed/{file}/{version}           what it gives (HEAD, too); without an account
"""

from aiohttp import web

from streamhub.domain.blobs import Blobs
from streamhub.domain.files import FileStore
from streamhub.domain.ids import FileId, VersionId
from streamhub.domain.signed_urls import UrlSigner
from streamhub.protocol import files
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.downloads import download
from streamhub.transport.http_auth import authorize
from streamhub.transport.requests import found


def routes(
    signer: UrlSigner, store: FileStore, blobs: Blobs, public_url: str
) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(signer, store, blobs, public_url)
    return [
        web.get("/v1/files/{file}/url", area.url),
        web.get("/v1/signed/{file}/{version}", area.content),
    ]


class _Area:
    def __init__(self, signer: UrlSigner, store: FileStore, blobs: Blobs, public_url: str) -> None:
        self._signer = signer
        self._store = store
        self._blobs = blobs
        self._public_url = public_url.rstrip("/")

    async def url(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "file.get")).standing.user
        wanted = await read_command(request, files.GetFile)
        file = found(await self._store.readable(FileId(wanted.file), by), "file")
        signed = self._signer.sign(file.id, file.version)
        url = self._public_url + signed.path
        return json_response(files.SignedUrl(url=url, expires_at=signed.until_s * 1000))

    async def content(self, request: web.Request) -> web.StreamResponse:
        file, version = request.match_info["file"], request.match_info["version"]
        given = request.query
        left_s = self._signer.left_s(file, version, given.get("until", ""), given.get("sig", ""))
        content = await self._store.content(FileId(file), VersionId(version))
        kept = f"public, max-age={left_s}, immutable"
        return await download(request, found(content, "file"), self._blobs, cached=kept)
