"""Contents of files over HTTP: whole or in ranges, streamed from S3 with bounded memory.

A content cannot act in our origin: its type is as it was given, unsniffed, and but for types that
are safe to look at it is an attachment; a page of it, whatever it be, is a sandbox.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from email.utils import formatdate, parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import crc32c
import structlog
from aiohttp import hdrs, web

from streamhub.domain.blobs import Blobs
from streamhub.domain.errors import TryAgain
from streamhub.domain.files import File
from streamhub.transport.byte_ranges import ByteRange, ranges_of

log = structlog.get_logger()

INLINE: Final = frozenset(
    {
        "application/pdf",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "video/mp4",
        "video/ogg",
        "video/webm",
    }
)
"""What browsers show without running any of it."""

_SANDBOX: Final = (
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


REVALIDATED: Final = "private, no-cache"
IMMUTABLE: Final = "private, max-age=31536000, immutable"
"""Of what never changes: the content of a version."""


async def download(
    request: web.Request, file: File, blobs: Blobs, *, cached: str = REVALIDATED
) -> web.StreamResponse:
    """Answer GET and HEAD for the content of `file`; `cached` is its Cache-Control. Where clients
    reach S3, they are sent there.

    Raises TryAgain("unavailable") before the first byte; later the connection breaks, as it does
    when S3 gives other bytes than it took.
    """
    headers = _headers(request, file, cached)
    if _unchanged(request, file):
        return web.Response(status=304, headers=headers)
    if request.method == hdrs.METH_GET and file.size:
        told: dict[str, str] = {
            hdrs.CONTENT_TYPE: file.mime,
            hdrs.CONTENT_DISPOSITION: headers[hdrs.CONTENT_DISPOSITION],
        }
        if (elsewhere := await blobs.outside(file.object, told)) is not None:
            fresh = {hdrs.LOCATION: elsewhere, hdrs.CACHE_CONTROL: "private, no-store"}
            return web.Response(status=302, headers=fresh)
    wanted = (
        ranges_of(request.headers.get(hdrs.RANGE), file.size) if _fresh(request, file) else None
    )
    if wanted is None or request.method == hdrs.METH_HEAD:
        return await _send(request, 200, headers, file.mime, file.size, _whole(file, blobs))
    if not wanted:
        headers[hdrs.CONTENT_RANGE] = f"bytes */{file.size}"
        return web.Response(status=416, headers=headers)
    if len(wanted) == 1:
        (one,) = wanted
        headers[hdrs.CONTENT_RANGE] = _content_range(one, file)
        body = blobs.read(file.object, one.first, one.size)
        return await _send(request, 206, headers, file.mime, one.size, body)
    boundary = secrets.token_hex(16)
    heads = [_part_head(one, file, boundary) for one in wanted]
    end = f"\r\n--{boundary}--\r\n".encode()
    size = sum(map(len, heads)) + sum(one.size for one in wanted) + len(end)
    body = _parts(file, blobs, wanted, heads, end)
    kind = f"multipart/byteranges; boundary={boundary}"
    return await _send(request, 206, headers, kind, size, body)


def _headers(request: web.Request, file: File, cached: str) -> dict[str, str]:
    shown = file.mime in INLINE and "download" not in request.query
    return {
        hdrs.ETAG: _etag(file),
        hdrs.LAST_MODIFIED: formatdate(file.stored_at // 1000, usegmt=True),
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: cached,
        hdrs.CONTENT_DISPOSITION: disposition("inline" if shown else "attachment", file.name),
        "Content-Security-Policy": _SANDBOX,
    }


def disposition(kind: str, name: str) -> str:
    """`Content-Disposition` of RFC 6266: the name in RFC 8187's form, and an ASCII one beside."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _etag(file: File) -> str:
    return f'"{file.version}"'  # whose content never changes


def _unchanged(request: web.Request, file: File) -> bool:
    """Whether the client has it already."""
    if (given := request.headers.get(hdrs.IF_NONE_MATCH)) is not None:
        tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
        return "*" in tags or _etag(file) in tags
    return _not_after(file, request.headers.get(hdrs.IF_MODIFIED_SINCE))


def _fresh(request: web.Request, file: File) -> bool:
    """Whether ranges are of what the client has of it (If-Range)."""
    given = request.headers.get(hdrs.IF_RANGE)
    if given is None:
        return True
    if given.startswith('"'):
        return given == _etag(file)
    return given == formatdate(file.stored_at // 1000, usegmt=True)


def _not_after(file: File, date: str | None) -> bool:
    try:
        return (
            date is not None and file.stored_at // 1000 <= parsedate_to_datetime(date).timestamp()
        )
    except (ValueError, OverflowError):
        return False


async def _send(
    request: web.Request,
    status: int,
    headers: dict[str, str],
    kind: str,
    size: int,
    body: AsyncIterator[bytes],
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.headers[hdrs.CONTENT_TYPE] = kind
    response.content_length = size
    if request.method == hdrs.METH_HEAD or not size:
        await response.prepare(request)
        await response.write_eof()
        return response
    first = await anext(body)  # S3 is asked before anything is promised
    await response.prepare(request)
    await response.write(first)
    async for piece in body:
        await response.write(piece)
    await response.write_eof()
    return response


async def _whole(file: File, blobs: Blobs) -> AsyncIterator[bytes]:
    """The last piece is given out only if the whole is what was stored."""
    checksum, before = 0, b""
    async for piece in blobs.read(file.object, 0, file.size):
        checksum = crc32c.crc32c(piece, checksum)
        if before:
            yield before
        before = piece
    if checksum != file.crc32c:
        log.error("file.damaged", file=file.id, object=file.object)
        raise TryAgain("unavailable", "the file store gave other bytes than it took")
    yield before


async def _parts(
    file: File, blobs: Blobs, wanted: Sequence[ByteRange], heads: Sequence[bytes], end: bytes
) -> AsyncIterator[bytes]:
    for one, head in zip(wanted, heads, strict=True):
        yield head
        async for piece in blobs.read(file.object, one.first, one.size):
            yield piece
    yield end


def _part_head(one: ByteRange, file: File, boundary: str) -> bytes:
    lines = (
        f"\r\n--{boundary}",
        f"{hdrs.CONTENT_TYPE}: {file.mime}",
        f"{hdrs.CONTENT_RANGE}: {_content_range(one, file)}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def _content_range(one: ByteRange, file: File) -> str:
    return f"bytes {one.first}-{one.last}/{file.size}"
