"""`streamhub chat` in processes of their own that talk to each other."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.polling import until
from support.up import Up

from streamhub.client import HttpApi

WITHIN_S = 60.0
PASSWORD = "correct horse battery staple"


class Talker:
    """One `streamhub chat` with pipes for a terminal."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.shown: list[str] = []

    async def type(self, *lines: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        await self._process.stdin.drain()

    async def shows(self, wanted: str) -> str:
        """The next line that holds `wanted`."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(WITHIN_S):
                while line := (await self._process.stdout.readline()).decode():
                    self.shown.append(line.rstrip("\n"))
                    if wanted in line:
                        return self.shown[-1]
        except TimeoutError:
            pass
        raise AssertionError(f"{wanted!r} is not shown, but:\n" + "\n".join(self.shown))

    async def lists(self, channel: str, wanted: str) -> None:
        """Has the channels listed until `channel` is said to be as `wanted`: news take a moment."""

        async def is_so() -> bool:
            await self.type("/channels")
            return wanted in await self.shows(f"* {channel}, ")

        await until(is_so, within_s=WITHIN_S)

    async def finds(self, query: str, text: str) -> None:
        """Looks until one message is found, which says `text`: the index takes a moment."""

        async def is_so() -> bool:
            await self.type(f"/search {query}")
            return "* 1 found" in await self.shows(" found")

        await until(is_so, within_s=WITHIN_S)
        await self.shows(text)

    async def end(self) -> int:
        """End of input, and its exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        async with asyncio.timeout(WITHIN_S):
            rest, _ = await self._process.communicate()
            self.shown += rest.decode().splitlines()
            return await self._process.wait()


@asynccontextmanager
async def talker(url: str, *arguments: str) -> AsyncIterator[Talker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "streamhub", "chat", "--url", url, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Talker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def url(running: Up) -> str:
    return str(running.state["url"])


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return str(path)


async def registered(url: str, name: str) -> str:
    """The handle of a new account."""
    handle = f"{name}{secrets.token_hex(4)}"
    async with HttpApi(url) as api:
        email = f"{handle}@example.org"
        signed_in = await api.register(email=email, handle=handle, name=name, password=PASSWORD)
        await api.log_out(signed_in.refresh_token)
    return handle


async def test_two_terminals_talk(url: str, password_file: str) -> None:
    handle, channel = await registered(url, "alice"), f"talk-{secrets.token_hex(4)}"
    bob_handle = f"bob{secrets.token_hex(4)}"
    sign_in = ("--login", handle, "--password-file", password_file)
    async with talker(url, *sign_in) as alice, talker(url) as bob:
        await alice.type(f"/create {channel}")
        await alice.shows(f"* this is {channel}")
        await bob.type("/register", f"{bob_handle}@example.org", bob_handle, "Bob", PASSWORD)
        await bob.shows(f"* you are {bob_handle}")
        await bob.type("/channels")
        await bob.shows(f"* {channel}, not joined")
        await bob.type(f"/join {channel}")
        await bob.shows(f"* this is {channel}")
        await alice.shows(f"* {bob_handle} joined")
        await alice.type("/history 1")
        await alice.shows(f" #1 {bob_handle} joined")

        await alice.type("hello bob", "//slash")
        assert (await bob.shows("hello bob")).endswith(f"<{handle}> hello bob")
        await bob.shows(f"<{handle}> /slash")
        await bob.type("hello alice")
        await alice.shows(f"<{bob_handle}> hello alice")

        await alice.type("/who")
        await alice.shows(f"* {handle}, online")
        await alice.shows(f"* {bob_handle}, online")
        await alice.type("/members", "/history 2")
        await alice.shows(f"* {handle}, owner")
        await alice.shows(f"* {bob_handle}")
        await alice.shows("/slash")
        await alice.shows("hello alice")
        await alice.finds("hello -alice", "> hello bob")
        assert await alice.end() == 0
        await bob.type("/leave")
        await bob.shows(f"* you are no longer in {channel}")
        await bob.type("/quit")
        assert await bob.end() == 0


async def test_what_comes_in_another_channel_is_unread_until_it_is_opened(
    url: str, password_file: str
) -> None:
    alice_handle, bob_handle = await registered(url, "alice"), await registered(url, "bob")
    one, other = f"one-{secrets.token_hex(4)}", f"other-{secrets.token_hex(4)}"
    with_password = ("--password-file", password_file)
    async with (
        talker(url, "--login", alice_handle, *with_password) as alice,
        talker(url, "--login", bob_handle, *with_password) as bob,
    ):
        await bob.shows(f"* you are {bob_handle}")
        await alice.type(f"/create {one}", f"/invite {bob_handle}")
        await bob.shows(f"* you are in {one}")
        await alice.type(f"/create {other} private", f"/invite @{bob_handle}")
        await bob.shows(f"* you are in {other}")
        await bob.type(f"/open {one}")
        await bob.shows(f"* this is {one}")
        await alice.type("psst", f"read this @{bob_handle}")
        await bob.shows(f"* unread in {other}")
        await alice.type("last")
        await alice.shows("> last")
        await bob.lists(other, f"* {other}, 3 unread")
        await bob.type(f"/open {other}")
        await bob.shows("> last")
        await bob.type("seen")
        await alice.shows(f"<{bob_handle}> seen")


async def test_lines_of_a_script_are_sent_before_it_ends(url: str, password_file: str) -> None:
    handle, channel = await registered(url, "script"), f"script-{secrets.token_hex(4)}"
    sign_in = ("--login", handle, "--password-file", password_file)
    async with talker(url, *sign_in) as script:
        await script.type(f"/create {channel}", *(f"line {n}" for n in range(20)))
        assert await script.end() == 0
    async with talker(url, *sign_in) as reader:
        await reader.type(f"/open {channel}", "/history 20")
        for number in range(20):
            await reader.shows(f"> line {number}")


async def test_mistakes_are_told_in_a_line(url: str, tmp_path: Path) -> None:
    async with talker(url) as lost:
        await lost.type("hello", "/nonsense", "/login nobody", "a wrong password")
        await lost.shows("! sign in first: /login NAME, or /register for a new account")
        await lost.shows("! there is no /nonsense: see /help")
        await lost.shows("! unauthenticated:")
        await lost.type("/quit")
        assert await lost.end() == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    async with talker(url, "--login", "nobody", "--password-file", str(wrong)) as refused:
        assert await refused.end() == 1
        assert any("unauthenticated:" in line for line in refused.shown)
        assert not any("Traceback" in line for line in refused.shown)


async def test_messages_are_answered_changed_and_found_again(url: str, password_file: str) -> None:
    alice_handle, bob_handle = await registered(url, "alice"), await registered(url, "bob")
    channel, with_password = f"talk-{secrets.token_hex(4)}", ("--password-file", password_file)
    async with (
        talker(url, "--login", alice_handle, *with_password) as alice,
        talker(url, "--login", bob_handle, *with_password) as bob,
    ):
        await bob.shows(f"* you are {bob_handle}")
        await alice.type(f"/create {channel}", "frist", f"/invite {bob_handle}")
        await alice.shows("> frist")
        await bob.shows(f"* you are in {channel}")
        await bob.type(f"/open {channel}")
        await bob.shows(f"#1 <{alice_handle}> frist")
        await alice.type("/edit 1 first")
        await bob.shows(f"#1 <{alice_handle}> first (edited)")
        await bob.type("/react #1 +1")
        await alice.shows("#1 <" + f"{alice_handle}> first (edited)  [+1 1]")
        await bob.type("/unreact 1 +1", "/reply 1 me, too")
        await alice.shows(f"#3 <{bob_handle}> (reply to #1) me, too")
        await alice.type("/thread 3", "/threads")
        await alice.shows(f"#1 <{alice_handle}> first (edited)")
        await alice.shows(f"#3 <{bob_handle}> (reply to #1) me, too")
        await alice.shows(f"* {channel} #1, 1 replies: first")
        await alice.type("/pin 1", "/pins", "/save 3", "/saved")
        await alice.shows(f"#1 <{alice_handle}> first (edited)")
        await alice.shows("* #3 is on your list")
        await alice.shows(f"* in {channel}:")
        await alice.shows("(reply to #1) me, too")
        await alice.type("/notifications", "/notify none", "/notify some")
        await alice.shows(f"* reply by {bob_handle} in {channel} #3")
        await alice.shows("! one of all, mentions, none")
        await bob.type("/seen", "/report 1 spam so much", "/delete 3")
        await bob.shows(f"* {alice_handle} has read up to #3")
        await bob.shows("* #1 is reported")
        await alice.shows(f"#3 <{bob_handle}> (deleted)")
        await alice.type("/schedule 2h see you", "/scheduled")
        await alice.shows(": see /scheduled")
        await alice.shows(f" in {channel}, ")
        await alice.shows("* see you")
        await alice.type("/schedule never see you", "/unschedule one")
        await alice.shows("! say when: 30m")
        await alice.shows("! nothing that waits is called one")
        await bob.type("/react 1", "/edit x y", "/report 1 boredom", "/reply 99 what")
        await bob.shows("! use /react N KIND")
        await bob.shows("! there is no message x here")
        await bob.shows("! the reason is one of spam, abuse, illegal, other")
        await bob.shows("! there is no message 99 here")


async def test_a_channel_is_managed_and_people_talk_alone(url: str, password_file: str) -> None:
    alice_handle, bob_handle = await registered(url, "alice"), await registered(url, "bob")
    channel, with_password = f"talk-{secrets.token_hex(4)}", ("--password-file", password_file)
    async with (
        talker(url, "--login", alice_handle, *with_password) as alice,
        talker(url, "--login", bob_handle, *with_password) as bob,
    ):
        await bob.shows(f"* you are {bob_handle}")
        await alice.type(f"/create {channel}", f"/invite {bob_handle}")
        await bob.shows(f"* you are in {channel}")
        await bob.type(f"/open {channel}")
        await bob.shows(f"* this is {channel}")
        await alice.type("/topic what is new")
        await bob.shows(f"* this is {channel}, about what is new")
        await bob.type("/topic", "/archive")
        await bob.shows("* the topic is what is new")
        await bob.shows("! forbidden: only the channel's owners may change this")
        await alice.type("/slow 60", f"/role {bob_handle} moderator")
        await bob.shows("one message in 60 s")
        await bob.shows(f"* {bob_handle} is moderator")
        await alice.type(f"/mute {bob_handle}")
        await bob.shows(f"* {bob_handle} is moderator and may only read")
        await bob.type("may I?")
        await bob.shows("muted: you may only read in this channel")
        await alice.type(f"/unmute {bob_handle}", "/archive")
        await bob.shows("it can only be read")
        await alice.type("/restore", f"/ban {bob_handle}")
        await bob.shows(f"* you are no longer in {channel}")
        await alice.type(f"/unban {bob_handle}", f"/direct {bob_handle}")
        await alice.shows(f"* this is @{bob_handle}")
        await bob.shows(f"* you are in @{alice_handle}")
        await alice.type("psst")
        await bob.type(f"/open @{alice_handle}")
        await bob.shows(f"<{alice_handle}> psst")
        await bob.type("/hide", "/channels")
        await bob.shows(f"* @{alice_handle} is off the list until there is news")
