"""What only PostgreSQL needs: a whole cluster or none, its pid file, not to be root."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from streamhub.persistence.embedded import account
from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.postgres import EmbeddedPostgres
from streamhub.persistence.embedded.stack import EmbeddedServers, EmbeddedUrls

AtEnd = Callable[[Callable[[], object]], object]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


class Memory(Protocol):
    async def write(self, url: str, word: str) -> None: ...
    async def read(self, url: str) -> str: ...


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("max_connections", "100"),
        ("password_encryption", "scram-sha-256"),
        ("synchronous_commit", "on"),
        ("TimeZone", "UTC"),
    ],
)
async def test_a_setting_is_as_the_product_needs_it(
    servers: EmbeddedUrls, setting: str, expected: str
) -> None:
    connection = await asyncpg.connect(servers.postgres)
    assert await connection.fetchval("SELECT current_setting($1)", setting) == expected
    await connection.close()


async def test_the_database_belongs_to_a_role_that_is_no_superuser(servers: EmbeddedUrls) -> None:
    connection = await asyncpg.connect(servers.postgres)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert await connection.fetchval("SHOW is_superuser") == "off"
    await connection.close()


async def test_letters_beyond_ascii_are_letters(servers: EmbeddedUrls) -> None:
    connection = await asyncpg.connect(servers.postgres)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert await connection.fetchval("SELECT show_trgm('Привет')")
    assert await connection.fetchval("SELECT lower('ÄÖÜ')") == "äöü"
    await connection.close()


async def test_nobody_gets_in_without_the_password(servers: EmbeddedUrls) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.postgres, password="guessed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.postgres, user="postgres", password="")


async def test_a_cluster_that_was_never_finished_is_made_anew(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = EmbeddedPostgres(tmp_path)
    at_end(server.stop)
    server.spawn()
    os.kill(server.pid, signal.SIGKILL)  # initdb
    server.stop()
    (tmp_path / "data.new").mkdir(exist_ok=True)
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")

    server.start()

    await memory.write(server.url, "kept")
    assert not (tmp_path / "data.new").exists()


async def test_a_pid_file_with_the_pid_of_another_program_does_not_stop_the_start(
    tmp_path: Path, memory: Memory, at_end: AtEnd
) -> None:
    server = EmbeddedPostgres(tmp_path)
    at_end(server.stop)
    server.start()
    await memory.write(server.url, "kept")
    pid_file = tmp_path / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    server.stop()
    pid_file.write_text("".join([f"{os.getppid()}\n", *lines[1:]]))  # it also says `ready`

    server.start()

    assert await memory.read(server.url) == "kept"


@only_root
async def test_root_without_user_namespaces_starts_it_as_nobody(
    memory: Memory, at_end: AtEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(tempfile.mkdtemp())  # not tmp_path: others may not pass the folders above that
    at_end(lambda: shutil.rmtree(data))
    stack = EmbeddedServers(data, redis=False, objects=False)
    at_end(stack.stop)
    with monkeypatch.context() as patch:
        patch.setattr(account, "user_namespaces_work", lambda: False)
        stack.start()
        await memory.write(stack.urls.postgres, "kept")
        owner = owner_and_mode(Path(f"/proc/{stack.pids()['postgres']}"))[0]
        stack.stop()

    assert owner != 0
    assert owner_and_mode(data / "postgres") == (owner, 0o700)
    assert owner_and_mode(data) == (0, 0o710)
    stack.start()  # and back
    assert await memory.read(stack.urls.postgres) == "kept"


@only_root
async def test_nobody_passes_closed_folders_above_where_root_may_grant_it(
    tmp_path: Path, memory: Memory, at_end: AtEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "user_namespaces_work", lambda: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    stack = EmbeddedServers(closed / "data", redis=False, objects=False)
    at_end(stack.stop)

    stack.start()

    await memory.write(stack.urls.postgres, "kept")
    assert owner_and_mode(Path(f"/proc/{stack.pids()['postgres']}"))[0] != 0
    assert owner_and_mode(closed) == (0, 0o700)


@only_root
def test_a_folder_that_nobody_cannot_reach_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "_launches", lambda account: False)
    monkeypatch.setattr(account, "user_namespaces_work", lambda: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(EmbeddedServerError, match="Choose one that everybody may pass"):
        EmbeddedServers(closed / "data", redis=False, objects=False).start()


def owner_and_mode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_mode & 0o777
