"""The commands about presence as typed methods."""

from typing import Literal

from streamhub.client.calls import Calls
from streamhub.protocol.presence import PresenceGet, PresenceObject, PresenceSet, StatusSet


class PresenceCommands(Calls):
    """Who is there, and what one says of oneself."""

    async def set_presence(
        self,
        state: Literal["online", "away", "dnd"] | None = None,
        status: StatusSet | None = None,
    ) -> None:
        """Say whether one is there, anything else, or both; an empty status takes it back."""
        await self.call("presence.set", PresenceSet(state=state, status=status))

    async def presence(self, user: str) -> PresenceObject:
        """Of oneself, or of somebody one shares a channel with."""
        found: PresenceObject = await self.call("presence.get", PresenceGet(user=user))
        return found
