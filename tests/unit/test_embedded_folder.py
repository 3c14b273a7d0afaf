"""A server's private folder."""

import os
import threading
from pathlib import Path

import pytest

from streamhub.persistence.embedded import identity
from streamhub.persistence.embedded.errors import EmbeddedServerError, FolderInUse
from streamhub.persistence.embedded.folder import ServerFolder
from streamhub.persistence.embedded.valkey import EmbeddedValkey


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_locked_folder_is_refused_to_others_until_it_is_unlocked(tmp_path: Path) -> None:
    first, second = ServerFolder(tmp_path), ServerFolder(tmp_path)
    first.lock()

    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        second.lock()

    first.unlock()
    second.lock()
    second.unlock()


def test_the_folder_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = ServerFolder(tmp_path)
    folder.lock()
    folder.unlock()
    assert mode(tmp_path) == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=f"Cannot use the folder {tmp_path}/file/server"):
        ServerFolder(tmp_path / "file" / "server").lock()


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path)
    secret = folder.secret("password")

    assert len(secret) >= 32
    assert ServerFolder(tmp_path).secret("password") == secret
    assert folder.secret("another") != secret
    assert mode(tmp_path / "password") == 0o600


def test_a_write_that_was_broken_off_leaves_the_old_text(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path)
    folder.write("ports.json", "old")
    (tmp_path / "ports.json.new").write_text("half of the n")

    assert (tmp_path / "ports.json").read_text() == "old"
    folder.write("ports.json", "new")
    assert (tmp_path / "ports.json").read_text() == "new"


def test_a_server_is_not_spawned_off_the_main_thread(tmp_path: Path) -> None:
    raised: list[BaseException] = []

    def spawn() -> None:
        try:
            EmbeddedValkey(tmp_path).spawn()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()

    assert "main thread" in str(raised[0])


def test_a_process_is_known_by_its_start_and_a_gone_one_has_none() -> None:
    assert identity.started(os.getpid()) == identity.started(os.getpid())
    assert identity.started(os.getpid()) != identity.started(1)
    assert identity.started(2**22 + 1) is None  # above the largest process id
