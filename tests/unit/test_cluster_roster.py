"""Which hosts are started, ended and named in the view, by the clock alone."""

from streamhub.cluster.aims import Aim
from streamhub.cluster.roster import Roster
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId

A, B = HostId("ho_a"), HostId("ho_b")


def entry(host: HostId, node: str = "n") -> HostEntry:
    return HostEntry(id=host, node=node, address="127.0.0.1:1", pid=1)


def roster() -> Roster:
    return Roster(dead_after_s=5.0, drain_timeout_s=20.0, start_timeout_s=60.0)


def aim(*nodes: str, each: int = 2, leaving: HostId | None = None) -> Aim:
    return Aim(hosts_per_node=each, nodes=nodes, leaving=frozenset({leaving} if leaving else ()))


def test_every_node_gets_its_hosts() -> None:
    assert roster().vacancies(aim("n", "m"), 0.0) == ("n", "n", "m", "m")


def test_a_host_that_starts_fills_its_vacancy_but_is_not_in_the_view() -> None:
    some = roster()
    some.start(A, "n", 0.0)
    assert some.vacancies(aim("n"), 0.0) == ("n",)
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
        assert not some.overdue(second)
        some.answered(A, second, HostReport(ready=True))


def test_a_silent_host_is_overdue_after_its_time() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.answered(A, 10.0, HostReport(ready=True))
    assert not some.overdue(14.9)
    assert list(some.overdue(15.0)) == [A]


def test_a_host_has_longer_to_start_than_to_answer() -> None:
    some = roster()
    some.start(A, "n", 0.0)
    assert not some.overdue(59.0)
    assert list(some.overdue(60.0)) == [A]


def test_a_host_that_served_is_replaced_at_once() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    assert some.remove(A, 9.0) == entry(A)
    assert some.vacancies(aim("n", each=1), 9.0) == ("n",)


def test_hosts_that_fail_to_start_are_tried_again_with_growing_pauses() -> None:
    some = roster()
    now, pauses = 0.0, []
    for attempt in range(9):
        host = HostId(f"ho_{attempt}")
        some.start(host, "n", now)
        assert some.remove(host, now) is None
        failed_at = now
        while not some.vacancies(aim("n", each=1), now):
            now += 0.5
        pauses.append(now - failed_at)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_host_that_serves_ends_the_pauses_of_its_node_only() -> None:
    some = roster()
    for host, node in ((A, "n"), (B, "m")):
        some.start(host, node, 0.0)
        some.remove(host, 0.0)
    some.serves(entry(A, "n"), 0.1)
    some.remove(A, 0.1)
    assert some.vacancies(aim("n", "m", each=1), 0.1) == ("n",)


def test_silence_while_the_watcher_was_away_is_forgiven() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.forgive(30.0)
    assert not some.overdue(34.0)
    assert list(some.overdue(35.0)) == [A]


def test_an_answer_of_a_host_that_was_removed_does_not_bring_it_back() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.remove(A, 1.0)
    some.answered(A, 1.1, HostReport(ready=True))
    assert some.entries == ()


def test_what_hosts_said_last_is_told() -> None:
    some = roster()
    for host in (A, B):
        some.serves(entry(host), 0.0)
        some.answered(host, 1.0, HostReport(ready=True))
    some.answered(B, 2.0, HostReport(ready=False))
    assert [(host.id, host.report.ready) for host in some.members] == [(A, True), (B, False)]


def test_a_host_that_leaves_or_drains_does_not_fill_a_vacancy() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    assert some.vacancies(aim("n", each=1), 0.0) == ()
    assert some.vacancies(aim("n", each=1, leaving=A), 0.0) == ("n",)
    some.drain(A, 0.0)
    assert some.vacancies(aim("n", each=1), 0.0) == ("n",)


def test_a_draining_host_stays_in_the_view_and_says_so() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.serves(entry(B), 0.0)
    some.drain(A, 1.0)
    assert [host.state for host in some.entries] == ["draining", "live"]


def test_a_host_that_drains_for_too_long_is_overdue() -> None:
    some = roster()
    some.serves(entry(A), 0.0)
    some.drain(A, 1.0)
    some.answered(A, 20.0, HostReport(ready=False))
    some.drain(A, 20.0)  # again: its time still began with the first
    assert not some.overdue(20.9)
    assert some.overdue(21.0) == {A: "it did not finish draining in time"}


def test_a_host_that_was_draining_goes_on_to_drain_under_a_new_supervisor() -> None:
    some = roster()
    some.serves(HostEntry(id=A, node="n", address="x:1", pid=1, state="draining"), 5.0)
    assert [host.state for host in some.entries] == ["draining"]


def test_a_host_that_is_no_longer_wanted_before_it_served_is_no_failure() -> None:
    some = roster()
    some.start(A, "n", 0.0)
    some.remove(A, 0.0, failed=False)
    assert some.vacancies(aim("n", each=1), 0.0) == ("n",)


def test_lately_are_live_hosts_that_answered_the_last_pings() -> None:
    some = roster()
    report = HostReport(ready=True)
    for host in (A, B):
        some.serves(entry(host), 0.0)
        some.answered(host, 1.0, report)
    some.answered(B, 2.0, report)
    assert some.lately(2.0) == {A: report, B: report}
    assert some.lately(4.0) == {B: report}
    some.drain(B, 4.0)
    assert some.lately(4.0) == {}


def test_a_node_whose_hosts_are_evicted_again_and_again_gets_new_ones_ever_later() -> None:
    some, now = roster(), 0.0
    for wait_s in (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
        some.evicted("n", now)
        if wait_s:
            assert set(some.vacancies(aim("n", "m"), now + wait_s - 0.1)) == {"m"}
        now += wait_s
        assert "n" in some.vacancies(aim("n", "m"), now)
        now += 13.0
    now += 1000.0
    some.evicted("n", now)
    assert "n" in some.vacancies(aim("n"), now)
