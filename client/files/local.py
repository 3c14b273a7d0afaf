"""Files of this machine, read and written outside of the event loop."""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final, Self

import crc32c
import msgspec

from streamhub.client.files.errors import TransferFailed

_STEP_BYTES: Final = 4 << 20


class LocalFile:
    """One that is read at any offset; it must not change meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises TransferFailed."""
        self.path = path
        try:
            stat = path.stat()
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise TransferFailed(f"{path}: {error.strerror}") from None
        self.size = stat.st_size
        self.changed_ns = stat.st_mtime_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    async def read(self, offset: int, size: int) -> bytes:
        """Raises TransferFailed when it has become shorter."""
        data = await asyncio.to_thread(os.pread, self._file, size, offset)
        if len(data) != size:
            raise TransferFailed(f"{self.path} became shorter while it was sent")
        return data

    async def checksum(self) -> int:
        """CRC32C of all of it."""
        return await asyncio.to_thread(checksum_of, self._file, self.size)


def checksum_of(file: int, size: int) -> int:
    """CRC32C of the first `size` bytes of an open file."""
    value = 0
    for offset in range(0, size, _STEP_BYTES):
        value = crc32c.crc32c(os.pread(file, min(_STEP_BYTES, size - offset), offset), value)
    return value


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to go on with an upload after a restart. The `key` comes first: whoever was
    interrupted before it learned of its upload opens the same one by it."""

    size: int
    changed_ns: int
    key: str
    upload: str | None = None


class Journal:
    """Remembers the upload of one file to one server in a small file of a folder; without a folder
    it remembers nothing."""

    def __init__(self, folder: Path | None, server: str, path: Path) -> None:
        name = hashlib.sha256(f"{server}\n{path.resolve()}".encode()).hexdigest()[:32]
        self._path = None if folder is None else folder / f"{name}.json"

    def read(self, file: LocalFile) -> Progress | None:
        """What was noted of this file, unless it has changed since."""
        if self._path is None:
            return None
        try:
            noted = msgspec.json.decode(self._path.read_bytes(), type=Progress)
        except (OSError, msgspec.DecodeError):
            return None
        same = (noted.size, noted.changed_ns) == (file.size, file.changed_ns)
        return noted if same else None

    def write(self, progress: Progress) -> None:
        """Raises TransferFailed."""
        if self._path is None:
            return
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(progress))
            beside.replace(self._path)
        except OSError as error:
            raise TransferFailed(f"{self._path}: {error.strerror}") from None

    def forget(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
