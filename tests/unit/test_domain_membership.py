"""Who may do what in a channel: each role, each kind, and what a stranger is told."""

from collections.abc import Callable

import pytest

from streamhub.domain.channels import Channel, Kind, Member, Role, Visibility
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.membership import (
    check_may_add,
    check_may_listen,
    check_may_post,
    check_may_remove,
)

OWNER, MODERATOR, MEMBER, STRANGER = (
    UserId(f"us_{name}") for name in ("owner", "moderator", "member", "stranger")
)
OTHER = UserId("us_other")
ROLES: dict[UserId, Role] = {
    OWNER: "owner",
    MODERATOR: "moderator",
    MEMBER: "member",
    OTHER: "member",
}
MEMBERS = {user: Member(user=user, role=role, joined_at=0, rev=1) for user, role in ROLES.items()}
ALLOWED = None


def channel(
    visibility: Visibility = "public", kind: Kind = "channel", *, archived: bool = False
) -> Channel:
    return Channel(
        id=ChannelId("ch_a"),
        kind=kind,
        visibility=visibility,
        created_by=OWNER,
        created_at=0,
        archived_at=1 if archived else None,
    )


def outcome(check: Callable[..., None], *args: object) -> str | None:
    """The code of the refusal, None when allowed."""
    try:
        check(*args)
    except Refused as refused:
        return refused.code
    return ALLOWED


@pytest.mark.parametrize("check", [check_may_post, check_may_listen])
@pytest.mark.parametrize(
    ("visibility", "user", "expected"),
    [
        ("public", MEMBER, ALLOWED),
        ("private", MEMBER, ALLOWED),
        ("public", STRANGER, "not_a_member"),
        ("private", STRANGER, "not_found"),
    ],
)
def test_members_post_and_listen(
    check: Callable[..., None], visibility: Visibility, user: UserId, expected: str | None
) -> None:
    assert outcome(check, channel(visibility), MEMBERS, user) == expected


@pytest.mark.parametrize(
    ("visibility", "by", "users", "expected"),
    [
        ("public", STRANGER, (STRANGER,), ALLOWED),
        ("private", STRANGER, (STRANGER,), "not_found"),
        ("public", STRANGER, (OTHER,), "not_a_member"),
        ("public", STRANGER, (STRANGER, OTHER), "not_a_member"),
        ("private", STRANGER, (OTHER,), "not_found"),
        ("public", MEMBER, (STRANGER,), ALLOWED),
        ("private", MEMBER, (STRANGER,), ALLOWED),
        ("private", MEMBER, (MEMBER,), ALLOWED),
    ],
)
def test_anyone_joins_a_public_channel_and_members_invite(
    visibility: Visibility, by: UserId, users: tuple[UserId, ...], expected: str | None
) -> None:
    assert outcome(check_may_add, channel(visibility), MEMBERS, by, users) == expected


@pytest.mark.parametrize(
    ("by", "users", "expected"),
    [
        (OWNER, (MODERATOR, MEMBER, OWNER), ALLOWED),
        (MODERATOR, (MEMBER,), ALLOWED),
        (MODERATOR, (MODERATOR,), ALLOWED),
        (MODERATOR, (OWNER,), "forbidden"),
        (MODERATOR, (MEMBER, OWNER), "forbidden"),
        (MEMBER, (MEMBER,), ALLOWED),
        (MEMBER, (OTHER,), "forbidden"),
        (MEMBER, (MEMBER, OTHER), "forbidden"),
        (MEMBER, (STRANGER,), ALLOWED),
        (STRANGER, (STRANGER,), "not_a_member"),
        (STRANGER, (MEMBER,), "not_a_member"),
    ],
)
def test_everyone_leaves_and_the_higher_remove_the_lower(
    by: UserId, users: tuple[UserId, ...], expected: str | None
) -> None:
    assert outcome(check_may_remove, channel(), MEMBERS, by, users) == expected


@pytest.mark.parametrize("kind", ["direct", "group"])
def test_a_conversation_keeps_its_members(kind: Kind) -> None:
    talk = channel("private", kind)
    assert outcome(check_may_add, talk, MEMBERS, MEMBER, (STRANGER,)) == "forbidden"
    assert outcome(check_may_remove, talk, MEMBERS, MEMBER, (MEMBER,)) == "forbidden"
    assert outcome(check_may_add, talk, MEMBERS, STRANGER, (STRANGER,)) == "not_found"
    assert outcome(check_may_remove, talk, MEMBERS, STRANGER, (MEMBER,)) == "not_found"


def test_an_archived_channel_is_only_read_and_left() -> None:
    archived = channel(archived=True)
    assert outcome(check_may_post, archived, MEMBERS, MEMBER) == "channel_archived"
    assert outcome(check_may_add, archived, MEMBERS, MEMBER, (STRANGER,)) == "channel_archived"
    assert outcome(check_may_listen, archived, MEMBERS, MEMBER) is ALLOWED
    assert outcome(check_may_remove, archived, MEMBERS, MEMBER, (MEMBER,)) is ALLOWED


def test_a_stranger_is_told_the_same_of_every_private_channel() -> None:
    told = set()
    for kind in ("channel", "direct", "group"):
        for archived in (False, True):
            private = channel("private", kind, archived=archived)
            for check, args in (
                (check_may_post, ()),
                (check_may_listen, ()),
                (check_may_add, ((STRANGER,),)),
                (check_may_remove, ((STRANGER,),)),
            ):
                with pytest.raises(Refused) as caught:
                    check(private, MEMBERS, STRANGER, *args)
                told.add(str(caught.value))
    assert len(told) == 1
