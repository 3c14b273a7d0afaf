"""The oracle finds what it is for: planted losses, duplicates and inversions in what was seen."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from simulation import oracle
from simulation.clients import Sent
from simulation.copies import Copy

from streamhub.domain.channels import Channel, Head, Member, Message
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.messages import Receipt
from streamhub.persistence.memory.tables import ChannelRows, MemberRow, RowLock, Tables

ALICE, GENERAL = UserId("us_alice"), ChannelId("ch_general")


def message(seq: int) -> Message:
    return Message(
        id=MessageId(f"me_{seq}"),
        channel=GENERAL,
        seq=seq,
        nth=seq,
        rev=seq + 1,
        author=ALICE,
        text=f"alice-{seq}",
        created_at=0,
    )


@pytest.fixture
def tables() -> Tables:
    """A channel with three messages and one member."""
    tables = Tables()
    alice = Member(user=ALICE, role="owner", joined_at=0, rev=1)
    tables.channels[GENERAL] = ChannelRows(
        channel=Channel(
            id=GENERAL, kind="channel", visibility="public", created_by=ALICE, created_at=0, rev=1
        ),
        digest=b"",
        head=Head(term=1, rev=4, seq=3, nth=3),
        lock=RowLock(),
        messages=[message(1), message(2), message(3)],
        members={ALICE: MemberRow(alice, read_seq=0, read_nth=0)},
    )
    return tables


@pytest.fixture
def copy(tables: Tables) -> Copy:
    """What a reader has that missed nothing."""
    rows = tables.channels[GENERAL]
    copy = Copy(0)
    copy.held = 4
    copy.messages = {m.id: m for m in rows.messages}
    copy.members = {user: row.member for user, row in rows.members.items()}
    copy.info = rows.channel
    return copy


def sent(seq: int, *, began_s: float = 0.0) -> Sent:
    one = Sent(GENERAL, ALICE, f"alice-{seq}", began_s)
    one.receipt = Receipt(id=MessageId(f"me_{seq}"), seq=seq, nth=seq, rev=seq + 1, created_at=0)
    one.ended_s = began_s + 0.1
    return one


def found(problems: Iterator[str]) -> str:
    return "\n".join(problems)


def test_nothing_is_found_where_nothing_is_wrong(tables: Tables, copy: Copy) -> None:
    rows = tables.channels[GENERAL]
    assert not found(oracle.stored_wrong(tables))
    assert not found(oracle.copy_wrong(ALICE, copy, rows))
    assert not found(oracle.seen_wrong(ALICE, GENERAL, rows.messages))
    assert not found(oracle.acknowledged_wrong(tables, [sent(1), sent(3)]))


def test_a_loss_is_found(tables: Tables, copy: Copy) -> None:
    del copy.messages[MessageId("me_2")]
    assert "lacks the seqs [2]" in found(oracle.copy_wrong(ALICE, copy, tables.channels[GENERAL]))


def test_a_reader_that_is_behind_is_found(tables: Tables, copy: Copy) -> None:
    copy.held = 3
    assert "holds 3" in found(oracle.copy_wrong(ALICE, copy, tables.channels[GENERAL]))


def test_a_message_that_is_in_no_store_is_found(tables: Tables, copy: Copy) -> None:
    copy.messages[MessageId("me_9")] = message(9)
    assert "has [9] too many" in found(oracle.copy_wrong(ALICE, copy, tables.channels[GENERAL]))


def test_a_duplicate_is_found() -> None:
    seen = [message(1), message(2), message(2), message(3)]
    assert "saw me_2 (seq 2) of ch_general twice" in found(oracle.seen_wrong(ALICE, GENERAL, seen))


def test_an_inversion_is_found() -> None:
    seen = [message(1), message(3), message(2)]
    assert "saw seq 2 of ch_general after 3" in found(oracle.seen_wrong(ALICE, GENERAL, seen))


def test_a_lost_acknowledged_message_is_found(tables: Tables) -> None:
    assert "alice-4 was acknowledged" in found(oracle.acknowledged_wrong(tables, [sent(4)]))


def test_a_key_stored_twice_is_found(tables: Tables) -> None:
    rows = tables.channels[GENERAL]
    rows.messages[2] = replace(rows.messages[2], text="alice-1")
    assert "2 times" in found(oracle.stored_wrong(tables))
    assert "alice-1 was acknowledged" in found(oracle.acknowledged_wrong(tables, [sent(1)]))


def test_a_hole_in_the_store_is_found(tables: Tables) -> None:
    del tables.channels[GENERAL].messages[1]
    assert "has the seqs [1, 3]" in found(oracle.stored_wrong(tables))


def test_a_wrong_count_is_found(tables: Tables) -> None:
    tables.channels[GENERAL].members[ALICE].read_nth = 5
    assert "unread" in found(oracle.stored_wrong(tables))


def test_a_message_that_overtook_an_earlier_one_is_found() -> None:
    waited = [sent(2, began_s=0.0), sent(1, began_s=1.0)]
    assert "was overtaken by alice-2" in found(oracle.order_wrong(waited, calm=False))
    at_once = [sent(2, began_s=0.0), sent(1, began_s=0.0)]
    assert "was overtaken by alice-2" in found(oracle.order_wrong(at_once, calm=False))
    at_once[0].refused, at_once[0].ended_s = True, 2.0
    assert not found(oracle.order_wrong(at_once, calm=False)), "its client sent it again"
    assert "was overtaken by alice-2" in found(oracle.order_wrong(at_once, calm=True))


def test_a_write_of_an_older_owner_is_found() -> None:
    terms = [(GENERAL, 1, 2), (GENERAL, 2, 3), (GENERAL, 1, 4)]
    assert "took rev 4 of term 1 after one of 2" in found(oracle.fence_broken(terms))


def test_a_marker_that_went_back_is_found(tables: Tables) -> None:
    tables.channels[GENERAL].members[ALICE].read_seq = 1
    assert "went back from 2 to 1" in found(oracle.markers_wrong(tables, {(ALICE, GENERAL): 2}))


def test_a_message_posted_after_its_author_was_removed_is_found(tables: Tables) -> None:
    row = tables.channels[GENERAL].members[ALICE]
    row.member = replace(row.member, left_at=1, rev=2)
    told = {(GENERAL, ALICE, 2): 5.0}
    in_time, too_late = sent(3, began_s=4.0), sent(3, began_s=6.0)
    assert not found(oracle.posted_after_leaving(tables, [in_time], told))
    assert "alice-3 was taken after" in found(oracle.posted_after_leaving(tables, [too_late], told))


def test_an_old_name_of_the_channel_is_found(tables: Tables, copy: Copy) -> None:
    rows = tables.channels[GENERAL]
    rows.channel = replace(rows.channel, name="another")
    assert "knows ch_general as" in found(oracle.copy_wrong(ALICE, copy, rows))
