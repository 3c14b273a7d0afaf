"""The commands of those who own and moderate a channel; who may is said by its actor."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.access import Standing, moderates_everywhere
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.membership import moderates
from streamhub.domain.messages import (
    BanMembers,
    ChannelChanged,
    MembersChanged,
    RemoveMembers,
    UpdateChannel,
    UpdateMember,
    channel_actor,
)
from streamhub.domain.people import People
from streamhub.protocol import frames, managing
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport import wire
from streamhub.transport.requests import Handler, Request, found


class ManagingCommands:
    """Change a channel and its members."""

    def __init__(self, store: ChannelStore, people: People) -> None:
        self._store = store
        self._people = people
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            managing.ChannelUpdate: _update,
            managing.ChannelArchive: _archive,
            managing.MemberUpdate: _update_member,
            managing.MemberBan: self._ban,
            managing.MemberUnban: _unban,
            managing.MemberBanned: self._banned,
            frames.MemberRemove: _remove,
        }

    async def _ban(self, standing: Standing, body: managing.MemberBan) -> Request:
        user = UserId(body.user)
        found(await self._store.overview(ChannelId(body.channel), standing.user), "channel")
        if user not in await self._people.by_ids((user,)):
            raise Refused("not_found", "there is no such user", field="user")
        return _bans(standing, body, on=True)

    async def _banned(self, standing: Standing, body: managing.MemberBanned) -> Outgoing:
        channel, user = ChannelId(body.channel), standing.user
        mine = found(await self._store.overview(channel, user), "channel")
        if not (moderates(mine.role) or moderates_everywhere(standing)):
            raise Refused("forbidden", "only the channel's owners and moderators see who is banned")
        page = found(await self._store.banned(channel, user, body.cursor, body.limit), "channel")
        items = tuple(wire.member_object(member) for member in page.items)
        return frames.MemberPage(items=items, next_cursor=page.next_cursor)


def _update(standing: Standing, body: managing.ChannelUpdate) -> Request:
    rules = {
        "slow_mode_s": body.slow_mode_s,
        "history": body.history,
        "announcers": body.announcers,
        "keep_days": body.keep_days,
    }
    update = UpdateChannel(
        by=standing.user,
        name=body.name,
        topic=body.topic,
        rules={name: value for name, value in rules.items() if value is not None},
        everywhere=moderates_everywhere(standing),
    )
    return Request(channel_actor(ChannelId(body.channel)), update, _changed)


def _archive(standing: Standing, body: managing.ChannelArchive) -> Request:
    update = UpdateChannel(
        by=standing.user, archived=body.archived, everywhere=moderates_everywhere(standing)
    )
    return Request(channel_actor(ChannelId(body.channel)), update, _changed)


def _update_member(standing: Standing, body: managing.MemberUpdate) -> Request:
    update = UpdateMember(
        by=standing.user,
        user=UserId(body.user),
        role=body.role,
        muted_until=body.muted_until_at,
        everywhere=moderates_everywhere(standing),
    )
    return Request(channel_actor(ChannelId(body.channel)), update, members)


def _unban(standing: Standing, body: managing.MemberUnban) -> Request:
    return _bans(standing, body, on=False)


def _bans(
    standing: Standing, body: managing.MemberBan | managing.MemberUnban, *, on: bool
) -> Request:
    ban = BanMembers(
        by=standing.user,
        users=(UserId(body.user),),
        on=on,
        everywhere=moderates_everywhere(standing),
    )
    return Request(channel_actor(ChannelId(body.channel)), ban, members)


def _remove(standing: Standing, body: frames.MemberRemove) -> Request:
    remove = RemoveMembers(
        by=standing.user,
        users=tuple(UserId(name) for name in body.users),
        everywhere=moderates_everywhere(standing),
    )
    return Request(channel_actor(ChannelId(body.channel)), remove, members)


def members(answer: MembersChanged) -> Outgoing:
    """The reply to a change of members."""
    return frames.Members(members=tuple(wire.member_object(m) for m in answer.members))


def _changed(answer: ChannelChanged) -> Outgoing:
    return wire.channel_object(answer.channel)
