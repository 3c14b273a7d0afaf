"""Uploading a file over several connections, which may break, as may this program."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from streamhub.client.errors import Refused, Unreachable
from streamhub.client.files.errors import TransferFailed
from streamhub.client.files.local import Journal, LocalFile, Progress
from streamhub.client.files.upload_link import LinkLost, UploadLink
from streamhub.client.http import HttpApi
from streamhub.client.pauses import Pauses
from streamhub.client.tokens import TokenSource
from streamhub.protocol import uploads

_STEP_BYTES: Final = 16 * uploads.MAX_PAYLOAD
_ANEW: Final = frozenset(("not_found", "gone"))
_IN_THE_WAY: Final = frozenset(("stale_term", "offset_conflict"))
"""A connection that is lost here may still be there on the server; or the first lane has come back,
and with it a new term."""


class Uploader:
    """Uploads files to one server, each over `lanes` connections.

    With a `folder` for what is under way, an upload goes on after a restart. What the server has in
    the end is compared with the file.
    """

    def __init__(
        self,
        api: HttpApi,
        tokens: TokenSource,
        *,
        lanes: int = 2,
        folder: Path | None = None,
    ) -> None:
        self._api = api
        self._tokens = tokens
        self._lanes = lanes
        self._folder = folder

    async def upload(
        self,
        path: Path,
        *,
        name: str | None = None,
        mime: str | None = None,
        version_of: str | None = None,
        into: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> str:
        """The id of the new file, in the folder `into` or at the top, or of the one of which this
        is a further version. `progress` is told how many bytes are durable.

        Raises TransferFailed, Refused; goes on for ever while the server cannot be reached.
        """
        journal = Journal(self._folder, str(self._api.url), path)
        with LocalFile(path) as file:
            upload = _Upload(
                self._api,
                self._tokens,
                file,
                journal,
                uploads.UploadOpen(
                    name=name or path.name,
                    size_bytes=file.size,
                    mime=mime,
                    file=version_of,
                    folder=into,
                ),
                progress or _ignore,
            )
            made = await upload.run(self._lanes)
            token = await self._tokens.token()
            if (await self._api.file(made, token)).crc32c != await file.checksum():
                raise TransferFailed(f"{path} changed while it was sent")
        journal.forget()
        return made


class _Upload:
    """One file on its way."""

    def __init__(
        self,
        api: HttpApi,
        tokens: TokenSource,
        file: LocalFile,
        journal: Journal,
        opening: uploads.UploadOpen,
        progress: Callable[[int], None],
    ) -> None:
        self._api = api
        self._tokens = tokens
        self._file = file
        self._journal = journal
        self._opening = opening
        self._progress = progress
        self._noted = journal.read(file) or self._fresh()
        self._term: int | None = None
        self._part_bytes = 0
        self._waiting: list[int] = []
        self._left: set[int] = set()
        self._partial: dict[int, int] = {}
        self._links: set[UploadLink] = set()
        self._attached = asyncio.Event()
        self._made: str | None = None

    def _fresh(self) -> Progress:
        noted = Progress(
            size=self._file.size, changed_ns=self._file.changed_ns, key=secrets.token_hex(16)
        )
        self._journal.write(noted)
        return noted

    async def run(self, lanes: int) -> str:
        """The file's id."""
        try:
            await self._run(lanes)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if self._made is None:
            raise TransferFailed(f"{self._file.path} was not made a file")
        return self._made

    async def _run(self, lanes: int) -> None:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(self._lane(first=True))
            await self._attached.wait()
            helpful = min(lanes, len(self._left)) - 1
            others = [group.create_task(self._lane(first=False)) for _ in range(helpful)]
            await first
            for other in others:
                other.cancel()

    async def _lane(self, *, first: bool) -> None:
        """Send parts until none is left. The first one takes the upload over whenever it connects,
        and in the end has a file made of it; the others join it."""
        pauses, refused = Pauses(), None
        while True:
            mine: set[int] = set()
            token = ""
            try:
                token = await self._tokens.token(refused)
                async with UploadLink.open(self._api, token, self._on_durable) as link:
                    self._links.add(link)
                    try:
                        await self._send(link, mine, first=first)
                    finally:
                        self._links.discard(link)
                return
            except (LinkLost, Unreachable) as error:
                refused = token if isinstance(error, LinkLost) and error.token_invalid else None
            except Refused as error:
                if error.code in _ANEW and first:
                    self._begin_anew()
                elif error.code == "stale_term" and first:
                    raise TransferFailed("another client has taken this upload over") from None
                elif not error.retry and error.code not in _IN_THE_WAY:
                    raise
            finally:
                self._waiting += sorted(mine & self._left)
                self._wake()
            if not first and not self._left:
                return
            await asyncio.sleep(pauses.next_s())

    async def _send(self, link: UploadLink, mine: set[int], *, first: bool) -> None:
        if not await self._attach(link, first=first):
            return
        while True:
            while self._waiting:
                part = self._waiting.pop(0)
                mine.add(part)
                await self._send_part(link, part)
            if not first:
                await link.wait(lambda: not mine & self._left)
                return
            await link.wait(lambda: bool(self._waiting) or not self._left)
            if not self._left:
                await self._finish(link)
                return

    async def _attach(self, link: UploadLink, *, first: bool) -> bool:
        """False: it is a file already."""
        if self._noted.upload is None:
            told = await link.attach("upload.open", self._opening, self._noted.key)
            self._noted = replace(self._noted, upload=told.upload)
            self._journal.write(self._noted)
        else:
            term = None if first else self._term
            body = uploads.UploadAttach(upload=self._noted.upload, term=term)
            told = await link.attach("upload.attach", body, None)
        match told.state:
            case "ready":
                self._made, self._left = told.file, set()
                self._attached.set()
                return False
            case "failed" | "aborted":
                raise TransferFailed(f"the upload has ended: {told.problem or told.state}")
            case "receiving" | "sealing":
                pass
        missing = {part for low, high in told.missing for part in range(low, high + 1)}
        if self._term is None:
            self._left, self._waiting = set(missing), sorted(missing)
        else:
            self._left &= missing
            self._waiting = [part for part in self._waiting if part in missing]
        self._term, self._part_bytes = told.term, told.part_bytes
        self._partial = dict(told.partial)
        self._attached.set()
        self._tell()
        self._wake()
        return True

    async def _send_part(self, link: UploadLink, part: int) -> None:
        first = (part - 1) * self._part_bytes
        at, end = first + self._partial.get(part, 0), min(first + self._part_bytes, self._file.size)
        while at < end:
            data = await self._file.read(at, min(_STEP_BYTES, end - at))
            await link.send(at, data)
            at += len(data)

    async def _finish(self, link: UploadLink) -> None:
        state = await link.finish(self._noted.upload or "")
        match state.state:
            case "ready":
                self._made = state.file
            case "receiving":  # the server's store has lost what it had
                self._term = None
                raise LinkLost(f"parts are asked for again: {state.problem}")
            case _:
                raise TransferFailed(f"the upload has ended: {state.problem or state.state}")

    def _on_durable(self, durable: uploads.UploadDurable) -> None:
        self._left.difference_update(durable.parts)
        self._tell()
        self._wake()

    def _wake(self) -> None:
        """What lanes wait for may have changed: parts to send, or none left."""
        for link in self._links:
            link.wake()

    def _tell(self) -> None:
        self._progress(self._file.size - _bytes_of(self._left, self._part_bytes, self._file.size))

    def _begin_anew(self) -> None:
        if self._noted.upload is None:
            raise TransferFailed("the server does not know the upload it has just begun")
        self._term, self._noted = None, self._fresh()


def _bytes_of(parts: set[int], part_bytes: int, size: int) -> int:
    return sum(min(part_bytes, size - (part - 1) * part_bytes) for part in parts)


def _ignore(done: int) -> None:
    pass
