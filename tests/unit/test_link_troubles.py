"""When a pair counts as one that cannot link."""

from streamhub.domain.ids import HostId
from streamhub.transport.link_troubles import MANY_BREAKS, SETTLED_S, UNLINKED_S, Troubles

BOB = HostId("ho_bob")
NEVER = 1e9


def test_attempts_that_fail_for_ten_seconds_are_told_and_not_before() -> None:
    troubles = Troubles()
    for at in range(10):
        troubles.failed(BOB, began=float(at))
    assert not troubles.cannot_link(BOB, UNLINKED_S - 0.1)
    assert troubles.cannot_link(BOB, UNLINKED_S)


def test_who_never_failed_is_never_told() -> None:
    assert not Troubles().cannot_link(BOB, NEVER)


def test_a_link_that_opened_at_last_is_no_trouble() -> None:
    troubles = Troubles()
    troubles.failed(BOB, began=0.0)
    assert not troubles.cannot_link(BOB, 30.0, opened=29.0)


def test_a_link_that_breaks_again_and_again_is_trouble_though_it_opens() -> None:
    troubles = Troubles()
    for at in range(MANY_BREAKS):
        troubles.broke(BOB, opened=5.0 * at, heard=5.0 * at + 1)
    assert troubles.cannot_link(BOB, 15.0, opened=15.0)
    assert not troubles.cannot_link(BOB, 15.0 + SETTLED_S, opened=15.0), "this one holds"


def test_one_break_is_no_trouble_once_the_link_is_open_again() -> None:
    troubles = Troubles()
    troubles.broke(BOB, opened=0.0, heard=100.0)
    assert not troubles.cannot_link(BOB, 111.0, opened=101.0)


def test_trouble_begins_anew_after_a_link_that_lived() -> None:
    troubles = Troubles()
    troubles.failed(BOB, began=0.0)
    troubles.broke(BOB, opened=1.0, heard=100.0)
    assert not troubles.cannot_link(BOB, 100.0 + UNLINKED_S - 0.1)
    assert troubles.cannot_link(BOB, 100.0 + UNLINKED_S)


def test_a_peer_that_is_gone_is_forgotten() -> None:
    troubles = Troubles()
    troubles.failed(BOB, began=0.0)
    troubles.forget(BOB)
    assert not troubles.cannot_link(BOB, NEVER)
