"""Carries the log records of hosts and supervisor to the terminal of `streamhub up`.

Ray sends what its workers print to files. A record that cannot be delivered at once (nobody
listens, or the terminal is stopped) goes there too: a host never waits for a terminal.
"""

import io
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Final, TextIO

import structlog

log = structlog.get_logger(__name__)

MAX_RECORD_BYTES: Final = 200_000
_LAST_RECORDS_S: Final = 1.0


class LogReceiver:
    """Writes each record that arrives at the Unix socket `path` to standard error."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._closed = False
        self._thread = threading.Thread(target=self._receive, name="log receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what has arrived, and listen no more."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        self._socket.shutdown(socket.SHUT_RD)
        self._thread.join(_LAST_RECORDS_S)

    def _receive(self) -> None:
        while (record := self._socket.recv(MAX_RECORD_BYTES)) or not self._closed:
            sys.stderr.buffer.write(record)
            sys.stderr.flush()
        self._socket.close()


class RayWords(io.TextIOBase):
    """A text stream that takes what Ray prints on our standard output and logs it, for those who
    want to know: it tells of workers that died, which the supervisor tells better."""

    def write(self, text: str) -> int:
        if said := text.strip():
            log.debug("ray_says", said=said)
        return len(text)


class LogSender:
    """A text stream for a logging handler: each `write` is one record."""

    def __init__(self, path: Path, *, terminal: bool, otherwise: TextIO) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._path = os.fspath(path)
        self._terminal = terminal
        self._otherwise = otherwise

    def isatty(self) -> bool:
        """Whether the records end up on a terminal."""
        return self._terminal

    def write(self, record: str) -> int:
        try:
            self._socket.sendto(record.encode()[:MAX_RECORD_BYTES], self._path)
        except OSError:
            self._otherwise.write(record)
        return len(record)

    def flush(self) -> None:
        self._otherwise.flush()
