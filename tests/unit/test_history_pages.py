"""Pages of history fit a frame, and hold what is nearest to where the reader asked."""

import pytest

from streamhub.domain.channels import History, Message
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.sync import fitting

CHANNEL, AUTHOR = ChannelId("ch_1"), UserId("us_1")


def page(*sizes: int, has_before: bool = False, has_after: bool = False) -> History:
    """Messages from seq 10 on, with texts of these sizes."""
    messages = tuple(
        Message(
            id=MessageId(f"me_{seq}"),
            channel=CHANNEL,
            seq=seq,
            nth=seq,
            rev=seq,
            author=AUTHOR,
            text="x" * size,
            created_at=0,
        )
        for seq, size in enumerate(sizes, start=10)
    )
    return History(messages=messages, has_before=has_before, has_after=has_after, rev=99)


@pytest.mark.parametrize(
    ("after", "around", "seqs", "before_and_after"),
    [
        (None, None, [13, 14], (True, False)),
        (9, None, [10, 11], (False, True)),
        (None, 12, [11, 12], (True, True)),
    ],
)
def test_the_nearest_messages_are_kept(
    after: int | None, around: int | None, seqs: list[int], before_and_after: tuple[bool, bool]
) -> None:
    found = fitting(page(*[10_000] * 5), 25_000, after=after, around=around)
    assert [message.seq for message in found.messages] == seqs
    assert (found.has_before, found.has_after) == before_and_after
    assert found.rev == 99


def test_a_page_that_fits_is_left_as_it_is() -> None:
    whole = page(10, 20, 30, has_before=True)
    assert fitting(whole, 25_000, after=None, around=None) is whole
    empty = page()
    assert fitting(empty, 25_000, after=None, around=None) is empty


def test_one_message_always_fits() -> None:
    found = fitting(page(50_000, 50_000), 25_000, after=None, around=None)
    assert [message.seq for message in found.messages] == [11]
