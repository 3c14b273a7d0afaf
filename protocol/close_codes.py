"""Why a socket was closed, and whether its client should come back.

4000-4499 mean: reconnect, with full jitter from 0.1 s to 10 s, and say `since`.
4500-4999 mean: do not, before a user or a developer has changed something.
"""

from enum import IntEnum
from typing import Final

_LIKE_INTERNAL: Final = frozenset({1001, 1006, 1012, 1013})


class CloseCode(IntEnum):
    """The codes this server sends. A client must take unknown ones by their range."""

    INTERNAL = 4000
    AUTH_TIMEOUT = 4003
    SLOW_CONSUMER = 4008
    RATE_LIMITED = 4009
    UNAVAILABLE = 4010
    DRAINING = 4400
    RESTARTING = 4401
    BAD_FRAME = 4501
    FRAME_TOO_BIG = 4502
    VERSION_UNSUPPORTED = 4503
    TOKEN_INVALID = 4504
    SESSION_REVOKED = 4505
    ACCOUNT_SUSPENDED = 4506


def reconnects(code: int) -> bool:
    """Whether a client closed with `code` comes back by itself.

    Going away (1001), a lost connection (1006), service restart (1012) and try again later (1013)
    count as 4000; every other code of the WebSocket standard is final.
    """
    return 4000 <= code <= 4499 or code in _LIKE_INTERNAL


def reason(code: CloseCode, retry_after_ms: int | None = None) -> str:
    """The reason text: `unavailable retry_after_ms=1200`. ASCII, under the 123 bytes allowed."""
    name = code.name.lower()
    return name if retry_after_ms is None else f"{name} retry_after_ms={retry_after_ms}"
