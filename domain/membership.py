"""Who may do what in a channel. A stranger cannot tell a private channel from none at all."""

from collections.abc import Collection, Mapping
from typing import Final

from streamhub.domain.channels import MUTED_FOR_EVER, Channel, Member, Mention, Role
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

MAX_CHANNELS_PER_USER: Final = 2000

MAX_CALLED: Final = 1000
"""Members of a channel whom `@channel` reaches: each has a row then."""

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


def check_not_muted(member: Member, now_ms: int) -> None:
    """Who is muted reads and listens; what they said they may delete. Raises Refused("muted")."""
    until = member.muted_until
    if until is None or until <= now_ms:
        return
    left = None if until >= MUTED_FOR_EVER else until - now_ms
    raise Refused("muted", "you may only read in this channel", retry_after_ms=left)


def called_by(
    channel: Channel, members: Members, by: UserId, mentions: tuple[Mention, ...]
) -> tuple[UserId, ...]:
    """Whom a message mentions without naming them: everybody by `@channel`. Those who are there
    see a `@here` for themselves. Raises Refused: forbidden, limit_reached."""
    calls = {mention.calls for mention in mentions} - {None}
    if not calls:
        return ()
    if channel.rules.announcers == "moderators" and not moderates(members[by].role):
        detail = "only moderators may call everybody in this channel: write it without the @"
        raise Refused("forbidden", detail, field="text")
    if "channel" not in calls:
        return ()
    if len(members) > MAX_CALLED:
        detail = f"@channel reaches at most {MAX_CALLED} members, and there are {len(members)}"
        raise Refused("limit_reached", detail, field="text")
    return tuple(members)


def moderates(role: Role) -> bool:
    """Whether a member with this role may do to others' messages what their authors may."""
    return role in ("owner", "moderator")


def check_may_update(
    channel: Channel, members: Members, by: UserId, *, whole: bool, everywhere: bool
) -> None:
    """Moderators change what a channel is called and how fast it is; its owners alone (`whole`)
    who sees and calls whom, and whether it is archived. `everywhere`: the account may do in every
    channel it is in what an owner may. Raises Refused: not_found, not_a_member, forbidden."""
    _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation has nothing to change")
    role = members[by].role
    if not (everywhere or role == "owner" or (role == "moderator" and not whole)):
        least = "owners" if whole else "owners and moderators"
        raise Refused("forbidden", f"only the channel's {least} may change this")


def check_rules_fit(channel: Channel, rules: Mapping[str, object]) -> None:
    """Raises Refused("bad_request")."""
    if rules.get("history") == "joined" and channel.visibility == "public":
        detail = "everybody may read a public channel from its beginning"
        raise Refused("bad_request", detail, field="history")


def check_may_update_member(
    channel: Channel,
    members: Members,
    by: UserId,
    user: UserId,
    *,
    role: Role | None,
    everywhere: bool,
) -> None:
    """Owners give roles, and mute whom they may remove; moderators mute members. A channel keeps an
    owner. Raises Refused: not_found, not_a_member, forbidden, conflict."""
    _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "in a direct conversation all are the same")
    mine = "owner" if everywhere else members[by].role
    if user not in members:
        raise Refused("not_found", "there is no such member", field="user")
    theirs = members[user].role
    if role is not None:
        if mine != "owner":
            raise Refused("forbidden", "only the channel's owners give roles")
        owners = sum(member.role == "owner" for member in members.values())
        if theirs == "owner" and role != "owner" and owners == 1:
            raise Refused("conflict", "it is the last owner: make another one first", field="role")
    elif theirs not in _MAY_REMOVE.get(mine, set()):
        raise Refused("forbidden", "your role does not let you mute this member")


def check_may_ban(
    channel: Channel,
    members: Members,
    by: UserId,
    users: tuple[UserId, ...],
    *,
    everywhere: bool,
) -> None:
    """Owners ban all, moderators members and who is none; nobody themselves. Also for the end of a
    ban. Raises Refused: not_found, not_a_member, forbidden."""
    _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation keeps its members")
    removable = _MAY_REMOVE.get("owner" if everywhere else members[by].role, set())
    if not removable:
        raise Refused("forbidden", "only the channel's owners and moderators ban")
    for at, user in enumerate(users):
        if user == by:
            raise Refused("forbidden", "leave the channel instead", field=f"users[{at}]")
        if user in members and members[user].role not in removable:
            raise Refused("forbidden", "your role does not let you ban this member")


def check_may_listen(channel: Channel, members: Members, user: UserId) -> None:
    """Raises Refused: not_found, not_a_member."""
    _check_member(channel, members, user)


def check_may_add(
    channel: Channel, members: Members, by: UserId, users: tuple[UserId, ...]
) -> None:
    """Anyone may join a public channel; members invite; who is banned is told so by
    `check_not_banned`. Raises Refused: not_found, forbidden, not_a_member, channel_archived."""
    joins = users == (by,)
    if not (joins and (by in members or channel.visibility == "public")):
        _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation has the members it began with")
    _check_not_archived(channel)


def check_not_banned(banned: Collection[UserId], by: UserId, users: tuple[UserId, ...]) -> None:
    """Raises Refused("forbidden")."""
    for at, user in enumerate(users):
        if user in banned:
            if user == by:
                raise Refused("forbidden", "you are banned from this channel")
            raise Refused("forbidden", "the user is banned from it", field=f"users[{at}]")


def check_may_remove(
    channel: Channel,
    members: Members,
    by: UserId,
    users: tuple[UserId, ...],
    *,
    everywhere: bool = False,
) -> None:
    """Everyone may leave; owners remove all, moderators members. Raises Refused: not_found,
    forbidden, not_a_member."""
    _check_member(channel, members, by)
    if channel.kind != "channel":
        raise Refused("forbidden", "a direct conversation keeps its members")
    removable = _MAY_REMOVE.get("owner" if everywhere else members[by].role, set())
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
