"""`streamhub up` on a terminal: progress in words, and Ctrl-C."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.up import END_WITHIN_S, START_WITHIN_S, wait_for

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
CTRL_C = b"\x03"


class Terminal:
    """A terminal, the program on it, and what it shows."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self._seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def shows(self, text: str) -> bool:
        with suppress(BlockingIOError, OSError):  # nothing new; the program is gone
            while chunk := os.read(self._master, 65536):
                self._seen += chunk
        assert text in self.text or self.process.poll() is None, self.text
        return text in self.text

    @property
    def text(self) -> str:
        return _ESCAPES.sub("", self._seen.decode(errors="replace"))


@contextmanager
def terminal(command: list[str], cwd: Path) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    env = {**os.environ, "STREAMHUB_ADMIN_PORT": "0", "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        # A session whose terminal this is: Ctrl-C is a signal then.
        ["setsid", "--ctty", "--wait", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env=env,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.timeout(2 * START_WITHIN_S)
def test_it_tells_what_it_does_and_stops_at_ctrl_c(short_tmp: Path) -> None:
    command = [sys.executable, "-P", "-m", "streamhub", "up", "--port", "0", "--data", "data"]
    with terminal(command, short_tmp) as shown:
        wait_for(lambda: shown.shows("Ctrl-C stops it"), "it is ready", START_WITHIN_S)
        for step in ("Ray", "PostgreSQL, Valkey and S3", "StreamHub is ready"):
            assert step in shown.text
        assert re.search(r"clients +http://127\.0\.0\.1:\d+", shown.text)
        assert "log in as admin, password in" in shown.text
        shown.type(CTRL_C)
        wait_for(lambda: shown.shows("Stopped"), "it stopped", END_WITHIN_S)
        assert shown.process.wait(END_WITHIN_S) == 0
    assert "Traceback" not in shown.text
