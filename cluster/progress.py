"""What `streamhub up` says of itself: lines on a terminal, log records otherwise."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog
from rich.console import Console
from rich.markup import escape

log = structlog.get_logger(__name__)


class Progress(Protocol):
    """Told of what happens, in order."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """`name` is being done inside of the context."""
        ...

    def ready(self, url: str, admin_url: str, took_s: float) -> None: ...

    def admin(self, login: str, password_file: str) -> None:
        """Where the first administrator's password is."""
        ...

    def stopping(self) -> None: ...

    def stopped(self) -> None: ...

    def left(self) -> None:
        """Nobody watches any more, and what was started goes on."""
        ...


class TerminalProgress:
    """A spinner for the present step, a line for each that is done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        with self._console.status(escape(name)):
            yield
        took = f"{time.monotonic() - begun:.1f} s"
        self._console.print(f"[green]✓[/] {escape(name)} [dim]{took}[/]")

    def ready(self, url: str, admin_url: str, took_s: float) -> None:
        self._console.print(f"\n[bold green]StreamHub is ready[/] [dim]after {took_s:.1f} s[/]")
        self._console.print(f"  clients  [bold]{url}[/]\n  admin    {admin_url}")
        self._console.print("  [dim]Ctrl-C stops it[/]\n")

    def admin(self, login: str, password_file: str) -> None:
        self._console.print(f"  log in as [bold]{login}[/], password in {escape(password_file)}")

    def stopping(self) -> None:
        self._console.print("Stopping; once more Ctrl-C to hurry")

    def stopped(self) -> None:
        self._console.print("Stopped")

    def left(self) -> None:
        self._console.print("StreamHub goes on without this command; `streamhub down` ends it")


class LogProgress:
    """A record for each step that is done."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        log.info("step_done", step=name, took_s=round(time.monotonic() - begun, 1))

    def ready(self, url: str, admin_url: str, took_s: float) -> None:
        log.info("ready", url=url, admin_url=admin_url, took_s=round(took_s, 1))

    def admin(self, login: str, password_file: str) -> None:
        log.info("administrator", login=login, file=password_file)

    def stopping(self) -> None:
        log.info("stopping")

    def stopped(self) -> None:
        log.info("stopped")

    def left(self) -> None:
        log.info("left", streamhub="goes on")
