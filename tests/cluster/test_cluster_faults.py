"""Three machines under load while one thing after the other dies, hangs or is cut off: 50 senders
on 20 channels, 300 listeners. Every acknowledged message is in history once, and every listener
saw each once, in order.

Each fault twice; `make soak ARGS=60` goes on for that many minutes.
"""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from support.load import Load, Size, assert_whole, load
from support.operator import Operator
from support.up import START_WITHIN_S

SOAK_MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "0"))
SIZE: Final = Size(channels=20, senders=50, listeners=300, per_s=0.5)
QUIET_MESSAGES: Final = 100
TIMES: Final = 2

FAULTS: Final[tuple[Callable[[Operator, Load], Awaitable[None]], ...]] = (
    Operator.kill_a_host,
    Operator.kill_the_supervisor,
    Operator.cut_postgresql_in_a_batch,
    Operator.stop_a_host,
    Operator.cut_a_node_off,
    Operator.cut_a_node_off_one_way,
    Operator.cut_between_two_hosts,
    Operator.kill_a_node,
)


@pytest.mark.timeout(START_WITHIN_S + 900 + SOAK_MINUTES * 60)
async def test_no_message_is_lost_or_doubled_whatever_happens_to_a_node(
    operator: Operator,
) -> None:
    until_s = time.monotonic() + SOAK_MINUTES * 60
    async with load(operator.nodes.url, SIZE) as clients:
        print()
        await clients.more(QUIET_MESSAGES)
        rounds = 0
        while rounds < TIMES or time.monotonic() < until_s:
            for fault in FAULTS:
                await fault(operator, clients)
            rounds += 1
        await clients.finish()
        print(f"    {len(operator.recoveries)} faults: {clients.summary()}")
        assert_whole(clients)
