"""Who may do what in a channel. A stranger cannot tell a private channel from none at all."""

from collections.abc import Mapping
from typing import Final

from streamhub.domain.channels import Channel, Member, Role
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

MAX_CHANNELS_PER_USER: Final = 2000

_MAY_REMOVE: Final = {"owner": {"owner", "moderator", "member"}, "moderator": {"member"}}

Members = Mapping[UserId, Member]


def check_may_post(channel: Channel, members: Members, user: UserId) -> None:
    """Raises Refused: not_found, not_a_member, channel_archived."""
    _check_member(channel, members, user)
    _check_not_archived(channel)


def check_may_revise(channel: Channel, members: Members, user: UserId) -> None:
    """Edit, delete, react to and pin messages; which ones is said by the message. Raises Refused
    like `check_may_post`."""
    check_may_post(channel, members, user)


def moderates(role: Role) -> bool:
    """Whether a member with this role may do to others' messages what their authors may."""
    return role in ("owner", "moderator")


def check_may_listen(channel: Channel, members: Members, user: UserId) -> None:
    """Raises Refused: not_found, not_a_member."""
    _check_member(channel, members, user)


def check_may_add(
    channel: Channel, members: Members, by: UserId, users: tuple[UserId, ...]
) -> None:
    """Anyone may join a public channel; members invite. Raises Refused: not_found, forbidden,
    not_a_member, channel_archived."""
    joins = users == (by,)
    if not (joins and (by in members or channel.visibility == "public")):
        _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation has the members it began with")
    _check_not_archived(channel)


def check_may_remove(
    channel: Channel, members: Members, by: UserId, users: tuple[UserId, ...]
) -> None:
    """Everyone may leave; owners remove all, moderators members. Raises Refused: not_found,
    forbidden, not_a_member."""
    _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation keeps its members")
    removable = _MAY_REMOVE.get(members[by].role, set())
    for user in users:
        if user != by and user in members and members[user].role not in removable:
            raise Refused("forbidden", "your role does not let you remove this member")


def _check_member(channel: Channel, members: Members, user: UserId) -> None:
    if user in members:
        return
    if channel.visibility == "public":
        raise Refused("not_a_member", "join the channel first")
    raise Refused("not_found", "there is no such channel, or it is not for you")


def _check_not_archived(channel: Channel) -> None:
    if channel.archived_at is not None:
        raise Refused("channel_archived", "the channel is archived; it can only be read")
