"""The Python SDK of StreamHub, and the terminal client built on it."""

from streamhub.client.client import StreamHubClient
from streamhub.client.errors import (
    ClientError,
    ConfirmByMail,
    Refused,
    SessionEnded,
    Unacknowledged,
    Unreachable,
)
from streamhub.client.events import (
    ChannelAdded,
    ChannelRemoved,
    ChannelReset,
    ChannelUpdated,
    ClientEvent,
    ConnectionLost,
    ConnectionRestored,
    DraftUpdated,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    MessageChanged,
    MessagePosted,
    PresenceUpdated,
    ReadUpdated,
    SeenUpdated,
    ServerNotice,
    TypingStarted,
)
from streamhub.client.http import HttpApi
from streamhub.client.tokens import AccountTokens, TokenSource

__all__ = [
    "AccountTokens",
    "ChannelAdded",
    "ChannelRemoved",
    "ChannelReset",
    "ChannelUpdated",
    "ClientError",
    "ClientEvent",
    "ConfirmByMail",
    "ConnectionLost",
    "ConnectionRestored",
    "DraftUpdated",
    "HttpApi",
    "MemberJoined",
    "MemberLeft",
    "MemberUpdated",
    "MessageChanged",
    "MessagePosted",
    "PresenceUpdated",
    "ReadUpdated",
    "Refused",
    "SeenUpdated",
    "ServerNotice",
    "SessionEnded",
    "StreamHubClient",
    "TokenSource",
    "TypingStarted",
    "Unacknowledged",
    "Unreachable",
]
