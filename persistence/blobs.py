"""Contents of files in S3.

Bodies go by presigned URLs and a plain HTTP client, piece by piece: miniopy-async's own
`put_object` and `multipart_uploader` hold the whole body in memory. Its calls for multipart uploads
have underscores, but no others are there.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from miniopy_async import Minio
from miniopy_async.datatypes import Part as S3Part
from miniopy_async.deleteobjects import DeleteObject
from miniopy_async.error import MinioException, S3Error, ServerError

from streamhub.domain.blobs import BlobStat, Body, Named, NoMultipart, PartsDiffer
from streamhub.domain.errors import TryAgain
from streamhub.domain.uploads import Part
from streamhub.persistence.objects import RETRY_AFTER_MS, Bucket

READ_BYTES: Final = 8 << 20
"""Of an object at a time: a GET of a large whole makes some servers hold all of it."""

_PIECE_BYTES: Final = 256 << 10
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5, sock_read=30)
_VALID: Final = timedelta(minutes=10)
_GONE: Final = frozenset({"NoSuchUpload", "NoSuchKey", "ResourceNotFound"})
_DIFFER: Final = frozenset({"InvalidPart", "InvalidPartOrder"})


class S3Blobs:
    """Implements Blobs in one bucket."""

    def __init__(self, bucket: Bucket, session: ClientSession, public_url: str = "") -> None:
        self._bucket = bucket.name
        self._session = session
        self._client = _client(bucket, bucket.endpoint, session, secure=bucket.secure)
        outside = urlsplit(public_url)
        self._outside = (
            _client(bucket, outside.netloc, session, secure=outside.scheme == "https")
            if public_url
            else None
        )

    @classmethod
    def connect(cls, url: str, public_url: str = "") -> "S3Blobs":
        """On the bucket of `url`, connecting on first use. Clients reach it at `public_url`, if
        they do. Raises ValueError for a bad URL."""
        session = ClientSession(
            connector=TCPConnector(limit=64), timeout=_TIMEOUT, auto_decompress=False
        )
        return cls(Bucket.parse(url), session, public_url)

    async def close(self) -> None:
        await self._session.close()

    async def begin(self, object: str) -> str:
        async with _translated():
            return str(await self._client._create_multipart_upload(self._bucket, object, {}))

    async def put_part(
        self, object: str, multipart: str, number: int, body: Body, size: int
    ) -> str:
        query = {"partNumber": str(number), "uploadId": multipart}
        return await self._put(object, body, size, query)

    async def put(self, object: str, body: Body, size: int) -> str:
        return await self._put(object, body, size, {})

    async def _put(self, object: str, body: Body, size: int, query: dict[str, str]) -> str:
        async with _translated():
            url = await self._client.get_presigned_url(
                "PUT", self._bucket, object, expires=_VALID, extra_query_params=query
            )
            headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
            async with self._session.put(url, data=body(), headers=headers) as answer:
                await _check(answer)
                return str(answer.headers["ETag"]).strip('"')

    async def complete(self, object: str, multipart: str, parts: Sequence[Part]) -> None:
        named = [S3Part(part.number, part.etag) for part in parts]
        async with _translated():
            try:
                await self._client._complete_multipart_upload(
                    self._bucket, object, multipart, named
                )
            except S3Error as error:
                if error.code in _DIFFER:
                    raise PartsDiffer from error
                raise

    async def parts(self, object: str, multipart: str) -> Mapping[int, BlobStat]:
        found: dict[int, BlobStat] = {}
        marker: int | None = None
        while True:
            async with _translated():
                page: Any = await self._client._list_parts(
                    self._bucket, object, multipart, part_number_marker=str(marker or 0)
                )
            for part in page.parts:
                found[part.part_number] = BlobStat(part.size, part.etag.strip('"'))
            if not page.is_truncated or not page.parts:
                return found
            marker = page.parts[-1].part_number

    async def abort(self, object: str, multipart: str) -> None:
        try:
            async with _translated():
                await self._client._abort_multipart_upload(self._bucket, object, multipart)
        except NoMultipart:
            return

    async def stat(self, object: str) -> BlobStat | None:
        try:
            async with _translated():
                found: Any = await self._client.stat_object(self._bucket, object)
        except NoMultipart:
            return None
        return BlobStat(found.size, found.etag.strip('"'))

    async def read(self, object: str, first: int, size: int) -> AsyncIterator[bytes]:
        end = first + size
        while first < end:
            wanted = min(READ_BYTES, end - first)
            async with _translated():
                url = await self._client.get_presigned_url(
                    "GET", self._bucket, object, expires=_VALID
                )
                headers = {"Range": f"bytes={first}-{first + wanted - 1}"}
                got = 0
                async with self._session.get(url, headers=headers) as answer:
                    await _check(answer)
                    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                        got += len(piece)
                        yield piece
                if got != wanted:
                    raise _away(f"{got} bytes of {wanted}")
            first += wanted

    async def outside(self, object: str, headers: Mapping[str, str]) -> str | None:
        if self._outside is None:
            return None
        told = {f"response-{name.lower()}": value for name, value in headers.items()}
        async with _translated():
            return str(
                await self._outside.get_presigned_url(
                    "GET", self._bucket, object, expires=_VALID, extra_query_params=told
                )
            )

    async def delete(self, objects: Iterable[str]) -> None:
        names = [DeleteObject(name) for name in objects]
        if not names:
            return
        async with _translated():
            errors: Any = await self._client.remove_objects(self._bucket, names)
            for error in errors:
                raise _away(str(error.code))

    async def named(self, after: str, limit: int) -> tuple[Named, ...]:
        found: list[Named] = []
        async with _translated():
            listed: Any = self._client.list_objects(
                self._bucket, recursive=True, start_after=after or None
            )
            async for entry in listed:
                found.append(Named(entry.object_name, int(entry.last_modified.timestamp() * 1000)))
                if len(found) == limit:
                    break
        return tuple(found)


def _client(bucket: Bucket, endpoint: str, session: ClientSession, *, secure: bool) -> Minio:
    return Minio(
        endpoint,
        access_key=bucket.access,
        secret_key=bucket.secret,
        secure=secure,
        region=bucket.region,
        session=session,
    )


async def _check(answer: ClientResponse) -> None:
    if answer.status < 300:
        return
    words = (await answer.text())[:2000]
    if any(f"<Code>{code}</Code>" in words for code in _GONE):
        raise NoMultipart
    raise _away(f"S3 answered {answer.status}")


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in _GONE:
            raise NoMultipart from error
        raise _away(str(error.code)) from error
    except (TimeoutError, MinioException, ServerError, ClientError, OSError) as error:
        raise _away(type(error).__name__) from error


def _away(why: str) -> TryAgain:
    return TryAgain(
        "unavailable", f"The file store is away ({why}).", retry_after_ms=RETRY_AFTER_MS
    )
