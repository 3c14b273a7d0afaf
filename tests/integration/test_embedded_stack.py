"""The three servers together: side by side, through the deaths of servers and of the parent."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from streamhub.persistence.embedded import identity
from streamhub.persistence.embedded.account import (
    LAUNCHER,
    Account,
    account_for_postgres,
    own_account,
    user_namespaces_work,
)
from streamhub.persistence.embedded.errors import FolderInUse
from streamhub.persistence.embedded.launch import NOBODY
from streamhub.persistence.embedded.stack import EmbeddedServers

AtEnd = Callable[[Callable[[], object]], object]

PARENT = """
import dataclasses, json, os, sys
from pathlib import Path
from streamhub.persistence.embedded.stack import EmbeddedServers

servers = EmbeddedServers(Path(sys.argv[1]))
servers.start()
state = {"uid": os.geteuid(), "pids": servers.pids(), "urls": dataclasses.asdict(servers.urls)}
print(json.dumps(state), flush=True)
sys.stdin.read()
servers.stop()
"""


class Memory(Protocol):
    async def write(self, url: str, word: str) -> None: ...
    async def read(self, url: str) -> str: ...


async def test_killed_servers_come_back_where_they_were(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    # A name that would break unix sockets (over 100 bytes), quoting, and lists with commas.
    stack = EmbeddedServers(tmp_path / ('long, "quoted" and %odd; ' * 5).strip())
    at_end(stack.stop)
    stack.start()
    urls, pids = stack.urls, stack.pids()
    for url in (urls.postgres, urls.redis, urls.objects):
        await memory.write(url, "kept")
    assert list(pids) == ["postgres", "valkey", "s3"]
    assert stack.revive() == []

    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    assert revived(stack) >= {"postgres", "valkey", "s3"}
    stack.wait_ready()

    assert stack.urls == urls
    assert not set(stack.pids().values()) & set(pids.values())
    for url in (urls.postgres, urls.redis, urls.objects):
        assert await memory.read(url) == "kept"


async def test_servers_end_with_a_killed_parent_and_their_data_does_not(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    with started_parent(tmp_path, own_account()) as (parent, state):
        urls, pids = state["urls"], state["pids"]
        for url in urls.values():
            await memory.write(url, "kept")
        parent.kill()
        parent.wait()

    gone = identity.wait_until(lambda: not any(map(identity.is_alive, pids.values())), 30)

    assert gone, [pid for pid in pids.values() if identity.is_alive(pid)]
    stack = EmbeddedServers(tmp_path)
    at_end(stack.stop)
    stack.start()
    assert stack.urls.postgres == urls["postgres"]
    for url in (stack.urls.postgres, stack.urls.redis, stack.urls.objects):
        assert await memory.read(url) == "kept"


async def test_a_start_while_the_servers_of_a_killed_parent_still_end_waits_for_them(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    with started_parent(tmp_path, own_account()) as (parent, state):
        await memory.write(state["urls"]["postgres"], "kept")
        parent.kill()
        parent.wait()

    stack = EmbeddedServers(tmp_path)
    at_end(stack.stop)
    stack.start()

    assert not any(map(identity.is_alive, state["pids"].values()))
    assert await memory.read(stack.urls.postgres) == "kept"


def test_a_second_start_is_refused_and_disturbs_nothing(tmp_path: Path, at_end: AtEnd) -> None:
    stack = EmbeddedServers(tmp_path, postgres=False, objects=False)
    at_end(stack.stop)
    stack.start()

    second = EmbeddedServers(tmp_path, postgres=False, objects=False)
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        second.start()

    assert stack.revive() == []


def test_only_the_wanted_servers_run(tmp_path: Path, at_end: AtEnd) -> None:
    stack = EmbeddedServers(tmp_path / "data", postgres=False, objects=False)
    at_end(stack.stop)
    stack.start()

    assert list(stack.pids()) == ["valkey"]
    assert stack.urls.redis.startswith("redis://")
    assert (stack.urls.postgres, stack.urls.objects) == ("", "")
    assert stack.urls.redis not in repr(stack.urls)


def test_folders_are_private_and_so_is_every_secret(tmp_path: Path, at_end: AtEnd) -> None:
    stack = EmbeddedServers(tmp_path / "data")
    at_end(stack.stop)
    stack.start()

    folders = [tmp_path / "data", *(tmp_path / "data").iterdir()]
    files = [file for folder in folders for file in folder.iterdir() if file.is_file()]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_all_of_it_works_as_a_plain_user(memory: Memory, at_end: AtEnd) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root: every other test here is this one")
    user = plain_user()
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user.uid, user.gid)
        with started_parent(Path(folder), user) as (parent, state):
            for url in state["urls"].values():
                await memory.write(url, "kept")
                assert await memory.read(url) == "kept"
            parent.communicate()  # closes its input: it stops the servers and ends

        assert state["uid"] != 0
        assert parent.returncode == 0
        assert not any(map(identity.is_alive, state["pids"].values()))


def plain_user() -> Account:
    """`nobody` where it can reach our Python; else in a user namespace, where it is us outside."""
    nobody = Account(f"{NOBODY}:{NOBODY}", NOBODY, NOBODY)
    python = Path(sys.executable)
    if all(nobody.can_enter(path.parent) for path in (python, python.resolve(), LAUNCHER)):
        return nobody
    if user_namespaces_work():
        return account_for_postgres()
    pytest.skip("no plain user can run this Python, and there are no user namespaces")


@contextmanager
def started_parent(
    data: Path, user: Account
) -> "Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]":
    """A process of `user` that started the servers in `data`, and what it says of them."""
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(signal.SIGKILL))]
    program = [sys.executable, "-c", PARENT, str(data)]
    pipe = subprocess.PIPE
    command = [*launch, user.launch, *program]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=data) as parent:
        assert parent.stdout is not None
        line = parent.stdout.readline()
        assert line, "the parent ended before its servers were ready"
        yield parent, json.loads(line)


def revived(stack: EmbeddedServers) -> set[str]:
    """What `revive` started until all live, polled as the command line does."""
    names: set[str] = set()
    deadline = time.monotonic() + 30
    while len(names) < len(stack.pids()) and time.monotonic() < deadline:
        names |= set(stack.revive())
        time.sleep(0.01)
    return names
