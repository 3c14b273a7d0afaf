"""Three machines under load while one thing after the other dies, hangs or is cut off: 50 senders
on 20 channels, 300 listeners, from the first test to the last. In the end every acknowledged
message is in history once, and every listener saw each once, in order.

Each fault comes twice; `make soak ARGS=60` goes on for about so many minutes. `-s` prints how long
clients waited.
"""

import os
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from support.checker import report
from support.load import Load, Size, assert_whole, load
from support.nodes import HEARTBEAT_MS, Nodes
from support.operator import Operator
from support.up import START_WITHIN_S

SIZE: Final = Size(channels=20, senders=50, listeners=300, per_s=0.5)
QUIET_MESSAGES: Final = 100
LISTENERS_NOTICE_S: Final = HEARTBEAT_MS / 1000 + 12.0
ROUND_S: Final = 135
ROUNDS: Final = max(2, round(float(os.environ.get("SOAK_MINUTES", "0")) * 60 / ROUND_S))

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(START_WITHIN_S + 300),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(nodes: Nodes) -> AsyncIterator[Load]:
    """The load, and at its end the proof: nothing refused, nothing lost, nothing doubled."""
    await Operator(nodes).all_green()
    async with load(nodes.url, SIZE) as clients:
        print()
        await clients.more(QUIET_MESSAGES)
        yield clients
        await clients.finish()
        print(f"\n    {clients.summary()}")
        assert_whole(clients)


@pytest_asyncio.fixture(loop_scope="module")
async def operator(nodes: Nodes, clients: Load) -> AsyncIterator[Operator]:
    """Somebody who does to the nodes what must not harm. All are green when he comes, and what
    he cut is healed when he leaves."""
    operator = Operator(nodes)
    await operator.all_green()
    yield operator
    nodes.network.heal()
    faults = clients.faults_until_now()
    assert not faults, report(faults)


@pytest.fixture(scope="module", params=range(1, ROUNDS + 1))
def again(request: pytest.FixtureRequest) -> int:
    """Every fault once, then every fault once more."""
    return int(request.param)


async def test_a_host_is_killed(operator: Operator, clients: Load, again: int) -> None:
    await operator.kill_a_host(clients)


async def test_nobody_notices_that_the_supervisor_is_killed(
    operator: Operator, clients: Load, again: int
) -> None:
    before = len(clients.losses)
    await operator.kill_the_supervisor(clients)
    assert clients.losses[before:] == []


async def test_postgresql_is_cut_off_in_a_batch(
    operator: Operator, clients: Load, again: int
) -> None:
    await operator.cut_postgresql_in_a_batch(clients)


async def test_a_host_is_stopped(operator: Operator, clients: Load, again: int) -> None:
    await operator.stop_a_host(clients)


async def test_a_node_cut_off_from_all_but_clients_and_postgresql_sends_its_clients_away(
    operator: Operator, clients: Load, again: int
) -> None:
    before = len(clients.losses)
    await operator.cut_a_node_off(clients)
    assert any(reason.startswith("restarting") for reason in clients.losses[before:])


async def test_a_node_is_cut_off_one_way(operator: Operator, clients: Load, again: int) -> None:
    await operator.cut_a_node_off_one_way(clients)


async def test_two_hosts_are_cut_off_from_each_other(
    operator: Operator, clients: Load, again: int
) -> None:
    await operator.cut_between_two_hosts(clients)


async def test_a_node_is_killed_and_another_takes_its_share(
    operator: Operator, clients: Load, again: int
) -> None:
    await operator.kill_a_node(clients)


async def test_nobody_notices_that_rays_head_forgets_and_remembers(
    operator: Operator, clients: Load
) -> None:
    await clients.quiet(LISTENERS_NOTICE_S)  # those of the node that was killed last
    before = len(clients.losses)
    await operator.restart_gcs(clients)
    assert clients.losses[before:] == []
    await operator.kill_a_host(clients)  # which Ray replaces


async def test_a_node_is_cut_off_for_so_long_that_it_is_replaced_and_comes_back(
    operator: Operator, clients: Load
) -> None:
    await operator.cut_a_node_off_for_long(clients)
