"""Where lines come from and where they go: a terminal, or plain pipes."""

import asyncio
import sys
import threading
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.text import Text

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INDENT = "      "


class Screen(Protocol):
    """What the chat shows and asks. Everything shown is made harmless first: see `printable`."""

    def opened(self) -> AbstractContextManager[None]:
        """While it is open, lines may be shown at any time."""
        ...

    def message(self, head: str, handle: str, text: str, *, own: bool) -> None:
        """`head`: when it was, and its number."""
        ...

    def note(self, text: str) -> None:
        """Something that happened, or an answer."""
        ...

    def typing(self, handle: str) -> None:
        """Somebody began to type, where no toolbar tells so."""
        ...

    def error(self, text: str) -> None: ...

    async def line(self) -> str | None:
        """The next line typed; None at the end of them."""
        ...

    async def ask(self, question: str, *, secret: bool = False) -> str | None:
        """The answer to a question; None at the end of input."""
        ...


class TerminalScreen:
    """A prompt at the bottom that stays there, and colours above it."""

    def __init__(
        self, prompt: Callable[[], str], toolbar: Callable[[], str], on_typing: Callable[[], None]
    ) -> None:
        """`prompt` and `toolbar` are asked each time they are drawn; `on_typing` is called as
        the line changes."""
        self._prompt = prompt
        self._console = Console(highlight=False)
        self._session: PromptSession[str] = PromptSession(
            bottom_toolbar=toolbar, refresh_interval=1.0, erase_when_done=True
        )
        self._questions: PromptSession[str] = PromptSession()
        self._session.default_buffer.on_text_changed += lambda buffer: (
            on_typing() if buffer.text and not buffer.text.startswith("/") else None
        )

    def opened(self) -> AbstractContextManager[None]:
        return patch_stdout(raw=True)

    def message(self, head: str, handle: str, text: str, *, own: bool) -> None:
        name = (handle, "bold green" if own else "bold cyan")
        self._show(Text.assemble((head, "dim"), " ", name, " ", _indented(printable(text))))

    def note(self, text: str) -> None:
        self._show(Text(printable(text), style="dim"))

    def typing(self, handle: str) -> None:
        """The toolbar tells."""

    def error(self, text: str) -> None:
        self._show(Text(printable(text), style="red"))

    async def line(self) -> str | None:
        try:
            return await self._session.prompt_async(self._prompt)
        except EOFError:
            return None

    async def ask(self, question: str, *, secret: bool = False) -> str | None:
        try:
            return await self._questions.prompt_async(f"{question}: ", is_password=secret)
        except EOFError:
            return None

    def _show(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


class PlainScreen:
    """Lines from a pipe, lines to a pipe: for scripts, tests and screen readers."""

    def __init__(self, source: TextIO = sys.stdin, target: TextIO = sys.stdout) -> None:
        self._source = source
        self._target = target
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
        self._reader: threading.Thread | None = None

    def opened(self) -> AbstractContextManager[None]:
        return nullcontext()

    def message(self, head: str, handle: str, text: str, *, own: bool) -> None:
        self._show(f"{head} <{handle}> {_indented(printable(text))}")

    def note(self, text: str) -> None:
        self._show(f"* {printable(text)}")

    def typing(self, handle: str) -> None:
        self.note(f"{handle} is typing")

    def error(self, text: str) -> None:
        self._show(f"! {printable(text)}")

    async def line(self) -> str | None:
        if self._reader is None:
            loop = asyncio.get_running_loop()
            self._reader = threading.Thread(target=self._read_all, args=(loop,), daemon=True)
            self._reader.start()
        return await self._lines.get()

    async def ask(self, question: str, *, secret: bool = False) -> str | None:
        self.note(f"{question}:")
        return await self.line()

    def _show(self, line: str) -> None:
        print(line, file=self._target, flush=True)

    def _read_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread that dies with the process: a read of a file or terminal cannot be ended."""
        try:
            for line in self._source:
                asyncio.run_coroutine_threadsafe(self._lines.put(line.rstrip("\n")), loop).result()
            asyncio.run_coroutine_threadsafe(self._lines.put(None), loop).result()
        except RuntimeError:
            pass  # the chat is over


def printable(text: str) -> str:
    """`text` without what could move the cursor, change the terminal or turn lines around."""
    return "".join(
        "\ufffd"
        if char in _BIDI or (unicodedata.category(char) == "Cc" and char not in "\n\t")
        else char
        for char in text
    )


def _indented(text: str) -> str:
    """Nobody's second line may look like somebody else's first."""
    return text.replace("\n", f"\n{_INDENT}")
