"""The bodies of personal tokens and bots."""

from streamhub.protocol.frames import Incoming, Outgoing
from streamhub.protocol.scalars import Timestamp, UserId


class MakeToken(Incoming, frozen=True, kw_only=True):
    """`POST /v1/me/tokens`, `/v1/me/bots/{bot}/tokens`. Without `expires_at` it is good until it is
    revoked."""

    name: str
    scopes: tuple[str, ...]
    expires_at: Timestamp | None = None


class TokenObject(Outgoing, frozen=True, kw_only=True):
    """A personal token, but for the token."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: Timestamp
    expires_at: Timestamp | None = None
    last_used_at: Timestamp | None = None
    last_address: str | None = None


class MadeToken(TokenObject, frozen=True, kw_only=True):
    """`token` is what programs send as `Authorization: Bearer`, shown this once."""

    token: str

    def __repr__(self) -> str:
        return f"MadeToken({self.id})"


class TokenList(Outgoing, frozen=True, kw_only=True):
    """The oldest first."""

    items: tuple[TokenObject, ...]


class MakeBot(Incoming, frozen=True, kw_only=True):
    """`POST /v1/me/bots`."""

    handle: str
    name: str


class ChangeBot(Incoming, frozen=True, kw_only=True):
    """`PATCH /v1/me/bots/{bot}`. What is absent stays."""

    handle: str | None = None
    name: str | None = None


class BotObject(Outgoing, frozen=True, kw_only=True):
    """A bot of one's own."""

    id: UserId
    handle: str
    name: str
    status: str
    created_at: Timestamp


class BotList(Outgoing, frozen=True, kw_only=True):
    """The oldest first."""

    items: tuple[BotObject, ...]
