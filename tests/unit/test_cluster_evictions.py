"""Who must go when hosts cannot reach each other."""

from collections.abc import Iterable, Mapping

import pytest

from streamhub.cluster.evictions import SETTLE_S, Evictions, broken_links, worst
from streamhub.domain.cluster import HostReport
from streamhub.domain.ids import HostId

A, B, C, D, E = (HostId(f"ho_{name}") for name in "abcde")
ALL = (A, B, C, D, E)


def reports(
    unlinked: Mapping[HostId, Iterable[HostId]],
    hosts: Iterable[HostId] = ALL,
    view: int = 7,
    behind: Iterable[HostId] = (),
) -> dict[HostId, HostReport]:
    """What `hosts` say; those `behind` have not read the newest view."""
    return {
        host: HostReport(
            ready=True,
            view=view - (host in behind),
            unlinked=tuple(unlinked.get(host, ())),
        )
        for host in hosts
    }


def decision(said: Mapping[HostId, HostReport], version: int = 7) -> HostId | None:
    """What is decided once it has settled."""
    evictions = Evictions()
    assert evictions.decide(0.0, version, said) is None
    return evictions.decide(SETTLE_S, version, said)


def test_where_all_links_work_nobody_is_evicted() -> None:
    assert decision(reports({})) is None


@pytest.mark.parametrize(
    ("unlinked", "evicted"),
    [
        ({A: [B]}, B),  # one end says so: the younger goes
        ({B: [A]}, B),
        ({A: [B], B: [A]}, B),
        ({B: [A], C: [A], D: [A]}, A),  # a star: whoever is in its middle
        ({A: [B, C, D]}, A),
        ({A: [B, D], C: [A]}, A),  # seen from both ends
        ({C: [A], D: [C], E: [A]}, C),  # A-C, C-D, A-E: A and C have two each
        ({A: [C, D], B: [C, D]}, D),  # two halves
        ({A: [B], C: [D]}, D),
    ],
)
def test_the_host_with_most_broken_links_goes_of_several_the_youngest(
    unlinked: dict[HostId, list[HostId]], evicted: HostId
) -> None:
    assert decision(reports(unlinked)) == evicted


def test_a_cut_seen_from_both_ends_counts_once() -> None:
    links = broken_links(7, reports({A: [B], B: [A], C: [B]}))
    assert links == {frozenset({A, B}), frozenset({B, C})}
    assert worst(links) == B


def test_hosts_that_are_gone_or_silent_count_for_nothing() -> None:
    assert decision(reports({A: [B], B: [A]}, hosts=[A, C])) is None


def test_nothing_is_decided_before_the_others_had_time_to_find_out() -> None:
    evictions = Evictions()
    assert evictions.decide(0.0, 7, reports({A: [B]})) is None
    said = reports({A: [B], C: [A], D: [A]})
    assert evictions.decide(SETTLE_S - 0.1, 7, said) is None
    assert evictions.decide(SETTLE_S, 7, said) == A


def test_a_link_that_comes_back_in_time_is_no_reason() -> None:
    evictions = Evictions()
    evictions.decide(0.0, 7, reports({A: [B]}))
    assert evictions.decide(2.0, 7, reports({})) is None
    assert evictions.decide(4.0, 7, reports({A: [B]})) is None
    assert evictions.decide(4.0 + SETTLE_S, 7, reports({A: [B]})) == B


def test_two_halves_lose_one_host_per_view() -> None:
    evictions = Evictions()
    halves = {A: [C, D], B: [C, D], C: [A, B], D: [A, B]}
    evictions.decide(0.0, 7, reports(halves))
    assert evictions.decide(3.0, 7, reports(halves)) == D
    left = (A, B, C)
    for second in range(4, 60):  # the view without D is not published yet
        assert evictions.decide(second, 7, reports(halves, left)) is None
    assert evictions.decide(60.0, 8, reports(halves, left, view=7)) is None
    for second in range(61, 70):  # published, but nobody has read it
        assert evictions.decide(second, 8, reports(halves, left, view=7)) is None
    assert evictions.decide(70.0, 8, reports(halves, left, view=8)) is None
    assert evictions.decide(73.0, 8, reports(halves, left, view=8)) == C


def test_a_host_that_is_behind_accuses_nobody_but_can_be_accused() -> None:
    assert decision(reports({A: [B]}, behind=[A])) is None
    assert decision(reports({A: [B]}, behind=[B])) == B
