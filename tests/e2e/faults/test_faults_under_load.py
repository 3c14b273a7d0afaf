"""The whole product under load while everything in it is killed: 64 senders on 8 channels, 200
listeners, 2 hosts. Every acknowledged message is in history once, and every listener saw each
once, in order.

One round of faults by default; `FAULT_ROUNDS=20 pytest tests/e2e/faults -s` is a soak.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from redis.asyncio import Redis
from support.fault_proxy import Cut, FaultProxy, anywhere, fault_proxy
from support.load import Load, Size, assert_whole, load
from support.polling import until
from support.up import START_WITHIN_S, Process, Up

ROUNDS: Final = int(os.environ.get("FAULT_ROUNDS", "1"))
SIZE: Final = Size(channels=8, senders=64, listeners=200, per_s=1.0)
CUT_WITHIN_BYTES: Final = 40_000
QUIET_MESSAGES: Final = 300
REPLACED_WITHIN_S: Final = 90.0


class Operator:
    """Does to a running StreamHub what must not harm it, and sees how long it takes to recover."""

    def __init__(self, up: Up, load: Load, rough: FaultProxy) -> None:
        self._up = up
        self._load = load
        self._rough = rough
        self.recoveries: list[tuple[str, float]] = []

    async def kill_a_host(self) -> None:
        await self._signal_a_host("host killed", signal.SIGKILL)

    async def stop_a_host(self) -> None:
        await self._signal_a_host("host stopped", signal.SIGSTOP)

    async def kill_the_supervisor(self) -> None:
        before = self._up.state["supervisor_pid"]
        async with self._recovery("supervisor killed"):
            os.kill(before, signal.SIGKILL)

        async def another() -> bool:
            return bool(self._up.state["supervisor_pid"] != before)

        await until(another, within_s=REPLACED_WITHIN_S)

    async def kill_postgresql(self) -> None:
        await self._kill_server("postgres")

    async def kill_valkey(self) -> None:
        await self._kill_server("valkey")

    async def flush_valkey(self) -> None:
        folder = self._up.data / "valkey"
        port = json.loads((folder / "ports.json").read_text())["main"]
        password = (folder / "password").read_text()
        async with self._recovery("Valkey flushed"):
            redis = Redis.from_url(f"redis://streamhub:{password}@127.0.0.1:{port}/0")
            await redis.flushdb()
            await redis.aclose()

    async def cut_sockets(self) -> None:
        async with self._recovery("sockets cut at once"):
            self._rough.cut()

    async def _signal_a_host(self, name: str, number: signal.Signals) -> None:
        victim = self._up.state["hosts"][0]
        process = Process.of(victim["pid"])
        async with self._recovery(name):
            os.kill(victim["pid"], number)

        async def replaced() -> bool:
            gone = victim["id"] not in self._up.host_ids and not process.alive
            return gone and await asyncio.to_thread(self._is_healthy)

        await until(replaced, within_s=REPLACED_WITHIN_S)

    async def _kill_server(self, server: str) -> None:
        before = self._up.state["servers"][server]
        async with self._recovery(f"{server} killed"):
            os.kill(before, signal.SIGKILL)

            async def started_again() -> bool:
                return bool(self._up.state["servers"][server] != before)

            await until(started_again, within_s=REPLACED_WITHIN_S)

    @asynccontextmanager
    async def _recovery(self, name: str) -> AsyncIterator[None]:
        """Until each channel acknowledged something that was sent after the beginning."""
        begun_s = asyncio.get_running_loop().time()
        yield
        self.recoveries.append((name, await self._load.recovered(begun_s)))

    def _is_healthy(self) -> bool:
        try:
            return self._up.is_healthy()
        except (OSError, ValueError, LookupError):
            return False


FAULTS: Final[tuple[Callable[[Operator], Awaitable[None]], ...]] = (
    Operator.kill_a_host,
    Operator.kill_postgresql,
    Operator.kill_the_supervisor,
    Operator.stop_a_host,
    Operator.flush_valkey,
    Operator.kill_valkey,
    Operator.cut_sockets,
)


@pytest.mark.timeout(START_WITHIN_S + 300 * ROUNDS)
async def test_no_message_is_lost_or_doubled_whatever_is_killed(running: Up) -> None:
    url = running.state["url"]
    async with (
        fault_proxy(url) as rough,
        load(url, SIZE, rough=f"http://127.0.0.1:{rough.port}") as clients,
    ):
        operator = Operator(running, clients, rough)
        await clients.more(QUIET_MESSAGES)
        chance = random.Random(3)  # noqa: S311 - where cuts fall
        rough.cuts = anywhere(chance, CUT_WITHIN_BYTES)
        rough.cut()
        for _ in range(ROUNDS):
            for fault in FAULTS:
                await fault(operator)
        rough.cuts = Cut
        await clients.more(QUIET_MESSAGES)
        await clients.finish()
        print(f"\n{len(operator.recoveries)} faults, {rough.ended} cuts: {clients.summary()}")
        for name, seconds in operator.recoveries:
            print(f"    {name}: every channel acknowledged again after {seconds:.1f} s")
        assert_whole(clients)
        defects = [record for record in running.records() if "exception" in record]
        assert not defects, defects[:3]
