"""Which process a process id means. Ids are used again; an id and its start time are not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_POLL_S = 0.01


def started(pid: int) -> str | None:
    """When the process `pid` was started, in a form fit only to be compared; None if it is gone."""
    if sys.platform == "linux":
        return _started_linux(pid)
    else:
        return _started_elsewhere(pid)


def is_alive(pid: int) -> bool:
    return started(pid) is not None


def end(pid: int, steps: Iterable[tuple[signal.Signals, float]], gone: Callable[[], bool]) -> None:
    """Send each signal in turn, giving the process so many seconds after each, until it is gone."""
    for number, patience_s in steps:
        if gone():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        wait_until(gone, patience_s)


def wait_until(happened: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not (result := happened()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return result


def _started_linux(pid: int) -> str | None:
    try:
        # The name in parentheses may hold anything. After it: state, 18 fields, the start.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in "ZX":  # ended, only not yet fetched by its parent
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    found = subprocess.run(  # noqa: S603
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
    )
    return found.stdout.strip() or None
