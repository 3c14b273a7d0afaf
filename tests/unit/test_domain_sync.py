"""Pages: about so many bytes, at least one change, whole revs only."""

from typing import Any

import pytest
from msgspec.structs import replace

from streamhub.domain.channels import Changes, Channel, Member, Mention, Message
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.sync import RESET_AFTER, reset_to, trimmed

CHANNEL, ALICE = ChannelId("ch_a"), UserId("us_alice")


def message(rev: int, text: str = "x", **more: Any) -> Message:
    return Message(
        id=MessageId(f"me_{rev}"),
        channel=CHANNEL,
        seq=rev,
        nth=rev,
        rev=rev,
        author=ALICE,
        text=text,
        created_at=0,
        **more,
    )


def member(rev: int, name: str) -> Member:
    return Member(user=UserId(name), role="member", joined_at=0, rev=rev)


def changes(*rows: Message | Member, since: int = 0, to: int | None = None, **more: Any) -> Changes:
    last = max([since, *(row.rev for row in rows)])
    return Changes(
        since=since,
        to=last if to is None else to,
        behind=(last if to is None else to) - since,
        messages=tuple(row for row in rows if isinstance(row, Message)),
        members=tuple(row for row in rows if isinstance(row, Member)),
        **more,
    )


def test_what_fits_is_left_alone() -> None:
    page = changes(message(1), member(2, "us_b"), message(3), to=7)
    assert trimmed(page, 10_000) is page


def test_nothing_is_a_page_too() -> None:
    page = changes(since=4)
    assert trimmed(page, 0) is page


def test_a_page_ends_between_two_revs() -> None:
    page = trimmed(changes(message(1), message(2, "x" * 500), message(3)), 600)
    assert (page.to, page.more) == (1, True)
    assert [m.rev for m in page.messages] == [1]


def test_at_least_one_change_is_given() -> None:
    page = trimmed(changes(message(1, "x" * 5000), message(2)), 100)
    assert (page.to, page.more) == (1, True)


def test_members_who_joined_together_stay_together() -> None:
    rows = (member(1, "us_a"), member(1, "us_b"), member(1, "us_c"), message(2))
    page = trimmed(changes(*rows), 130)
    assert (page.to, len(page.members), page.messages) == (1, 3, ())


def test_messages_and_members_are_cut_at_the_same_rev() -> None:
    rows = (message(1), member(2, "us_a"), message(3), member(4, "us_b"))
    page = trimmed(changes(*rows), 450)
    assert page.to == 2
    assert [m.rev for m in page.messages] + [m.rev for m in page.members] == [1, 2]


@pytest.mark.parametrize(("rev", "given"), [(1, True), (3, False)])
def test_the_properties_come_with_the_page_that_reaches_them(rev: int, given: bool) -> None:
    properties = Channel(
        id=CHANNEL, kind="channel", visibility="public", created_by=ALICE, created_at=0, rev=rev
    )
    page = trimmed(changes(message(1), message(2), message(3), channel=properties), 300)
    assert page.to == 1
    assert (page.channel is not None) is given


@pytest.mark.parametrize(
    "heavy",
    [
        message(2, "é" * 300),
        message(2, mentions=(Mention(user=ALICE, offset=0, length=1),) * 50),
        message(2, files=("fi_x",) * 50),
    ],
)
def test_text_mentions_and_files_all_count(heavy: Message) -> None:
    assert trimmed(changes(message(1), heavy), 900).to == 1


def test_page_after_page_gives_every_change_once() -> None:
    rows = [message(rev, "x" * (rev * 37 % 400)) for rev in range(1, 60)]
    held, given = 0, []
    while held < 59:
        left = [row for row in rows if row.rev > held]
        page = trimmed(changes(*left, since=held), 1000)
        given += [row.rev for row in page.messages]
        assert page.to > held
        held = page.to
    assert given == list(range(1, 60))


def test_who_lacks_too_much_or_holds_what_never_was_begins_anew() -> None:
    assert reset_to(changes(message(1)), ALICE) is None
    far = Changes(since=10, to=110, behind=RESET_AFTER + 1, more=True)
    assert reset_to(far, ALICE) == 10 + RESET_AFTER + 1
    rewound = Changes(since=100, to=60, behind=0)
    assert reset_to(rewound, ALICE) == 60


@pytest.mark.parametrize(
    ("since", "floor", "reader", "expected"),
    [
        (3, 4, ALICE, 9),
        (3, 0, ALICE, None),  # all of the history is for it
        (3, 4, UserId("us_bob"), None),
        (0, 4, ALICE, None),  # it holds nothing
    ],
)
def test_who_left_and_came_back_begins_anew(
    since: int, floor: int, reader: UserId, expected: int | None
) -> None:
    back = replace(member(7, ALICE), floor_seq=floor)
    assert reset_to(changes(back, message(8), since=since, to=9), reader) == expected
