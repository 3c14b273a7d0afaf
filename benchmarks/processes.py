"""Processes under measurement: started, spoken with line by line, and looked at in /proc."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

START_TIMEOUT_S: Final = 30.0
ANSWER_TIMEOUT_S: Final = 60.0
_ROOT: Final = Path(__file__).resolve().parent.parent


class Child:
    """A Python module as a process of its own.

    It prints one JSON object when it is ready and one for each word it is told; it ends when its
    standard input does, so with us.
    """

    def __init__(self, process: asyncio.subprocess.Process, said: dict[str, Any]) -> None:
        self._process = process
        self.said = said

    @classmethod
    async def start(cls, module: str, *, inside: Sequence[str] = (), **arguments: Any) -> Self:
        """`inside`: a command that becomes what follows it, such as `nsenter`."""
        process = await asyncio.create_subprocess_exec(
            *inside,
            sys.executable,
            "-m",
            module,
            json.dumps(arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
        )
        child = cls(process, {})
        child.said = await child._next(START_TIMEOUT_S)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, word: str) -> dict[str, Any]:
        """Tell it a word and wait for what it says."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        return await self._next(ANSWER_TIMEOUT_S)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), START_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _next(self, within_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        if not line:
            raise RuntimeError(f"the process ended with code {await self._process.wait()}")
        said: dict[str, Any] = json.loads(line)
        return said


async def serve_words(ready: dict[str, Any], answers: dict[str, Any]) -> None:
    """The other end of a `Child`: say `ready`, answer words until there are no more."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _say(ready)
    async for line in lines:
        _say(await answers[line.decode().strip()]() or {})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def cpu_s(*pids: int) -> float:
    """CPU time that the threads of these processes have used so far, in seconds.

    /proc/PID/stat counts the same in hundredths of a second, too coarse for short rounds.
    """
    threads = [thread for pid in pids for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(_text(thread).partition(" ")[0] or 0) for thread in threads) / 1e9


def own_cpu_s() -> float:
    """CPU time of this process."""
    return time.process_time()


def rss_bytes(pid: int) -> int:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> tuple[int, ...]:
    """A process and its children, as they are now."""
    children = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent(int(entry.name)) == pid
    ]
    return (pid, *children)


def _parent(pid: int) -> int:
    """From /proc/PID/stat, behind the name, which may hold blanks and brackets."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _text(file: Path) -> str:
    """Nothing, once its process or thread is gone."""
    try:
        return file.read_text()
    except OSError:
        return ""
