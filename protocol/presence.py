"""Presence on the wire: whether people are there, and what they say of themselves."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from streamhub.protocol.scalars import TEXT_PATTERN, ReactionKind, Timestamp, UserId
from streamhub.protocol.shapes import Incoming, Outgoing

MAX_STATUS: Final = 100

StatusText = Annotated[str, Meta(max_length=MAX_STATUS, pattern=TEXT_PATTERN)]
PresenceState = Literal["online", "away", "dnd", "offline"]


class StatusSet(Incoming, frozen=True, kw_only=True):
    """Words of one's own, a sign, or both, until `expires_at`. Without either: no status."""

    text: StatusText = ""
    emoji: ReactionKind | None = None
    expires_at: Timestamp | None = None


class PresenceSet(Incoming, frozen=True, kw_only=True):
    """A state, a status, or both. A socket is `away` or `online` by itself, and over REST all
    sockets of the user are; `dnd` (do not disturb) is the user's, and kept until `online` is said.
    """

    state: Literal["online", "away", "dnd"] | None = None
    status: StatusSet | None = None

    def __post_init__(self) -> None:
        if self.state is None and self.status is None:
            raise ValueError("give a state, a status, or both")


class PresenceGet(Incoming, frozen=True, kw_only=True):
    user: UserId


class StatusObject(Outgoing, frozen=True, kw_only=True):
    """What a user says of itself. It is over at `expires_at`, and nothing is sent then."""

    text: str = ""
    emoji: str | None = None
    expires_at: Timestamp | None = None


class PresenceObject(Outgoing, frozen=True, kw_only=True):
    """Whether a user is there: online in some session, away in all of them, not to be disturbed,
    or offline, as is whoever does not want to be seen."""

    user: UserId
    state: PresenceState
    status: StatusObject | None = None
