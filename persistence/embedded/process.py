"""One embedded server as a child process: start, readiness, stop, and what an earlier run left."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from streamhub.persistence.embedded import identity
from streamhub.persistence.embedded.account import LAUNCHER, Account, own_account
from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.folder import ServerFolder, all_free

_POLL_S = 0.01
_LOG_LINES_SHOWN = 12
_LOG_KEPT_BYTES = 8 * 1024 * 1024

# A start that ends at once may have met something that passes: a port taken since it was chosen, or
# the last children of a killed server that still hold its memory.
_RETRY_PAUSES_S = (0.1, 0.4, 1.5)


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run in the server's folder, with `env` and the bare needs as environment."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Path = Path(os.devnull)


class EmbeddedServer(ABC):
    """A server in a folder of its own, held by one process at a time.

    The server ends when this process does, however that ends. Its folder, ports and secrets stay,
    so that the next start finds everything; `url` stays the same from `spawn` until `stop`.
    Everything is synchronous, and `spawn` must be called on the main thread.
    """

    title: ClassVar[str]
    setting: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    # What ends the server, gentlest first, with the seconds given to each.
    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(self, folder: Path) -> None:
        self._folder = ServerFolder(folder)
        self._log = self._folder.path / "server.log"
        self._log_from = 0
        self._ports: dict[str, int] = {}
        self._account = own_account()
        self._child: subprocess.Popen[bytes] | None = None
        self._preparations: Iterator[Command] = iter(())
        self._serving = False
        self._was_ready = False
        self._asked_to_stop = False

    # -- what each server says of itself -----------------------------------------------------------

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, with user and password. Valid once spawned."""

    @abstractmethod
    def _prepare(self) -> Iterator[Command]:
        """What to run, each to its end, before the server. Writes the server's files on the way."""

    @abstractmethod
    def _server(self) -> Command: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether our own server process takes requests. Must not block for long, nor raise."""

    def _choose_account(self) -> Account:
        return own_account()

    def _clean_up(self) -> None:  # noqa: B027
        """Remove what an ended server leaves outside its folder."""

    # -- lifecycle ---------------------------------------------------------------------------------

    def start(self, timeout_s: float = 60.0) -> None:
        """Spawn and wait until ready. If that fails, nothing is left running."""
        try:
            self.spawn()
            self.wait_ready(timeout_s)
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> None:
        """Start the server and return at once; after it died, start it again on the same ports.

        Raises FolderInUse, and EmbeddedServerError for a folder or a program that cannot be used.
        """
        if threading.current_thread() is not threading.main_thread():
            # The kernel's "end with your parent" means the thread: the server would die with it.
            raise RuntimeError(f"{self.title} must be spawned on the main thread")
        if self._child is not None and self.poll() is None:
            return
        self._folder.lock()
        self._end_orphan()
        self._account = self._choose_account()
        if not self._ports:
            self._ports = self._folder.ports(self.port_names)
        self._begin()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Return once the server takes requests; raises EmbeddedServerError with its last words."""
        deadline = time.monotonic() + timeout_s
        pauses = iter(_RETRY_PAUSES_S)
        while True:
            code = self.poll()
            if code is None and self._serving and self._answers() and self.poll() is None:
                self._was_ready = True
                return
            if code is not None:
                pause_s = next(pauses, None)
                if pause_s is None:
                    raise EmbeddedServerError(self._failure(f"ended with code {code} at its start"))
                time.sleep(pause_s)
                self._begin_again()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(self._failure(f"is not ready after {timeout_s:g} s"))
            time.sleep(_POLL_S)

    def poll(self) -> int | None:
        """The exit code of a server that ended; None while it is prepared or runs. Cheap."""
        if self._child is None:
            return None
        code = self._child.poll()
        if code == 0 and not self._serving:
            self._run_next()
            return None
        return code

    def ask_to_stop(self) -> None:
        """Send the gentlest signal and return at once."""
        if self._child is not None and not self._asked_to_stop:
            self._asked_to_stop = True
            self._child.send_signal(self.stop_steps[0][0])

    def stop(self) -> None:
        """End the server in order, by force if it does not end, and give its folder back."""
        self.ask_to_stop()
        if (child := self._child) is not None:

            def gone() -> bool:
                return child.poll() is not None

            identity.wait_until(gone, self.stop_steps[0][1])
            identity.end(child.pid, self.stop_steps[1:], gone)
            (self._folder.path / "process.json").unlink(missing_ok=True)
            self._clean_up()
        self._child = None
        self._ports = {}
        self._was_ready = False
        self._folder.unlock()

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError(f"{self.title} was not spawned")
        return self._child.pid

    def last_words(self) -> str:
        """The last lines the server logged since it was last spawned."""
        with suppress(FileNotFoundError), self._log.open("rb") as log:
            log.seek(self._log_from)
            lines = log.read().decode(errors="replace").splitlines()
            return "\n".join(lines[-_LOG_LINES_SHOWN:])
        return ""

    # -- private -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._rotate_log()
        self._log_from = self._log.stat().st_size if self._log.exists() else 0
        self._serving = False
        self._asked_to_stop = False
        self._preparations = self._prepare()
        self._run_next()

    def _begin_again(self) -> None:
        # Ports may change only as long as nobody can have been told the url.
        if not self._was_ready and not all_free(self._ports):
            self._ports = self._folder.ports(self.port_names)
        self._begin()

    def _run_next(self) -> None:
        command = next(self._preparations, None)
        self._serving = command is None
        self._child = self._launch(command or self._server())
        record = {"pid": self._child.pid, "started": identity.started(self._child.pid)}
        self._folder.write("process.json", json.dumps(record))

    def _launch(self, command: Command) -> "subprocess.Popen[bytes]":
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
        how = [str(int(self.stop_steps[0][0])), self._account.launch]
        # Not our whole environment: it may hold StreamHub's secrets, or settings of another server.
        inherited = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
        env = {name: os.environ[name] for name in inherited if name in os.environ}
        env |= {"HOME": str(self._folder.path), "LC_ALL": "C", "TZ": "UTC"}
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with command.stdin.open("rb") as stdin:
                return subprocess.Popen(  # noqa: S603
                    [*launcher, *how, *command.argv],
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder.path,
                    env=env | dict(command.env),
                    start_new_session=True,  # a Ctrl-C is ours to hear, and to pass on in order
                )
        finally:
            os.close(log)

    def _end_orphan(self) -> None:
        """End a server that an earlier run left. We hold the folder, so no other run owns it."""
        path = self._folder.path / "process.json"
        if not path.exists():
            return
        record = json.loads(path.read_text())
        pid, started = record["pid"], record["started"]

        def gone() -> bool:
            return started is None or identity.started(pid) != started

        identity.end(pid, self.stop_steps, gone)
        if not gone():
            raise EmbeddedServerError(
                f"{self.title} of an earlier run, process {pid}, still uses {self._folder.path} "
                f"and cannot be ended. End it (kill -9 {pid}), then start again."
            )
        path.unlink()

    def _rotate_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > _LOG_KEPT_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))

    def _failure(self, what: str) -> str:
        said = self.last_words() or "(nothing)"
        return (
            f"{self.title} in {self._folder.path} {what}. Its log, {self._log}, ends "
            f"with:\n{said}\n"
            f"If that does not help, set {self.setting} to a server of your own."
        )
