"""What care of files would throw away now, without throwing anything away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from streamhub.actors.care import ORPHAN_AGE_MS
from streamhub.cluster.access import NotDone, connected
from streamhub.cluster.clock import SystemClock
from streamhub.config import Settings
from streamhub.domain.blobs import Blobs
from streamhub.domain.files import FileStore
from streamhub.domain.upload_ledger import UploadLedger
from streamhub.persistence.blobs import S3Blobs
from streamhub.persistence.embedded import seaweed
from streamhub.persistence.files import PostgresFileStore
from streamhub.persistence.upload_ledger import PostgresUploadLedger

_MOST: Final = 100_000
_LISTED: Final = 1_000


class Leftovers(msgspec.Struct, frozen=True, kw_only=True):
    """`uploads` that have expired, with those that only have to be put together; `ended` ones of
    which something is left; `files` that were in the trash for long enough; `objects` that nothing
    names. Of each at most 100,000."""

    uploads: tuple[str, ...]
    ended: tuple[str, ...]
    files: tuple[str, ...]
    objects: tuple[str, ...]


class Looking:
    """Made by `open_looking`."""

    def __init__(
        self, ledger: UploadLedger, files: FileStore, blobs: Blobs, trash_ms: int, now_ms: int
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._blobs = blobs
        self._trash_ms = trash_ms
        self._now_ms = now_ms

    async def leftovers(self) -> Leftovers:
        """Raises TryAgain."""
        trashed = await self._files.to_empty(self._now_ms - self._trash_ms, _MOST)
        ended = await self._ledger.over(self._now_ms, _MOST)
        return Leftovers(
            uploads=await self._ledger.due(self._now_ms, _MOST),
            ended=tuple(ledger.upload.id for ledger in ended),
            files=tuple(file for _, file in trashed),
            objects=await self._unnamed(),
        )

    async def _unnamed(self) -> tuple[str, ...]:
        found: list[str] = []
        after, before_ms = "", self._now_ms - ORPHAN_AGE_MS
        while len(found) < _MOST:
            listed = await self._blobs.named(after, _LISTED)
            old = [one.object for one in listed if one.at < before_ms]
            found += sorted(await self._ledger.unnamed(old))
            if len(listed) < _LISTED:
                break
            after = listed[-1].object
        return tuple(found)


@asynccontextmanager
async def open_looking(settings: Settings) -> AsyncIterator[Looking]:
    """Raises like `connected`."""
    url = settings.objects.url
    bucket = url.reveal() if url else seaweed.kept_url(settings.server.data / "s3")
    if bucket is None:
        raise NotDone(
            f"StreamHub does not run in {settings.server.data}, and STREAMHUB_S3_URL is not set."
            " Name the folder with --data, or set that variable as for the cluster"
        )
    async with connected(settings) as pool:
        blobs = S3Blobs.connect(bucket)
        try:
            yield Looking(
                PostgresUploadLedger(pool),
                PostgresFileStore(pool),
                blobs,
                settings.files.trash_days * 86_400_000,
                SystemClock().now_ms(),
            )
        finally:
            await blobs.close()
