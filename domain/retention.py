"""Channels that keep their messages for some days only."""

from typing import Final, Protocol

import msgspec

from streamhub.domain.ids import ChannelId

DAY_MS: Final = 86_400_000
EXPIRED_AT_ONCE: Final = 500
"""Messages that one statement takes out."""


class Keeping(msgspec.Struct, frozen=True, gc=False):
    """A channel that keeps messages for `days`; the oldest there is was posted at `oldest` (ms)."""

    channel: ChannelId
    days: int
    oldest: int | None

    def due(self, now_ms: int) -> int | None:
        """The time before which messages are to go, if any are (ms)."""
        before = now_ms - self.days * DAY_MS
        return before if self.oldest is not None and self.oldest < before else None


class RetentionStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def keeping(self, after: ChannelId | None, limit: int) -> tuple[Keeping, ...]:
        """Such channels, in the order of their ids, after that one."""
        ...
