"""Which nodes carry hosts, by Ray's own table of them."""

from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of its imports


def node(id: str, *, marked: bool = False, alive: bool = True) -> dict[str, Any]:
    """A row as `ray.nodes()` gives it, of what matters here."""
    resources = {"CPU": 2.0, **({"streamhub_host": 1.0} if marked else {})}
    return {
        "NodeID": id,
        "Alive": alive,
        "NodeManagerAddress": f"ip-{id}",
        "Resources": resources if alive else {},
    }


def carrying(*table: dict[str, Any], draining: tuple[str, ...] = ()) -> dict[str, bool]:
    from streamhub.cluster.node_list import node_entries

    return {entry.id: entry.carries for entry in node_entries(table, draining)}


def test_without_marks_every_node_carries_hosts() -> None:
    assert carrying(node("b"), node("a")) == {"a": True, "b": True}


def test_with_marks_only_marked_nodes_do() -> None:
    assert carrying(node("head"), node("a", marked=True)) == {"a": True, "head": False}


def test_nodes_that_are_gone_are_left_out() -> None:
    assert carrying(node("a"), node("b", alive=False, marked=True)) == {"a": True}


def test_a_node_that_ray_drains_carries_none_and_is_still_there() -> None:
    assert carrying(node("a"), node("b"), draining=("b",)) == {"a": True, "b": False}


def test_while_the_only_marked_node_drains_no_other_takes_its_place() -> None:
    table = (node("head"), node("a", marked=True))
    assert carrying(*table, draining=("a",)) == {"a": False, "head": False}


def test_addresses_are_told() -> None:
    from streamhub.cluster.node_list import node_entries

    assert [entry.address for entry in node_entries([node("a")], ())] == ["ip-a"]
