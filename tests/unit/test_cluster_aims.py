"""Which hosts there should be, and which must go when: one table of situations."""

from streamhub.cluster.aims import Aim, Member, aim_of, departures
from streamhub.domain.cluster import HostReport, HostState
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import NodeEntry, Wishes

A, B, C, D = (HostId(f"ho_{name}") for name in "abcd")


def node(id: str, *, carries: bool = True) -> NodeEntry:
    return NodeEntry(id=id, address=id, carries=carries)


def member(id: HostId, node: str = "n", state: HostState = "live", *, ready: bool = True) -> Member:
    return Member(id=id, node=node, state=state, report=HostReport(ready=ready))


def aim(
    *nodes: str, each: int = 1, closed: tuple[str, ...] = (), leaving: tuple[HostId, ...] = ()
) -> Aim:
    return Aim(
        hosts_per_node=each,
        nodes=nodes,
        closed=frozenset(closed),
        leaving=frozenset(leaving),
    )


def test_without_wishes_every_node_that_carries_hosts_gets_what_up_was_told() -> None:
    found = aim_of(Wishes(), [node("n"), node("m"), node("head", carries=False)], told=3)
    assert found == Aim(hosts_per_node=3, nodes=("n", "m"), closed=frozenset({"head"}))
    assert found.wanted == 6


def test_a_wish_for_a_number_of_hosts_comes_before_what_up_was_told() -> None:
    assert aim_of(Wishes(hosts_per_node=5), [node("n")], told=3).wanted == 5


def test_a_drained_node_carries_none_even_while_it_is_out_of_sight() -> None:
    wishes = Wishes(drained=frozenset({"n", "gone"}))
    found = aim_of(wishes, [node("n"), node("m")], told=1)
    assert found.nodes == ("m",)
    assert found.closed == {"n", "gone"}


def test_nobody_goes_where_all_is_as_it_should_be() -> None:
    going = departures(aim("n", "m"), [member(A), member(B, "m")])
    assert (going.end, going.drain, going.waiting) == ((), (), "")


def test_a_host_that_leaves_waits_for_its_replacement() -> None:
    leaving = aim("n", leaving=(A,))
    going = departures(leaving, [member(A), member(B, state="starting", ready=False)])
    assert going.drain == ()
    assert going.waiting == f"{A} waits for another host of its node that takes traffic"
    assert departures(leaving, [member(A), member(B, ready=False)]).drain == ()
    assert departures(leaving, [member(A), member(B)]).drain == (A,)


def test_hosts_that_leave_together_drain_as_their_replacements_come() -> None:
    leaving = aim("n", each=2, leaving=(A, B))
    assert departures(leaving, [member(A), member(B)]).drain == ()
    assert departures(leaving, [member(A), member(B), member(C)]).drain == (A,)
    assert departures(leaving, [member(x) for x in (A, B, C, D)]).drain == (A, B)


def test_a_host_on_another_node_is_no_replacement() -> None:
    leaving = aim("n", "m", leaving=(A,))
    assert departures(leaving, [member(A), member(B, "m")]).drain == ()


def test_a_host_that_leaves_and_takes_no_traffic_needs_a_replacement_too() -> None:
    leaving = aim("n", leaving=(A,))
    assert departures(leaving, [member(A, ready=False)]).drain == ()
    assert departures(leaving, [member(A, ready=False), member(B)]).drain == (A,)


def test_the_newest_of_too_many_hosts_drain() -> None:
    assert departures(aim("n"), [member(A), member(B), member(C)]).drain == (B, C)


def test_of_too_many_none_drains_before_enough_others_take_traffic() -> None:
    going = departures(aim("n"), [member(A, ready=False), member(B)])
    assert going.drain == ()
    assert B in going.waiting


def test_a_host_that_starts_and_is_not_wanted_any_more_is_ended_at_once() -> None:
    starting = member(B, state="starting", ready=False)
    assert departures(aim("n"), [member(A), starting]).end == (B,)
    assert departures(aim("m", closed=("n",)), [starting]).end == (B,)
    assert departures(aim("n", leaving=(B,)), [starting]).end == (B,)


def test_a_node_is_emptied_at_once_if_another_takes_traffic() -> None:
    drained = aim("m", each=2, closed=("n",))
    assert departures(drained, [member(A), member(B), member(C, "m")]).drain == (A, B)


def test_the_last_node_that_takes_traffic_is_not_emptied() -> None:
    drained = aim("m", closed=("n",))
    going = departures(drained, [member(A), member(B, "m", ready=False)])
    assert going.drain == ()
    assert going.waiting == f"{A} waits for a host on another node that takes traffic"
    both = aim(closed=("n", "m"))
    assert departures(both, [member(A), member(B, "m")]).drain == ()


def test_hosts_that_wait_for_the_same_are_told_of_in_one() -> None:
    going = departures(aim(closed=("n",)), [member(A), member(B)])
    assert going.waiting == "2 hosts wait for a host on another node that takes traffic"


def test_a_host_whose_node_is_out_of_sight_stays() -> None:
    going = departures(aim("m"), [member(A, "n"), member(B, "m")])
    assert (going.end, going.drain) == ((), ())


def test_a_host_that_drains_is_not_asked_again_and_counts_for_nothing() -> None:
    draining = member(A, state="draining")
    assert departures(aim("n", leaving=(A,)), [draining, member(B)]).drain == ()
    assert departures(aim("n", leaving=(B,)), [draining, member(B)]).drain == ()
