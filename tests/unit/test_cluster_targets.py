"""Which node or host an operator means."""

import pytest

from streamhub.cluster.access import NotDone, Picture
from streamhub.cluster.targets import Target, find, nodes_of
from streamhub.domain.cluster import HostEntry, View
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import LastSign, NodeEntry, Sign, Wishes


def entry(id: str, node: str, address: str) -> HostEntry:
    return HostEntry(id=HostId(id), node=node, address=f"{address}:4000", pid=1)


def picture(*, drained: tuple[str, ...] = ()) -> Picture:
    """Nodes aa11 and aa22 by the supervisor's sign, bb by its host alone: it is out of sight."""
    nodes = (
        NodeEntry(id="aa11", address="10.0.0.1"),
        NodeEntry(id="aa22", address="10.0.0.2"),
    )
    sign = Sign(pid=1, node="aa11", version="1", ready=3, wanted=3, nodes=nodes)
    hosts = (
        entry("ho_01x", "aa11", "10.0.0.1"),
        entry("ho_01y", "aa22", "10.0.0.2"),
        entry("ho_02z", "bb", "10.0.0.1"),
    )
    return Picture(
        View(version=5, hosts=hosts), Wishes(drained=frozenset(drained)), LastSign(sign, 0.5)
    )


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("aa11", Target("node", "aa11")),
        ("aa2", Target("node", "aa22")),
        ("10.0.0.2", Target("node", "aa22")),
        ("10.0.0.1", Target("node", "aa11")),  # bb, of the same machine, is gone
        ("bb", Target("node", "bb")),
        ("ho_02", Target("host", "ho_02z")),
        ("02", Target("host", "ho_02z")),
        ("ho_01x", Target("host", "ho_01x")),
    ],
)
def test_a_beginning_or_an_address_is_enough(said: str, target: Target) -> None:
    assert find(said, picture()) == target


@pytest.mark.parametrize("said", ["aa", "ho_", "01"])
def test_what_fits_several_is_refused_with_all_of_them(said: str) -> None:
    with pytest.raises(NotDone, match="fits several") as refused:
        find(said, picture())
    assert len(str(refused.value).splitlines()) > 2


@pytest.mark.parametrize("said", ["", "nothing", "10.0.0.9"])
def test_what_is_not_there_is_refused_with_all_there_is(said: str) -> None:
    with pytest.raises(NotDone) as refused:
        find(said, picture())
    for there in ("node aa11 (10.0.0.1)", "node bb (10.0.0.1)", "host ho_01y"):
        assert there in str(refused.value)


def test_a_drained_node_that_is_away_is_found_too() -> None:
    assert find("cc", picture(drained=("cc77",))) == Target("node", "cc77")


def test_before_the_first_sign_nodes_are_those_of_hosts() -> None:
    early = picture()._replace(last=None)
    assert {node.id: node.address for node in nodes_of(early).values()} == {
        "aa11": "10.0.0.1",
        "aa22": "10.0.0.2",
        "bb": "10.0.0.1",
    }
