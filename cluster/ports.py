"""The ports that all hosts of a node share, claimed before any host is started."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from streamhub.config import ServerSettings
from streamhub.transport.site import listen_socket

_REASONS: Final = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be used by this user",
    errno.EADDRNOTAVAIL: "is on an address that this machine does not have",
}


class PortTaken(Exception):
    """A port cannot be had; the text says which, and what to change."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Held, so that nobody else gets them between two hosts, but not listened to by us."""

    public: int
    admin: int
    _held: ExitStack

    def close(self) -> None:
        self._held.close()


def claim_ports(server: ServerSettings) -> Ports:
    """Claim the public and the admin port; 0 picks one. Raises PortTaken."""
    with ExitStack() as held:
        public = held.enter_context(_claim(server.host, server.port, "--port or STREAMHUB_PORT"))
        admin = held.enter_context(
            _claim(server.admin_host, server.admin_port, "STREAMHUB_ADMIN_PORT")
        )
        return Ports(public.getsockname()[1], admin.getsockname()[1], held.pop_all())


def _claim(host: str, port: int, setting: str) -> socket.socket:
    try:
        # First without sharing: with it, we would join another server of this user on its port.
        listen_socket(host, port, reuse_port=False).close()
        return listen_socket(host, port, reuse_port=True)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise PortTaken(
            f"Port {port} on {host} {reason}. Choose another with {setting}; 0 picks a free one."
        ) from error
