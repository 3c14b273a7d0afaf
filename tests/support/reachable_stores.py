"""The embedded servers, on an address that other machines reach."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streamhub.persistence.embedded.postgres import EmbeddedPostgres
from streamhub.persistence.embedded.process import Command, EmbeddedServer
from streamhub.persistence.embedded.seaweed import EmbeddedSeaweed
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.embedded.valkey import EmbeddedValkey

_LOOPBACK: Final = "127.0.0.1"
_READY_WITHIN_S: Final = 120.0


class _Postgres(EmbeddedPostgres):
    def __init__(self, folder: Path, address: str, subnet: str) -> None:
        super().__init__(folder)
        self._address = address
        self._subnet = subnet

    @property
    def url(self) -> str:
        return super().url.replace(_LOOPBACK, self._address)

    def _prepare(self) -> Iterator[Command]:
        yield from super()._prepare()
        (self._data / "pg_hba.conf").write_text(f"host all all {self._subnet} scram-sha-256\n")

    def _server(self) -> Command:
        command = super()._server()
        return Command([*command.argv, "-c", f"listen_addresses={self._address}"], command.env)


class _Valkey(EmbeddedValkey):
    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    @property
    def url(self) -> str:
        return super().url.replace(_LOOPBACK, self._address)

    def _server(self) -> Command:
        command = super()._server()
        return Command([*command.argv, "--bind", _LOOPBACK, self._address], command.env)


class _Seaweed(EmbeddedSeaweed):
    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    @property
    def url(self) -> str:
        return super().url.replace(_LOOPBACK, self._address)

    def _server(self) -> Command:
        command = super()._server()
        return Command(
            [word.replace(_LOOPBACK, self._address) for word in command.argv], command.env
        )

    def _answers(self) -> bool:
        try:
            socket.create_connection((self._address, self._ports["s3.port"]), timeout=1).close()
        except OSError:
            return False
        return True


class ReachableStores:
    """PostgreSQL, Valkey and S3 at `address`, for those in `subnet`. Main thread only."""

    def __init__(self, folder: Path, address: str, subnet: str) -> None:
        self.postgres = _Postgres(folder / "postgres", address, subnet)
        self.valkey = _Valkey(folder / "valkey", address)
        self.seaweed = _Seaweed(folder / "s3", address)

    @property
    def _all(self) -> tuple[EmbeddedServer, ...]:
        return (self.postgres, self.valkey, self.seaweed)

    @property
    def urls(self) -> EmbeddedUrls:
        return EmbeddedUrls(self.postgres.url, self.valkey.url, self.seaweed.url)

    def spawn(self) -> None:
        for server in self._all:
            server.spawn()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        for server in self._all:
            server.wait_ready(deadline - time.monotonic())

    def stop(self) -> None:
        for server in self._all:
            server.ask_to_stop()
        for server in self._all:
            server.stop()
