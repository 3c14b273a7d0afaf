"""`streamhub up --ray-address` comes and goes; what it started does not depend on it."""

import pytest
from support.nodes import Nodes
from support.operator import Operator
from support.up import START_WITHIN_S

pytestmark = pytest.mark.timeout(START_WITHIN_S + 240)


async def test_up_may_end_and_come_back_and_the_hosts_stay(nodes: Nodes) -> None:
    await Operator(nodes).all_green()
    before = await nodes.hosts()
    assert nodes.leave() == 0
    assert all(map(nodes.is_green, nodes.names))
    nodes.join()
    assert await nodes.hosts() == before


async def test_down_ends_every_host_and_up_and_both_may_come_again(nodes: Nodes) -> None:
    await Operator(nodes).all_green()
    assert nodes.down() == 0
    assert await nodes.hosts() == {}
    assert not any(map(nodes.is_green, nodes.names))
    nodes.join()
    await Operator(nodes).all_green()
