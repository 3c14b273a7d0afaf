"""Direct conversations that somebody took off their list. Nobody else notices.

What is kept is the `nth` of the conversation then: whatever counts as unread later has a larger
one, so the conversation comes back by itself, and nothing is written when a message comes.
"""

from typing import Protocol

from streamhub.domain.ids import ChannelId, UserId


class HidingStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def hide(self, channel: ChannelId, user: UserId) -> bool:
        """Take it off the user's list as it is now. False: the user is in no such conversation."""
        ...

    async def show(self, channel: ChannelId, user: UserId) -> bool:
        """Put it on the list again. Whether it had been taken off."""
        ...
