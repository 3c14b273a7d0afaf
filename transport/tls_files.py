"""Certificates in files: read again when they change, and kept as they are when the new ones will
not do."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from streamhub.config import SettingsError

log = structlog.get_logger(__name__)

T = TypeVar("T")

Files = Mapping[str, Path]
"""By the variables that name them."""


class TlsFiles(Generic[T]):
    """What `load` makes of the files; it raises SettingsError for those that will not do.

    `area` is in front of what is logged: that files were read again, or why the old are kept.
    """

    def __init__(self, area: str, files: Files, load: Callable[[], T]) -> None:
        self._area: Final = area
        self._files = files
        self._load = load
        self._stamp = _stamp_of(files)
        self._loaded = load()
        self._complaint = ""

    @property
    def current(self) -> T:
        """For a connection that is made now."""
        try:
            stamp = _stamp_of(self._files)
            if stamp != self._stamp:
                self._stamp = stamp  # also of files that will not do: say so once
                self._loaded = self._load()
                self._complaint = ""
                log.info(f"{self._area}.certificates_read_again")
        except SettingsError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.warning(f"{self._area}.certificates_kept", error=self._complaint)
        return self._loaded


def load_pair(context: ssl.SSLContext, cert: tuple[str, Path], key: tuple[str, Path]) -> None:
    """Have `context` show a certificate. Raises SettingsError, naming the variables."""
    try:
        context.load_cert_chain(cert[1], key[1], password="")
    except (OSError, ValueError) as error:
        wants = f"a certificate in PEM, and {key[0]} ({key[1]}) its key, without a password"
        raise unfit(*cert, wants, error) from error


def unfit(variable: str, path: Path, wants: str, error: Exception) -> SettingsError:
    return SettingsError(f"{variable} ({path}) must hold {wants}: {error}")


def _stamp_of(files: Files) -> dict[str, tuple[int, ...]]:
    """What changes when a file does."""
    stamp: dict[str, tuple[int, ...]] = {}
    for variable, path in files.items():
        try:
            found = path.stat()
        except OSError as error:
            raise SettingsError(f"{variable}: cannot read {path}: {error.strerror}") from error
        stamp[variable] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return stamp
