"""Each embedded server by itself: stop, crash, leftovers, taken ports, a second start."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from streamhub.persistence.embedded import identity
from streamhub.persistence.embedded.errors import EmbeddedServerError, FolderInUse
from streamhub.persistence.embedded.postgres import EmbeddedPostgres
from streamhub.persistence.embedded.process import EmbeddedServer
from streamhub.persistence.embedded.seaweed import EmbeddedSeaweed
from streamhub.persistence.embedded.valkey import EmbeddedValkey

AtEnd = Callable[[Callable[[], object]], object]
Kind = Callable[[Path], EmbeddedServer]

every_kind = pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey, EmbeddedSeaweed])


class Memory(Protocol):
    async def write(self, url: str, word: str) -> None: ...
    async def read(self, url: str) -> str: ...


@every_kind
async def test_a_stopped_server_starts_again_where_it_was(
    kind: Kind, tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = kind(tmp_path / "server")
    at_end(server.stop)
    server.start()
    url, pid = server.url, server.pid
    await memory.write(url, "kept")

    server.stop()

    assert not identity.is_alive(pid)
    assert not (tmp_path / "server" / "process.json").exists()
    server.start()
    assert server.url == url
    assert await memory.read(url) == "kept"


@every_kind
async def test_a_killed_server_starts_again_with_its_data(
    kind: Kind, tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = kind(tmp_path)
    at_end(server.stop)
    server.start()
    url = server.url
    await memory.write(url, "kept")

    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    server.start()

    assert server.url == url
    assert await memory.read(url) == "kept"


@every_kind
async def test_a_taken_port_is_given_up_and_the_data_is_not(
    kind: Kind, tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = kind(tmp_path)
    at_end(server.stop)
    server.start()
    await memory.write(server.url, "kept")
    server.stop()
    before = ports(tmp_path)

    with listening_on(before):
        server.start()

    assert not set(before) & set(ports(tmp_path))
    assert await memory.read(server.url) == "kept"


async def test_a_port_lost_between_choice_and_start_is_replaced(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = EmbeddedPostgres(tmp_path)
    at_end(server.stop)
    server.spawn()  # makes the cluster first, so the port is not bound yet
    before = ports(tmp_path)

    with listening_on(before):
        server.wait_ready()

    assert not set(before) & set(ports(tmp_path))
    await memory.write(server.url, "kept")


def test_a_second_start_of_a_folder_is_refused_and_names_the_holder(
    tmp_path: Path, at_end: AtEnd
) -> None:
    server = EmbeddedValkey(tmp_path)
    at_end(server.stop)
    server.start()

    with pytest.raises(FolderInUse, match=rf"{tmp_path} is in use .* process {os.getpid()}\."):
        EmbeddedValkey(tmp_path).start()

    assert server.poll() is None


def test_a_process_that_got_the_pid_of_an_earlier_server_is_left_alone(
    tmp_path: Path, at_end: AtEnd
) -> None:
    server = EmbeddedValkey(tmp_path)
    at_end(server.stop)
    with bystander() as other:
        record = {"pid": other.pid, "started": "another boot, another time"}
        (tmp_path / "process.json").write_text(json.dumps(record))

        server.start()

        assert other.poll() is None


def test_a_server_left_by_an_earlier_run_is_ended_first(tmp_path: Path, at_end: AtEnd) -> None:
    with bystander() as orphan:
        record = {"pid": orphan.pid, "started": identity.started(orphan.pid)}
        (tmp_path / "process.json").write_text(json.dumps(record))
        server = EmbeddedValkey(tmp_path)
        at_end(server.stop)

        server.start()

        assert orphan.wait(timeout=10) == -signal.SIGTERM


def test_a_server_that_cannot_start_shows_its_last_words(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")

    with pytest.raises(EmbeddedServerError) as raised:
        server.start()

    text = str(raised.value)
    assert f"Valkey in {tmp_path} ended with code 1" in text
    assert "manifest" in text
    assert "STREAMHUB_REDIS_URL" in text
    with pytest.raises(EmbeddedServerError, match="ended with code 1"):  # and not: in use
        EmbeddedValkey(tmp_path).start()


def test_a_frozen_server_is_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ((signal.SIGTERM, 0.1), (signal.SIGKILL, 10.0))
    monkeypatch.setattr(EmbeddedValkey, "stop_steps", steps)
    server = EmbeddedValkey(tmp_path)
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)

    server.stop()

    assert not identity.is_alive(pid)


def ports(folder: Path) -> list[int]:
    return list(json.loads((folder / "ports.json").read_text()).values())


@contextmanager
def listening_on(ports: list[int]) -> Iterator[None]:
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


@contextmanager
def bystander() -> "Iterator[subprocess.Popen[bytes]]":
    """A process that does nothing until it is told to end."""
    program = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
