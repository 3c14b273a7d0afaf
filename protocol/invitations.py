"""The bodies of invitations."""

from streamhub.protocol.accounts import Confidential
from streamhub.protocol.frames import Outgoing
from streamhub.protocol.scalars import Timestamp


class Invite(Confidential, frozen=True, kw_only=True):
    """`POST /v1/invitations`: for so many accounts and days. With `email` it is mailed, and good
    for that address alone."""

    email: str | None = None
    uses: int = 1
    days: int = 7


class InvitationObject(Outgoing, frozen=True, kw_only=True):
    """An invitation that can still be used."""

    id: str
    email: str | None = None
    max_uses: int
    uses: int
    created_at: Timestamp
    expires_at: Timestamp

    def __repr__(self) -> str:
        return f"InvitationObject({self.id})"


class MadeInvitation(InvitationObject, frozen=True, kw_only=True):
    """`invitation` is what the one who is invited shows; it comes this once, and not at all with
    `email`: then it is in the mail alone, as it proves that address."""

    invitation: str | None = None

    def __repr__(self) -> str:
        return f"MadeInvitation({self.id})"


class InvitationList(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/invitations`, the oldest first."""

    items: tuple[InvitationObject, ...]


class Redeem(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/invited`."""

    invitation: str
    email: str
    handle: str
    name: str
    password: str
