"""What all objects and commands of the wire have in common."""

from msgspec import Struct

from streamhub.protocol.scalars import ChannelId, MessageId


class Outgoing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a server sends."""


class Incoming(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a client sends."""


class ChannelCommand(Incoming, frozen=True, kw_only=True):
    """A command about one channel."""

    channel: ChannelId


class MessageCommand(ChannelCommand, frozen=True, kw_only=True):
    """A command about one message."""

    message: MessageId
