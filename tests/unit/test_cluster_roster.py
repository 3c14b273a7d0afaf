"""Which hosts are started, ended and named in the view, by the clock alone."""

from streamhub.cluster.roster import Roster
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId

A, B = HostId("ho_a"), HostId("ho_b")


def entry(host: HostId, node: str = "n") -> HostEntry:
    return HostEntry(id=host, node=node, address="127.0.0.1:1", pid=1)


def roster(hosts_per_node: int = 2) -> Roster:
    return Roster(hosts_per_node, dead_after_s=5.0, start_timeout_s=60.0)


def test_every_node_gets_its_hosts() -> None:
    assert roster().vacancies(["n", "m"], 0.0) == ("n", "n", "m", "m")


def test_a_host_that_starts_fills_its_vacancy_but_is_not_in_the_view() -> None:
    some = roster()
    some.start(A, "n", 0.0)
    assert some.vacancies(["n"], 0.0) == ("n",)
    assert some.entries == ()


def test_the_view_is_in_the_order_of_births() -> None:
    some = roster()
    some.serves(entry(B), 0.0)
    some.serves(entry(A), 0.0)
    assert some.entries == (entry(A), entry(B))


def test_a_host_that_answers_is_never_overdue() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    for second in range(1, 100):
        assert some.overdue(second) == ()
        some.answered(A, second, HostReport(ready=True))


def test_a_silent_host_is_overdue_after_its_time() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.answered(A, 10.0, HostReport(ready=True))
    assert some.overdue(14.9) == ()
    assert some.overdue(15.0) == (A,)


def test_a_host_has_longer_to_start_than_to_answer() -> None:
    some = roster()
    some.start(A, "n", 0.0)
    assert some.overdue(59.0) == ()
    assert some.overdue(60.0) == (A,)


def test_a_host_that_served_is_replaced_at_once() -> None:
    some = roster(hosts_per_node=1)
    some.serves(entry(A), 0.0)
    assert some.remove(A, 9.0) == entry(A)
    assert some.vacancies(["n"], 9.0) == ("n",)


def test_hosts_that_fail_to_start_are_tried_again_with_growing_pauses() -> None:
    some = roster(hosts_per_node=1)
    now, pauses = 0.0, []
    for attempt in range(9):
        host = HostId(f"ho_{attempt}")
        some.start(host, "n", now)
        assert some.remove(host, now) is None
        failed_at = now
        while not some.vacancies(["n"], now):
            now += 0.5
        pauses.append(now - failed_at)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_host_that_serves_ends_the_pauses_of_its_node_only() -> None:
    some = roster(hosts_per_node=1)
    for host, node in ((A, "n"), (B, "m")):
        some.start(host, node, 0.0)
        some.remove(host, 0.0)
    some.serves(entry(A, "n"), 0.1)
    some.remove(A, 0.1)
    assert some.vacancies(["n", "m"], 0.1) == ("n",)


def test_silence_while_the_watcher_was_away_is_forgiven() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.forgive(30.0)
    assert some.overdue(34.0) == ()
    assert some.overdue(35.0) == (A,)


def test_an_answer_of_a_host_that_was_removed_does_not_bring_it_back() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.remove(A, 1.0)
    some.answered(A, 1.1, HostReport(ready=True))
    assert some.entries == ()
    assert some.ready == frozenset()


def test_ready_are_those_that_said_so_last() -> None:
    some = roster()
    for host in (A, B):
        some.serves(entry(host), 0.0)
        some.answered(host, 1.0, HostReport(ready=True))
    some.answered(B, 2.0, HostReport(ready=False))
    assert some.ready == {A}
