"""The commands of those who own and moderate a channel as typed methods."""

from streamhub.client.calls import Calls
from streamhub.protocol.frames import ChannelObject, MemberPage, Members
from streamhub.protocol.managing import (
    Announcers,
    ChannelArchive,
    ChannelUpdate,
    GivenRole,
    HistorySeen,
    MemberBan,
    MemberBanned,
    MemberUnban,
    MemberUpdate,
)
from streamhub.protocol.scalars import DEFAULT_PAGE, MAX_INT

FOR_EVER = MAX_INT
"""A time that never comes."""


class ManagingCommands(Calls):
    """Who may do it is said by the channel: owners, and some of it moderators."""

    async def update_channel(
        self,
        channel: str,
        *,
        name: str | None = None,
        topic: str | None = None,
        slow_mode_s: int | None = None,
        history: HistorySeen | None = None,
        announcers: Announcers | None = None,
        keep_days: int | None = None,
    ) -> ChannelObject:
        """Change what is given. An empty topic takes it away."""
        body = ChannelUpdate(
            channel=channel,
            name=name,
            topic=topic,
            slow_mode_s=slow_mode_s,
            history=history,
            announcers=announcers,
            keep_days=keep_days,
        )
        changed: ChannelObject = await self.call("channel.update", body)
        return changed

    async def archive(self, channel: str, archived: bool = True) -> ChannelObject:
        """From now on it can only be read; or, not `archived`, no longer only that."""
        body = ChannelArchive(channel=channel, archived=archived)
        changed: ChannelObject = await self.call("channel.archive", body)
        return changed

    async def give_role(self, channel: str, user: str, role: GivenRole) -> Members:
        body = MemberUpdate(channel=channel, user=user, role=role)
        changed: Members = await self.call("member.update", body)
        return changed

    async def mute(self, channel: str, user: str, until_at: int = FOR_EVER) -> Members:
        """Until then (ms since 1970) the member may only read; 0 ends it."""
        body = MemberUpdate(channel=channel, user=user, muted_until_at=until_at)
        changed: Members = await self.call("member.update", body)
        return changed

    async def ban(self, channel: str, user: str) -> Members:
        """Take a user out, who may not come back."""
        changed: Members = await self.call("member.ban", MemberBan(channel=channel, user=user))
        return changed

    async def unban(self, channel: str, user: str) -> Members:
        changed: Members = await self.call("member.unban", MemberUnban(channel=channel, user=user))
        return changed

    async def banned(
        self, channel: str, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> MemberPage:
        body = MemberBanned(channel=channel, cursor=cursor, limit=limit)
        page: MemberPage = await self.call("member.banned", body)
        return page
