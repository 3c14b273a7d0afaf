"""Whether people are there, and what they say of themselves: values, and where the durable part is.

Whether somebody is online or away is known only to the host of the inbox, and forgotten with it.
What a user said (do not disturb, a status) is kept.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from streamhub.domain.ids import UserId

Whereabouts = Literal["online", "away", "offline"]
State = Literal["online", "away", "dnd", "offline"]

PRESENCE_CHANGED = "presence_changed"
"""The entry of the cluster log after a user chose to be seen, or not to be."""


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user says of itself, until `expires_at` (ms), or for ever. Empty: nothing."""

    text: str = ""
    emoji: str | None = None
    expires_at: int | None = None

    @property
    def says_something(self) -> bool:
        return bool(self.text or self.emoji)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The durable part. `shown`: others may see whether the user is there."""

    shown: bool = True
    dnd: bool = False
    status: Status | None = None


class PresenceStore(Protocol):
    """What users said of themselves. Raises TryAgain("unavailable")."""

    async def kept(self, user: UserId, now_ms: int) -> Kept:
        """What the user said, without a status that is over."""
        ...

    async def keep(self, user: UserId, dnd: bool | None, status: Status | None) -> None:
        """Change what is given; an empty status takes it back."""
        ...

    async def sharing(self, user: UserId, others: Sequence[UserId]) -> frozenset[UserId]:
        """Those of `others` who are in a channel with `user`; a user is always with itself."""
        ...
