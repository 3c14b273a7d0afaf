"""`streamhub chat` on a terminal: prompt, toolbar, and what arrives while one types."""

import asyncio
import os
import pty
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from support.up import Up

from streamhub.client import AccountTokens, HttpApi, StreamHubClient, TypingStarted

WITHIN_S = 60.0
PASSWORD = "correct horse battery staple"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][AB0]|\x1b[=>78]|[\x00\x07\x0f]")
_WHERE_IS_THE_CURSOR = b"\x1b[6n"


class Terminal:
    """What is drawn on a pseudo terminal of 100 columns, and its keyboard."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._drawn = b""
        self._more = asyncio.Event()

    def readable(self) -> None:
        try:
            drawn = os.read(self._fd, 65_536)
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        for _ in range(drawn.count(_WHERE_IS_THE_CURSOR)):
            os.write(self._fd, b"\x1b[1;1R")
        self._drawn += drawn
        self._more.set()

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    async def shows(self, wanted: str) -> None:
        """Until this is drawn; what was drawn before it is forgotten.

        Spaces do not count: only what differs from before is drawn.
        """
        try:
            async with asyncio.timeout(WITHIN_S):
                while _squeezed(wanted) not in self._text():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{wanted!r} is not drawn, but: {self._text()!r}") from None
        self._drawn = b""

    def _text(self) -> str:
        return _squeezed(_ESCAPES.sub("", self._drawn.decode(errors="replace")))


def _squeezed(text: str) -> str:
    return re.sub(r"[ \r\n\b]", "", text)


@asynccontextmanager
async def terminal(*arguments: str) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "streamhub", "chat", *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    )
    os.close(theirs)
    screen = Terminal(ours)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, screen.readable)
    try:
        yield screen, process
    finally:
        loop.remove_reader(ours)
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)


async def test_a_terminal_shows_arrivals_typing_and_what_is_unread(
    running: Up, tmp_path: Path
) -> None:
    url = str(running.state["url"])
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD)
    names = {name: f"{name}{secrets.token_hex(4)}" for name in ("alice", "bob", "here", "there")}
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(HttpApi(url))
        signed_in = {
            name: await api.register(
                email=f"{names[name]}@example.org",
                handle=names[name],
                name=name,
                password=PASSWORD,
            )
            for name in ("alice", "bob")
        }
        tokens = AccountTokens(api, signed_in=signed_in["bob"])
        bob = await stack.enter_async_context(StreamHubClient(url, tokens=tokens))
        here = await bob.create_channel(names["here"])
        there = await bob.create_channel(names["there"])
        alice_id = signed_in["alice"].user.id
        for channel in (here, there):
            await bob.add_members(channel.id, (alice_id,))

        sign_in = ("--login", names["alice"], "--password-file", str(password_file))
        screen, process = await stack.enter_async_context(terminal("--url", url, *sign_in))
        await screen.shows(f"you are {names['alice']}")
        screen.type(f"/open {names['here']}\r")
        await screen.shows(f"{names['here']}> ")
        await bob.focus((here.id,))
        screen.type("half a li")
        async with asyncio.timeout(WITHIN_S):
            async for event in bob.events():
                if event == TypingStarted(here.id, alice_id):
                    break
        await bob.send(here.id, "I interrupt \x9b2Jyou")  # a control that clears screens
        await screen.shows("I interrupt \ufffd2Jyou")
        screen.type("ne\r")
        await screen.shows("half a line")
        await bob.typing(here.id)
        await screen.shows(f"{names['bob']} is typing")
        await bob.send(there.id, "over there")
        await screen.shows(f"{names['there']} 1")
        screen.type("/quit\r")
        async with asyncio.timeout(WITHIN_S):
            assert await process.wait() == 0
