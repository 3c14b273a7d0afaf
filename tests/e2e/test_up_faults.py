"""Processes die and hang; the service does not."""

import os
import signal

import pytest
from support.up import Process, Up, wait_for


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_stuck_host_is_replaced_by_a_new_one(running: Up, fault: signal.Signals) -> None:
    victim, other = running.state["hosts"]
    process = Process.of(victim["pid"])
    os.kill(victim["pid"], fault)
    wait_for(lambda: victim["id"] not in running.host_ids, "it left the state")
    wait_for(running.is_healthy, "two ready hosts again")
    assert other["id"] in running.host_ids
    assert victim["id"] not in running.host_ids
    wait_for(lambda: not process.alive, "its process is gone")


def test_hosts_go_on_without_their_supervisor_and_it_comes_back(running: Up) -> None:
    before = running.state
    os.kill(before["supervisor_pid"], signal.SIGKILL)
    wait_for(
        lambda: running.state["supervisor_pid"] != before["supervisor_pid"],
        "another supervisor",
    )
    assert running.state["hosts"] == before["hosts"]
    victim = before["hosts"][0]
    os.kill(victim["pid"], signal.SIGKILL)
    wait_for(lambda: victim["id"] not in running.host_ids, "it left the state")
    wait_for(running.is_healthy, "two ready hosts again")


def test_a_killed_host_and_supervisor_are_both_replaced(running: Up) -> None:
    before = running.state
    os.kill(before["hosts"][0]["pid"], signal.SIGKILL)
    os.kill(before["supervisor_pid"], signal.SIGKILL)
    wait_for(lambda: before["hosts"][0]["id"] not in running.host_ids, "it left the state")
    wait_for(running.is_healthy, "two ready hosts again")


@pytest.mark.parametrize("server", ["postgres", "valkey", "s3"])
def test_a_killed_server_comes_back_and_no_host_suffers(running: Up, server: str) -> None:
    before = running.state
    os.kill(before["servers"][server], signal.SIGKILL)
    wait_for(
        lambda: running.state["servers"][server] != before["servers"][server],
        f"{server} was started again",
    )
    wait_for(running.is_healthy, "all stores answer")
    assert running.state["hosts"] == before["hosts"]
