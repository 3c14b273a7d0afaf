"""Whom a request comes from, when proxies stand in front: only those on a list are believed.

`X-Forwarded-For` grows from left to right, one address a proxy; `X-Forwarded-Proto` says what the
last proxy was asked by. Anybody can send both. So they count only when the peer of the connection
is on the list, and addresses only from the right, up to the first that is not on it.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import hdrs, web

_LOCAL: Final = "local"
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies that are believed: addresses and networks, as `config.rules.NETWORKS` reads them.

    None: nobody is.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in trusted)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The rightmost address that is no trusted proxy's: `peer` itself, or one of the header.

        The leftmost if all are trusted. What is no address ends the search: then the proxy that
        passed it on stands for whoever is behind.
        """
        found = peer
        if not self.trusts(peer):
            return found
        for hop in reversed(",".join(forwarded_for).split(",")):
            address = _address(hop)
            if address is None:
                break
            found = str(address)
            if not self._has(address):
                break
        return found

    def trusts(self, peer: str) -> bool:
        """Whether what this peer says of others is believed. Local sockets are never."""
        address = _address(peer) if self._networks else None
        return address is not None and self._has(address)

    def _has(self, address: _Ip) -> bool:
        return any(address in network for network in self._networks)


PROXIES: Final = web.AppKey("proxies", Proxies)


def remote_of(request: web.Request) -> str:
    """The client's address; `local` for a local socket. The application must have PROXIES."""
    peer = request.remote or _LOCAL
    return request.app[PROXIES].client(peer, request.headers.getall(hdrs.X_FORWARDED_FOR, ()))


def is_secure(request: web.Request) -> bool:
    """Whether the client speaks TLS: to us, or to the trusted proxy that asks. Like `remote_of`."""
    if request.secure:
        return True
    said = request.headers.getall(hdrs.X_FORWARDED_PROTO, ())
    if not said or not request.app[PROXIES].trusts(request.remote or _LOCAL):
        return False
    return ",".join(said).rpartition(",")[2].strip().lower() == "https"


def _address(text: str) -> _Ip | None:
    """An address, as it is or with a port behind it; of IPv4 in IPv6, the IPv4 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
