"""How long a client waits before it comes back, and between commands."""

import pytest

from streamhub.client.pauses import LONGEST_S, Pace, Pauses


def test_pauses_grow_to_ten_seconds_and_no_further() -> None:
    pauses = Pauses()
    taken = [pauses.next_s() for _ in range(200)]
    assert taken[0] <= 0.1
    assert max(taken) <= LONGEST_S
    assert max(taken[10:]) > 1


def test_a_pause_is_never_shorter_than_the_server_asked_for() -> None:
    pauses = Pauses()
    assert all(5 <= pauses.next_s(5000) <= 5 + LONGEST_S for _ in range(50))


def test_a_steady_connection_ends_the_growing() -> None:
    pauses = Pauses()
    for _ in range(20):
        pauses.next_s()
    pauses.reset()
    assert pauses.next_s() <= 0.1


def test_commands_keep_below_the_rate_after_most_of_the_burst() -> None:
    pace = Pace(20, 60)
    waits = [pace.take_s(100.0) for _ in range(50)]
    assert waits[:45] == [0] * 45
    assert waits[45:] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])


def test_an_idle_client_has_its_burst_back() -> None:
    pace = Pace(20, 60)
    for _ in range(50):
        pace.take_s(100.0)
    assert [pace.take_s(200.0) for _ in range(45)] == pytest.approx([0] * 45)
