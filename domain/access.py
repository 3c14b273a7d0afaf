"""Who may do what: one table for the whole cluster, read by sockets and by HTTP alike.

What somebody may do in a channel depends on their role there and is decided by the channel, see
`domain/membership.py`. This table comes first: it says what the account as such may do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

Role = Literal["user", "moderator", "admin"]
Status = Literal["active", "suspended", "deactivated", "deleted"]
Scope = Literal[
    "account", "chat:read", "chat:write", "files:read", "files:write", "moderate", "admin"
]

ROLES: Final[tuple[Role, ...]] = ("user", "moderator", "admin")
"""Each may do what those before it may."""

SCOPES: Final[frozenset[Scope]] = frozenset(
    ("chat:read", "chat:write", "files:read", "files:write", "moderate", "admin")
)
"""What a personal access token may be made for. `account` is for signed-in people alone: no token
changes a password, or makes another token."""

RIGHTS_CHANGED: Final = "rights_changed"
"""The kind of the cluster log's entry about a user whose role or status changed."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of an account when it acts. `scopes`: those of the token it acts by; None for
    somebody who signed in."""

    user: UserId
    role: Role = "user"
    status: Status = "active"
    scopes: frozenset[str] | None = None


class Right(NamedTuple):
    """What an operation asks for. `writes`: a suspended account may not."""

    scope: Scope
    least: Role = "user"
    writes: bool = False


_READ: Final = Right("chat:read")
_WRITE: Final = Right("chat:write", writes=True)
_OWN: Final = Right("account")  # a suspended account may still sign out, and put itself in order
_ADMIN: Final = Right("admin", "admin", writes=True)
_ADMIN_READ: Final = Right("admin", "admin")

RIGHTS: Final[Mapping[str, Right]] = MappingProxyType(
    {
        "channel.archive": _WRITE,
        "channel.create": _WRITE,
        "channel.get": _READ,
        "channel.join": _WRITE,
        "channel.leave": _WRITE,
        "channel.list": _READ,
        "channel.mark_unread": _READ,
        "channel.notify": _READ,
        "channel.read": _READ,  # one's own marker: reading is what a suspended account may do
        "channel.seen": _READ,
        "channel.sync": _READ,
        "channel.update": _WRITE,
        "direct.hide": _READ,
        "direct.open": _WRITE,
        "draft.list": _READ,
        "draft.set": _READ,
        "focus": _READ,
        "member.add": _WRITE,
        "member.ban": _WRITE,
        "member.banned": _READ,
        "member.list": _READ,
        "member.remove": _WRITE,
        "member.unban": _WRITE,
        "member.update": _WRITE,
        "message.delete": _WRITE,
        "message.edit": _WRITE,
        "message.editions": _READ,
        "message.get": _READ,
        "message.history": _READ,
        "message.send": _WRITE,
        "notification.list": _READ,
        "notification.read": _READ,
        "pin.add": _WRITE,
        "pin.list": _READ,
        "pin.remove": _WRITE,
        "presence.get": _READ,
        "presence.set": _WRITE,
        "reaction.add": _WRITE,
        "reaction.remove": _WRITE,
        "message.report": _READ,  # a suspended account may still be insulted
        "message.save": _READ,
        "message.saved": _READ,
        "message.search": _READ,
        "message.unsave": _READ,
        "schedule.cancel": Right("chat:write"),  # a suspended account may still think better of it
        "schedule.create": _WRITE,
        "schedule.list": _READ,
        "schedule.update": _WRITE,
        "thread.follow": _READ,
        "thread.list": _READ,
        "thread.read": _READ,
        "typing.start": _WRITE,
        "file.change": Right("files:write", writes=True),
        "file.get": Right("files:read"),
        "file.list": Right("files:read"),
        "file.mark": Right("files:write", writes=True),
        "file.rename": Right("files:write", writes=True),
        "file.share": Right("files:write", writes=True),
        "file.upload": Right("files:write", writes=True),
        "upload.attach": Right("files:write", writes=True),
        "upload.cancel": Right("files:write", writes=True),
        "upload.finish": Right("files:write", writes=True),
        "upload.open": Right("files:write", writes=True),
        "upload.part": Right("files:read"),
        "user.get": _READ,
        "user.find": _READ,
        "socket.open": _READ,
        "account.get": _READ,
        "account.update": _OWN,
        "account.change_password": _OWN,
        "account.change_email": _OWN,
        "account.second_factor": _OWN,
        "account.deactivate": _OWN,
        "account.delete": _OWN,
        "session.list": _OWN,
        "session.revoke": _OWN,
        "token.create": _OWN._replace(writes=True),
        "token.list": _OWN,
        "token.revoke": _OWN,
        "bot.create": _OWN._replace(writes=True),
        "bot.list": _OWN,
        "bot.delete": _OWN,
        "identity.link": _OWN,
        "identity.unlink": _OWN,
        "invitation.create": Right("account", writes=True),
        "invitation.list": _OWN,
        "invitation.revoke": _OWN,
        "admin.user_list": _ADMIN_READ,
        "admin.user_get": _ADMIN_READ,
        "admin.user_create": _ADMIN,
        "admin.user_update": _ADMIN,
        "admin.user_suspend": Right("moderate", "moderator", writes=True),
        "admin.user_activate": Right("moderate", "moderator", writes=True),
        "admin.user_delete": _ADMIN,
        "admin.user_reset_password": _ADMIN,
        "admin.user_revoke_sessions": _ADMIN,
        "admin.report_list": Right("moderate", "moderator"),
        "admin.report_close": Right("moderate", "moderator", writes=True),
        "admin.audit_list": _ADMIN_READ,
        "admin.audit_verify": _ADMIN_READ,
    }
)
"""Every operation there is. One that is not here may not be done by anybody."""


def check_right(standing: Standing, operation: str) -> None:
    """Raises Refused: forbidden, suspended; unauthenticated for an account that is no more."""
    right = RIGHTS[operation]
    if standing.status in ("deactivated", "deleted"):
        raise Refused("unauthenticated", "the account is closed")
    if standing.scopes is not None and right.scope not in standing.scopes:
        raise Refused("forbidden", f"the token was not made for this: it lacks {right.scope}")
    if not outranks_or_equals(standing.role, right.least):
        raise Refused("forbidden", f"this takes the role {right.least}")
    if right.writes and standing.status == "suspended":
        raise Refused("suspended", "the account is suspended: it may read, and nothing else")


def moderates_everywhere(standing: Standing) -> bool:
    """Whether the account may do in every channel it is in what the channel's moderators may."""
    scoped = standing.scopes is None or "moderate" in standing.scopes
    return scoped and outranks_or_equals(standing.role, "moderator")


def check_may_manage(by: Standing, other: Standing) -> None:
    """Whether `by` may suspend, change or delete the account `other`. Nobody manages an equal but
    admins, and nobody suspends themselves. Raises Refused("forbidden")."""
    if by.user == other.user:
        raise Refused("forbidden", "another administrator must do this to your account")
    if by.role != "admin" and outranks_or_equals(other.role, by.role):
        raise Refused("forbidden", f"this takes a role above {other.role}")


def outranks_or_equals(role: Role, other: Role) -> bool:
    return ROLES.index(role) >= ROLES.index(other)
