"""Ends processes that outlive `streamhub up`: `python -m streamhub.cluster.reaper`.

Ray's agents notice that their Ray is gone, then try for over a minute to report it to the Ray that
is gone. This small process reads lines `PID START` from its standard input, which ends with the
process at its other end, however that ends, and then kills those that are still there.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from streamhub.persistence.embedded import identity

_PATIENCE_S: Final = 5.0


class Reaper:
    """The process, as seen from the one whose end it waits for."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C must not end it first
        )

    def watch(self, pids: Iterable[int]) -> None:
        """See to it that these do not outlive us."""
        if (pipe := self._process.stdin) is not None:
            for pid in pids:
                pipe.write(f"{pid} {identity.started(pid)}\n".encode())
            pipe.flush()

    def close(self) -> None:
        """End now what is left of them."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def children_of(parent: int) -> tuple[int, ...]:
    """Processes that `parent` started; none where there is no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return tuple(found)


def main() -> None:
    """Wait for the end of standard input, then kill."""
    watched = [line.strip().partition(" ")[::2] for line in sys.stdin]
    left = [int(pid) for pid, start in watched if identity.started(int(pid)) == start]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    identity.wait_until(lambda: not any(map(identity.is_alive, left)), _PATIENCE_S)


if __name__ == "__main__":
    main()
