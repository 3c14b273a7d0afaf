"""A reconnect storm is spread; a single client never waits."""

from streamhub.transport.admission import Admission


def test_who_comes_alone_does_not_wait() -> None:
    admission = Admission()
    assert [admission.wait_ms(now_ms) for now_ms in range(0, 10_000, 1000)] == [0] * 10


def test_a_storm_is_spread_in_the_order_it_came() -> None:
    admission = Admission()
    waits = [admission.wait_ms(0) for _ in range(1000)]
    assert waits == sorted(waits)
    assert waits[0] == 0
    assert waits[-1] > 1000


def test_dearer_connects_are_spread_further() -> None:
    cheap, dear = Admission(), Admission()
    for _ in range(200):
        with cheap.measured():
            pass
        with dear.measured():
            sum(range(20_000))
    assert dear.cost_ms > cheap.cost_ms
    for _ in range(500):
        cheap.wait_ms(0), dear.wait_ms(0)
    assert dear.wait_ms(0) > cheap.wait_ms(0)
