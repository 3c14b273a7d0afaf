"""Who owns and moderates a channel may change it: each role, and what nobody may."""

import pytest

from streamhub.actors.roster import Roster, SlowMode
from streamhub.domain.changes import MembersJoined, MembersLeft, MembersUpdated
from streamhub.domain.channels import (
    MUTED_FOR_EVER,
    Channel,
    Head,
    Kind,
    Loaded,
    Member,
    Mention,
    Role,
    Rules,
    Wrote,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.membership import (
    MAX_CALLED,
    called_by,
    check_may_ban,
    check_may_update,
    check_may_update_member,
    check_not_banned,
    check_not_muted,
    check_rules_fit,
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


def channel(
    kind: Kind = "channel", *, private: bool = False, rules: Rules | None = None
) -> Channel:
    return Channel(
        id=ChannelId("ch_a"),
        kind=kind,
        visibility="private" if private else "public",
        created_by=OWNER,
        created_at=0,
        rules=rules or Rules(),
    )


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("everywhere", [False, True])
def test_moderators_change_some_and_owners_all(whole: bool, everywhere: bool) -> None:
    def may(by: UserId) -> str | None:
        try:
            check_may_update(channel(), MEMBERS, by, whole=whole, everywhere=everywhere)
        except Refused as refused:
            return refused.code
        return None

    assert may(OWNER) is None
    assert may(MODERATOR) == (None if everywhere or not whole else "forbidden")
    assert may(MEMBER) == (None if everywhere else "forbidden")
    assert may(STRANGER) == "not_a_member"


@pytest.mark.parametrize("kind", ["direct", "group"])
def test_a_conversation_has_nothing_to_change(kind: Kind) -> None:
    talk = channel(kind, private=True)
    for everywhere in (False, True):
        with pytest.raises(Refused, match="nothing to change"):
            check_may_update(talk, MEMBERS, OWNER, whole=False, everywhere=everywhere)
        with pytest.raises(Refused, match="all are the same"):
            check_may_update_member(
                talk, MEMBERS, OWNER, MEMBER, role="owner", everywhere=everywhere
            )
        with pytest.raises(Refused, match="keeps its members"):
            check_may_ban(talk, MEMBERS, OWNER, (MEMBER,), everywhere=everywhere)


@pytest.mark.parametrize(
    ("by", "user", "role", "expected"),
    [
        (OWNER, MEMBER, "owner", None),
        (OWNER, MODERATOR, "member", None),
        (OWNER, OWNER, "owner", None),
        (OWNER, OWNER, "member", "conflict"),
        (OWNER, STRANGER, "member", "not_found"),
        (MODERATOR, MEMBER, "moderator", "forbidden"),
        (MEMBER, MEMBER, "owner", "forbidden"),
        (STRANGER, MEMBER, "owner", "not_a_member"),
        (OWNER, MODERATOR, None, None),
        (OWNER, MEMBER, None, None),
        (MODERATOR, MEMBER, None, None),
        (MODERATOR, MODERATOR, None, "forbidden"),
        (MODERATOR, OWNER, None, "forbidden"),
        (MEMBER, OTHER, None, "forbidden"),
    ],
)
def test_owners_give_roles_and_the_higher_mute_the_lower(
    by: UserId, user: UserId, role: Role | None, expected: str | None
) -> None:
    def check() -> None:
        check_may_update_member(channel(), MEMBERS, by, user, role=role, everywhere=False)

    if expected is None:
        check()
        return
    with pytest.raises(Refused) as caught:
        check()
    assert caught.value.code == expected


@pytest.mark.parametrize(
    ("by", "users", "expected"),
    [
        (OWNER, (MODERATOR, MEMBER, STRANGER), None),
        (OWNER, (OWNER,), "forbidden"),
        (MODERATOR, (MEMBER, STRANGER), None),
        (MODERATOR, (OWNER,), "forbidden"),
        (MODERATOR, (MODERATOR,), "forbidden"),
        (MEMBER, (OTHER,), "forbidden"),
        (MEMBER, (STRANGER,), "forbidden"),
        (STRANGER, (MEMBER,), "not_a_member"),
    ],
)
def test_who_bans_whom(by: UserId, users: tuple[UserId, ...], expected: str | None) -> None:
    if expected is None:
        check_may_ban(channel(), MEMBERS, by, users, everywhere=False)
        return
    with pytest.raises(Refused) as caught:
        check_may_ban(channel(), MEMBERS, by, users, everywhere=False)
    assert caught.value.code == expected


def test_the_banned_and_who_brings_them_are_told_why() -> None:
    check_not_banned((MEMBER,), STRANGER, (STRANGER, OTHER))
    with pytest.raises(Refused, match="you are banned"):
        check_not_banned((STRANGER,), STRANGER, (STRANGER,))
    with pytest.raises(Refused, match="banned") as caught:
        check_not_banned((STRANGER,), OWNER, (OTHER, STRANGER))
    assert caught.value.field == "users[1]"


def test_a_mute_ends_by_itself() -> None:
    def muted(until: int | None) -> Member:
        return Member(user=MEMBER, role="member", joined_at=0, rev=1, muted_until=until)

    for until in (None, 0, 1000):
        check_not_muted(muted(until), 1000)
    with pytest.raises(Refused) as caught:
        check_not_muted(muted(1500), 1000)
    assert (caught.value.code, caught.value.retry_after_ms) == ("muted", 500)
    with pytest.raises(Refused) as caught:
        check_not_muted(muted(MUTED_FOR_EVER), 1000)
    assert caught.value.retry_after_ms is None


CALL, HERE = Mention(calls="channel", offset=0, length=8), Mention(calls="here", offset=0, length=5)


def test_calling_everybody() -> None:
    assert called_by(channel(), MEMBERS, MEMBER, (Mention(user=OTHER, offset=0, length=1),)) == ()
    assert called_by(channel(), MEMBERS, MEMBER, (HERE,)) == ()
    assert called_by(channel(), MEMBERS, MEMBER, (CALL,)) == tuple(MEMBERS)
    strict = channel(rules=Rules(announcers="moderators"))
    assert called_by(strict, MEMBERS, MODERATOR, (CALL,)) == tuple(MEMBERS)
    for call in (CALL, HERE):
        with pytest.raises(Refused, match="only moderators") as caught:
            called_by(strict, MEMBERS, MEMBER, (call,))
        assert (caught.value.code, caught.value.field) == ("forbidden", "text")


def test_there_may_be_too_many_to_call() -> None:
    names = (UserId(f"us_{n}") for n in range(MAX_CALLED + 1))
    crowd = {one: Member(user=one, role="member", joined_at=0, rev=1) for one in names}
    by = UserId("us_0")
    assert called_by(channel(), crowd, by, (HERE,)) == ()
    with pytest.raises(Refused) as caught:
        called_by(channel(), crowd, by, (CALL,))
    assert caught.value.code == "limit_reached"
    del crowd[UserId("us_1")]
    assert len(called_by(channel(), crowd, by, (CALL,))) == MAX_CALLED


def test_what_a_newcomer_sees() -> None:
    assert not channel().seen_from_joining
    assert channel(private=True).seen_from_joining
    assert not channel(private=True, rules=Rules(history="all")).seen_from_joining
    check_rules_fit(channel(private=True), {"history": "joined"})
    check_rules_fit(channel(), {"history": "all"})
    with pytest.raises(Refused) as caught:
        check_rules_fit(channel(), {"history": "joined"})
    assert (caught.value.code, caught.value.field) == ("bad_request", "history")


# -- what the owner of a channel keeps of it -------------------------------------------------------


def member(user: UserId, **fields: int) -> Member:
    return Member(user=user, role="member", joined_at=0, rev=2, **fields)


def test_a_roster_follows_the_changes() -> None:
    id = ChannelId("ch_a")
    loaded = Loaded(
        channel=channel(),
        head=Head(term=1, rev=1, seq=0, nth=0),
        members=(member(OWNER), member(OTHER)),
        banned=(STRANGER,),
    )
    roster = Roster(loaded)
    roster.take(MembersJoined(channel=id, rev=2, members=(member(MEMBER),)))
    assert set(roster.members) == {OWNER, OTHER, MEMBER}
    roster.take(MembersLeft(channel=id, rev=3, members=(member(MEMBER, left_at=1, banned_at=1),)))
    assert (set(roster.members), roster.banned) == ({OWNER, OTHER}, {STRANGER, MEMBER})
    roster.take(MembersUpdated(channel=id, rev=4, members=(member(STRANGER, left_at=1),)))
    assert (set(roster.members), roster.banned) == ({OWNER, OTHER}, {MEMBER})
    roster.take(MembersUpdated(channel=id, rev=5, members=(member(OTHER, muted_until=9),)))
    assert roster.members[OTHER].muted_until == 9


def test_a_slow_channel_takes_one_message_in_a_while() -> None:
    slow, mode = channel(rules=Rules(slow_mode_s=10)), SlowMode((Wrote(OTHER, 500, "a"),))

    def left(user: UserId, now_ms: int, key: str = "new", *, writing: bool = False) -> int | None:
        try:
            mode.check(slow, MEMBERS[user], key, now_ms, writing=writing)
        except Refused as refused:
            return refused.retry_after_ms if refused.code == "slow_mode" else -1
        return None

    assert left(MEMBER, 1_000) is None
    assert left(MEMBER, 1_000, writing=True) == 10_000
    mode.take(slow, Wrote(MEMBER, 1_000, "k"))
    assert left(MEMBER, 4_000) == 7_000
    assert left(MEMBER, 4_000, "k") is None, "it is there, and sent again"
    assert left(MEMBER, 11_000) is None
    assert left(OTHER, 1_000) == 9_500, "by what the store remembered"
    assert left(MODERATOR, 1_000, writing=True) is None
    mode.check(channel(), MEMBERS[MEMBER], "new", 1_001, writing=True)


def test_who_wrote_long_ago_is_forgotten() -> None:
    slow, mode = channel(rules=Rules(slow_mode_s=10)), SlowMode(())
    for at in range(0, 100_000, 1_000):
        mode.take(slow, Wrote(UserId(f"us_{at}"), at, "k"))
    assert len(mode) == 10
    mode.take(channel(), Wrote(MEMBER, 100_000, "k"))
    assert len(mode) == 0
