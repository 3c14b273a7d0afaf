"""The commands of the wire as typed methods."""

import secrets
from collections.abc import Sequence
from typing import Final

from streamhub.client.calls import WITHIN_S as WITHIN_S
from streamhub.client.commands_drafting import DraftingCommands
from streamhub.client.commands_managing import ManagingCommands
from streamhub.client.commands_notifying import NotifyingCommands
from streamhub.client.commands_presence import PresenceCommands
from streamhub.client.commands_reporting import ReportingCommands
from streamhub.client.commands_revising import RevisingCommands
from streamhub.client.commands_saving import SavingCommands
from streamhub.client.commands_scheduling import SchedulingCommands
from streamhub.client.commands_searching import SearchingCommands
from streamhub.client.commands_threads import ThreadCommands
from streamhub.protocol.frames import (
    ChannelCreate,
    ChannelGet,
    ChannelJoin,
    ChannelLeave,
    ChannelList,
    ChannelObject,
    ChannelPage,
    ChannelSeen,
    DirectHide,
    DirectOpen,
    History,
    MemberAdd,
    MemberList,
    MemberPage,
    MemberRemove,
    Members,
    MessageGet,
    MessageHistory,
    MessageObject,
    MessageSend,
    Receipt,
    SeenList,
    Visibility,
)
from streamhub.protocol.scalars import DEFAULT_PAGE

HARMLESS: Final = frozenset(
    {
        "channel.get",
        "channel.list",
        "channel.join",
        "channel.sync",
        "channel.read",
        "channel.mark_unread",
        "channel.seen",
        "channel.update",
        "channel.archive",
        "direct.hide",
        "direct.open",
        "channel.notify",
        "draft.list",
        "draft.set",
        "notification.list",
        "notification.read",
        "member.list",
        "member.update",
        "member.ban",
        "member.unban",
        "member.banned",
        "message.get",
        "message.history",
        "message.edit",
        "message.delete",
        "message.editions",
        "reaction.add",
        "reaction.remove",
        "pin.add",
        "pin.remove",
        "pin.list",
        "message.report",
        "message.save",
        "message.saved",
        "message.search",
        "message.unsave",
        "presence.get",
        "presence.set",
        "schedule.cancel",
        "schedule.list",
        "schedule.update",
        "thread.list",
        "thread.read",
        "thread.follow",
        "focus",
    }
)
"""Without a key, but doing them twice is the same as doing them once."""


class Commands(
    DraftingCommands,
    ManagingCommands,
    NotifyingCommands,
    PresenceCommands,
    ReportingCommands,
    RevisingCommands,
    SavingCommands,
    SchedulingCommands,
    SearchingCommands,
    ThreadCommands,
):
    """All commands raise Refused, Unacknowledged and SessionEnded; see `call`."""

    async def send(
        self,
        channel: str,
        text: str,
        *,
        thread: str | None = None,
        in_channel: bool = False,
        silent: bool = False,
        files: Sequence[str] = (),
        key: str | None = None,
        within_s: float = WITHIN_S,
    ) -> Receipt:
        """Post a message, once: a reply, if it names what it replies to as `thread`. The receipt
        means that it is committed. `files` are ids of one's own, for all who may read it.

        After Unacknowledged, give its `key` to try further without posting twice.
        """
        key = key or new_key()
        body = MessageSend(
            channel=channel,
            text=text,
            thread=thread,
            in_channel=in_channel,
            silent=silent,
            files=tuple(files),
        )
        receipt: Receipt = await self.call("message.send", body, key=key, within_s=within_s)
        return receipt

    async def seen(self, channel: str) -> SeenList:
        """How far the others have read, where at most 20 are and let it be known."""
        found: SeenList = await self.call("channel.seen", ChannelSeen(channel=channel))
        return found

    async def message(self, channel: str, message: str) -> MessageObject:
        body = MessageGet(channel=channel, message=message)
        found: MessageObject = await self.call("message.get", body)
        return found

    async def history(
        self,
        channel: str,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = DEFAULT_PAGE,
        thread: str | None = None,
    ) -> History:
        """Messages in `seq` order: before, after or around a seq, else the newest. With `thread`:
        the replies to that message."""
        body = MessageHistory(
            channel=channel, thread=thread, before=before, after=after, around=around, limit=limit
        )
        page: History = await self.call("message.history", body)
        return page

    async def create_channel(
        self, name: str, visibility: Visibility = "public", topic: str | None = None
    ) -> ChannelObject:
        body = ChannelCreate(name=name, visibility=visibility, topic=topic)
        channel: ChannelObject = await self.call("channel.create", body, key=new_key())
        return channel

    async def channel(self, channel: str) -> ChannelObject:
        found: ChannelObject = await self.call("channel.get", ChannelGet(channel=channel))
        return found

    async def channel_list(
        self, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> ChannelPage:
        """Public channels and one's own."""
        page: ChannelPage = await self.call("channel.list", ChannelList(cursor=cursor, limit=limit))
        return page

    async def join_channel(self, channel: str) -> ChannelObject:
        joined: ChannelObject = await self.call("channel.join", ChannelJoin(channel=channel))
        return joined

    async def leave_channel(self, channel: str) -> None:
        await self.call("channel.leave", ChannelLeave(channel=channel))

    async def open_direct(self, *users: str) -> ChannelObject:
        """The conversation of oneself and these users; the same people have the same one."""
        opened: ChannelObject = await self.call("direct.open", DirectOpen(users=users))
        return opened

    async def hide_direct(self, channel: str) -> None:
        """Take a direct conversation off one's list, until there is news or it is opened."""
        await self.call("direct.hide", DirectHide(channel=channel))

    async def add_members(self, channel: str, users: tuple[str, ...]) -> Members:
        body = MemberAdd(channel=channel, users=users)
        added: Members = await self.call("member.add", body, key=new_key())
        return added

    async def remove_members(self, channel: str, users: tuple[str, ...]) -> Members:
        body = MemberRemove(channel=channel, users=users)
        removed: Members = await self.call("member.remove", body)
        return removed

    async def member_list(
        self, channel: str, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> MemberPage:
        body = MemberList(channel=channel, cursor=cursor, limit=limit)
        page: MemberPage = await self.call("member.list", body)
        return page


def new_key() -> str:
    """An idempotency key nobody else uses. Not secret: readers of the channel see it."""
    return secrets.token_urlsafe(16)
