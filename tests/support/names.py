"""A name with several addresses, as a DNS gives it for several machines of one service.

Clients of a loop from here try the addresses in any order, the next one when an address does not
answer within a quarter of a second (RFC 8305, which aiohttp does).
"""

import random
import socket
from typing import Any, Final

import uvloop

NAMES: Final[dict[str, tuple[str, ...]]] = {}
"""The addresses of each name; tests change them while loops run."""


class NamingLoop(uvloop.Loop):
    """Knows the names above, besides those everybody knows."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        addresses = NAMES.get(str(host))
        if not addresses:
            return await super().getaddrinfo(host, port, **options)
        order = random.sample(addresses, len(addresses))
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in order]
