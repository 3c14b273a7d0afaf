"""An operator's commands on a real StreamHub, as processes of their own, under load."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from support.load import Size, assert_whole, load
from support.up import START_WITHIN_S, Process, Up, wait_for

pytestmark = pytest.mark.timeout(START_WITHIN_S + 600)

SIZE = Size(channels=4, senders=8, listeners=16, per_s=5)
QUIET_MESSAGES = 40
COMMAND_WITHIN_S = 300.0


def streamhub(running: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside it, to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "streamhub", *arguments, "--data", str(running.data)],
        capture_output=True,
        text=True,
        timeout=COMMAND_WITHIN_S,
    )


def succeed(running: Up, *arguments: str) -> str:
    """What a command that succeeds says on standard error."""
    done = streamhub(running, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def status(running: Up) -> dict[str, Any]:
    done = streamhub(running, "status", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_status_tells_of_every_host_by_its_own_word(running: Up) -> None:
    found = status(running)
    assert found["health"] == "ready"
    cluster = found["cluster"]
    assert sorted(host["id"] for host in cluster["hosts"]) == sorted(running.host_ids)
    assert Counter(host["state"] for host in cluster["hosts"]) == {"live": 2}
    for host in cluster["hosts"]:
        assert host["report"]["ready"]
        assert host["report"]["view"] == cluster["view"]
    (node,) = cluster["nodes"]
    assert (node["carries"], node["drained"], node["hosts"]) == (True, False, 2)
    supervisor = cluster["supervisor"]
    assert supervisor["alive"]
    assert supervisor["pid"] == running.state["supervisor_pid"]
    assert (supervisor["ready"], supervisor["wanted"], supervisor["problem"]) == (2, 2, "")
    assert all(part["alive"] for part in found["local"]["processes"])


def test_commands_name_what_there_is_when_nothing_fits(running: Up) -> None:
    done = streamhub(running, "drain", "nowhere")
    assert done.returncode == 1
    for host in running.host_ids:
        assert f"host {host}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_only_node_is_not_drained_and_is_told_why(running: Up) -> None:
    node = status(running)["cluster"]["nodes"][0]["id"]
    before = running.host_ids
    done = streamhub(running, "drain", node[:10], "--timeout", "5")
    try:
        assert done.returncode == 1
        assert "another node that takes traffic" in done.stderr
        assert running.host_ids == before
    finally:
        succeed(running, "undrain", node[:10])


async def test_hosts_come_go_and_are_replaced_and_clients_see_no_error(running: Up) -> None:
    before = set(running.host_ids)
    async with load(running.state["url"], SIZE) as clients:
        await clients.more(QUIET_MESSAGES)
        await asyncio.to_thread(succeed, running, "scale", "--hosts", "3")
        assert len((await asyncio.to_thread(status, running))["cluster"]["hosts"]) == 3
        await clients.more(QUIET_MESSAGES)
        await asyncio.to_thread(succeed, running, "scale", "--hosts", "2")
        await clients.more(QUIET_MESSAGES)
        said = await asyncio.to_thread(succeed, running, "restart", "--rolling")
        assert "2 hosts were replaced" in said
        await clients.more(QUIET_MESSAGES)
        await clients.finish()
        print(f"\n    {clients.summary()}")
        assert_whole(clients)
    await asyncio.to_thread(wait_for, running.is_healthy, "two ready hosts")
    assert not before & set(running.host_ids)
    wait_for(lambda: not status(running)["cluster"]["wishes"]["leaving"], "wishes are forgotten")


async def test_a_host_whose_process_is_told_to_end_is_replaced_and_drains(running: Up) -> None:
    host, pid = next((host["id"], host["pid"]) for host in running.state["hosts"])
    process = Process.of(pid)
    async with load(running.state["url"], SIZE) as clients:
        await clients.more(QUIET_MESSAGES)
        os.kill(pid, signal.SIGTERM)
        await asyncio.to_thread(wait_for, lambda: not process.alive, "the host ends")
        await clients.more(QUIET_MESSAGES)
        await clients.finish()
        print(f"\n    {clients.summary()}")
        assert_whole(clients)
    await asyncio.to_thread(wait_for, running.is_healthy, "two ready hosts")
    assert host not in running.host_ids
    of_host = [record["event"] for record in running.records() if record.get("host") == host]
    assert of_host.index("host_told_to_end") < of_host.index("host_drains")
    assert "host_drained" in of_host
