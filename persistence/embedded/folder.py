"""A server's private folder: one owner at a time, its secrets, the ports it keeps."""

import fcntl
import itertools
import json
import os
import random
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from streamhub.persistence.embedded.errors import EmbeddedServerError, FolderInUse

# Below the ports the kernel gives to outgoing connections (32768 and up; macOS 49152 and up). From
# those, a client that redials a dead server can get the server's own port, and connect to itself.
_PORTS = range(20_000, 32_000)


class ServerFolder:
    """A folder of mode 0700 that at most one process holds."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the folder and hold it until `unlock`, or until this process ends in any way.

        Raises FolderInUse, with the holder's process id, and EmbeddedServerError where the folder
        cannot be made or written.
        """
        if self._lock is not None:
            return
        try:
            make_private(self.path)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                f"Cannot use the folder {self.path}: {error.strerror}. It must be a folder that "
                f"user {os.geteuid()} owns and may write; give it back to that user, or choose "
                "another with --data."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise FolderInUse(
                f"The folder {self.path} is in use by another StreamHub, process {holder}. Stop "
                "that one first, or choose another folder with --data."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, name: str, text: str) -> Path:
        """Write a file whole or not at all, readable by its owner only (0600)."""
        path = self.path / name
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
        fresh.replace(path)
        return path

    def secret(self, name: str) -> str:
        """A random password of URL-safe characters, made once."""
        path = self.path / name
        if not path.exists():
            self.write(name, secrets.token_urlsafe(30))
        return path.read_text()

    def ports(self, names: Sequence[str]) -> dict[str, int]:
        """A port per name: that of the last start where it is free, else another, kept from now."""
        path = self.path / "ports.json"
        kept: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        free = {name: kept[name] for name in names if name in kept and is_free(kept[name])}
        missing = [name for name in names if name not in free]
        free |= zip(missing, _free_ports(len(missing), taken=free.values()), strict=True)
        if free != kept:
            self.write(path.name, json.dumps(free))
        return free


def make_private(folder: Path) -> None:
    """Make a folder only its owner can enter (0700), whatever the umask and whatever it was."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        # As the servers do: connections that linger from the last run do not hold the port.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def all_free(ports: Mapping[str, int]) -> bool:
    return all(map(is_free, ports.values()))


def _free_ports(count: int, *, taken: Collection[int]) -> list[int]:
    order = random.SystemRandom().sample(_PORTS, len(_PORTS))
    free = (port for port in order if port not in taken and is_free(port))
    found = list(itertools.islice(free, count))
    if len(found) == count:
        return found
    raise EmbeddedServerError(
        f"No {count} free ports on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop - 1}: end "
        "what holds them, or point StreamHub to outside servers by its STREAMHUB_..._URL settings."
    )
