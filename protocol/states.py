"""The states of one client's socket and how each input moves it, in prose and as data.

    WAITING_AUTH    `hello` was sent. The client has `auth_timeout_ms` to send `auth`. A command is
                    answered `unauthenticated`, a ping with a pong.
    AUTHENTICATING  `auth` came and the host is looking at it, for as long as it takes (before
                    `ready` the client may have to wait for a database). A second `auth` closes.
    OPEN            Commands are delivered. `auth` renews the token in place: same user, no
                    `since`; the socket stays open whatever the host says, unless it closes it.
    CLOSING         A close was sent; it is sent once. What the client still says is dropped, and
                    late answers and verdicts of the host are accepted and forgotten.
    CLOSED          The socket is gone. Late answers are still forgotten; nothing else may come.

Every live state ends in CLOSING on a bad frame, a flood, silence and the host's wish. `TRANSITIONS`
is this as data; a pair that is not in it raises IllegalStep and changes nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    WAITING_AUTH = "waiting_auth"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Input(StrEnum):
    AUTH = "auth"
    COMMAND = "command"
    PING = "ping"
    BROKEN = "broken"
    FLOOD = "flood"
    OVERDUE = "overdue"
    AUTHENTICATED = "authenticated"
    ANSWERED = "answered"
    CLOSE = "close"
    GONE = "gone"


LIVE: Final = (State.WAITING_AUTH, State.AUTHENTICATING, State.OPEN)
_ENDING: Final = (Input.BROKEN, Input.FLOOD, Input.OVERDUE, Input.CLOSE)
_FRAMES: Final = (Input.AUTH, Input.COMMAND, Input.PING, Input.BROKEN)
_LATE: Final = (Input.AUTHENTICATED, Input.ANSWERED, Input.CLOSE)

TRANSITIONS: Final[Mapping[tuple[State, Input], State]] = MappingProxyType(
    {
        **{(state, input_): State.CLOSING for state in LIVE for input_ in _ENDING},
        **{(state, Input.COMMAND): state for state in LIVE},
        **{(state, Input.PING): state for state in LIVE},
        **{(state, Input.GONE): State.CLOSED for state in State},
        **{(State.CLOSING, input_): State.CLOSING for input_ in (*_FRAMES, *_LATE)},
        **{(State.CLOSED, input_): State.CLOSED for input_ in _LATE},
        (State.WAITING_AUTH, Input.AUTH): State.AUTHENTICATING,
        (State.AUTHENTICATING, Input.AUTH): State.CLOSING,
        (State.AUTHENTICATING, Input.AUTHENTICATED): State.OPEN,
        (State.OPEN, Input.AUTH): State.OPEN,
        (State.OPEN, Input.AUTHENTICATED): State.OPEN,
        (State.OPEN, Input.ANSWERED): State.OPEN,
    }
)


class IllegalStep(Exception):
    """The host did what this state does not allow: a mistake in the host, not in the client."""
