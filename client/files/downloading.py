"""Downloading a file by ranges, several at a time, going on with what was there."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from streamhub.client.errors import Refused, Unreachable
from streamhub.client.files.errors import TransferFailed
from streamhub.client.files.local import checksum_of
from streamhub.client.http import HttpApi
from streamhub.client.pauses import Pauses
from streamhub.client.tokens import TokenSource
from streamhub.protocol.files import FileObject
from streamhub.protocol.frames import Problem

_RANGE_BYTES: Final = 8 << 20
_TRIES: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


class _Done(msgspec.Struct, frozen=True, kw_only=True):
    """Which ranges of which version are in the unfinished file."""

    version: str
    range_bytes: int
    ranges: tuple[int, ...]


class Downloader:
    """Downloads files of one server, `parallel` ranges at a time.

    Beside the file grow `NAME.part` and `NAME.part.json`, by which a download goes on after a
    restart; the file itself appears whole, once its checksum is right.
    """

    def __init__(self, api: HttpApi, tokens: TokenSource, *, parallel: int = 4) -> None:
        self._api = api
        self._tokens = tokens
        self._parallel = parallel

    async def download(
        self, file: str, to: Path, *, progress: Callable[[int, int], None] | None = None
    ) -> Path:
        """Where it is: `to`, or a file in the folder `to` with the name it has there. `progress`
        is told how many bytes of how many are here.

        Raises Refused, Unreachable, TransferFailed.
        """
        about = await self._api.file(file, await self._tokens.token())
        path = to / about.name if await asyncio.to_thread(to.is_dir) else to
        part = path.with_name(f"{path.name}.part")
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise TransferFailed(f"{part}: {error.strerror}") from None
        try:
            await _Download(self, about, handle, part, progress).run(self._parallel)
            os.fsync(handle)
            found = await asyncio.to_thread(checksum_of, handle, about.size_bytes)
        finally:
            os.close(handle)
        notes = _notes_of(part)
        if found != about.crc32c:
            notes.unlink(missing_ok=True)
            raise TransferFailed(f"{path}: what came is not what the server has; try again")
        part.replace(path)
        notes.unlink(missing_ok=True)
        return path

    async def fetch(self, about: FileObject, first: int, size: int) -> bytes:
        """One range of just this version; tries again what may pass."""
        pauses, refused = Pauses(), None
        for tries_left in reversed(range(_TRIES)):
            token = await self._tokens.token(refused)
            try:
                return await self._fetch(about, first, size, token)
            except Unreachable:
                if not tries_left:
                    raise
            except Refused as error:
                refused = token if error.code in ("unauthenticated", "token_expired") else None
                if not tries_left or (not error.retry and refused is None):
                    raise
            await asyncio.sleep(pauses.next_s())
        raise AssertionError("unreachable")

    async def _fetch(self, about: FileObject, first: int, size: int, token: str) -> bytes:
        headers = {
            "Authorization": f"Bearer {token}",
            "Range": f"bytes={first}-{first + size - 1}",
        }
        url = self._api.url / f"v1/files/{about.id}/content"
        try:
            async with self._api.session.get(url, headers=headers, timeout=_TIMEOUT) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"cannot reach {self._api.url}: {error}") from None
        if answer.status >= 400:
            raise Refused(msgspec.json.decode(body, type=Problem))
        said = answer.headers.get("Content-Range", "")
        whole = answer.status == 200 and first == 0 and len(body) == size == about.size_bytes
        if not whole and said != f"bytes {first}-{first + size - 1}/{about.size_bytes}":
            raise TransferFailed("the file was changed while it was downloaded; try again")
        if len(body) != size:
            raise Unreachable("the answer was cut off")
        return body


class _Download:
    """The ranges of one file."""

    def __init__(
        self,
        downloader: Downloader,
        about: FileObject,
        handle: int,
        part: Path,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._downloader = downloader
        self._about = about
        self._handle = handle
        self._notes = _notes_of(part)
        self._progress = progress
        self._done = self._noted()
        self._got = sum(self._size(number) for number in self._done)
        ranges = range(-(-about.size_bytes // _RANGE_BYTES))
        self._left = [number for number in ranges if number not in self._done]

    def _noted(self) -> set[int]:
        try:
            noted = msgspec.json.decode(self._notes.read_bytes(), type=_Done)
        except (OSError, msgspec.DecodeError):
            return set()
        same = (noted.version, noted.range_bytes) == (self._about.version, _RANGE_BYTES)
        return set(noted.ranges) if same else set()

    def _size(self, number: int) -> int:
        return min(_RANGE_BYTES, self._about.size_bytes - number * _RANGE_BYTES)

    async def run(self, parallel: int) -> None:
        os.ftruncate(self._handle, self._about.size_bytes)
        self._tell()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(parallel, len(self._left))):
                    _ = group.create_task(self._lane())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _lane(self) -> None:
        while self._left:
            number = self._left.pop(0)
            first, size = number * _RANGE_BYTES, self._size(number)
            data = await self._downloader.fetch(self._about, first, size)
            await asyncio.to_thread(os.pwrite, self._handle, data, first)
            self._done.add(number)
            self._got += size
            self._note()
            self._tell()

    def _note(self) -> None:
        done = _Done(
            version=self._about.version,
            range_bytes=_RANGE_BYTES,
            ranges=tuple(sorted(self._done)),
        )
        beside = self._notes.with_suffix(".new")
        with contextlib.suppress(OSError):  # then a restart begins anew
            beside.write_bytes(msgspec.json.encode(done))
            beside.replace(self._notes)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._got, self._about.size_bytes)


def _notes_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")
