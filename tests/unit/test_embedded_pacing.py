"""When a server that died is started again."""

from streamhub.persistence.embedded.pacing import RestartPacing


def starts(deaths_at: list[float]) -> list[float]:
    """The times at which a server asked about at each of `deaths_at` is started."""
    pacing = RestartPacing()
    return [at for at in deaths_at if pacing.permits(at)]


def test_the_first_death_is_answered_at_once() -> None:
    assert starts([1000.0]) == [1000.0]


def test_pauses_double_for_a_server_that_keeps_dying() -> None:
    ticks = [tick / 4 for tick in range(4 * 8)]
    assert starts(ticks) == [0.0, 0.25, 0.75, 1.75, 3.75, 7.75]


def test_pauses_stop_growing_at_half_a_minute() -> None:
    ticks = [float(second) for second in range(300)]
    last, *_, before_last = reversed(starts(ticks)[-2:])
    assert last - before_last == 30.0


def test_a_steady_life_is_forgiven() -> None:
    crashes = [0.0, 0.25, 0.75, 1.75]
    assert starts([*crashes, 100.0, 100.25]) == [*crashes, 100.0, 100.25]
