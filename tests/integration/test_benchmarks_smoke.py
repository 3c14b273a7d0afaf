"""The benchmarks run at tiny sizes, and every delivery is counted. How fast is not looked at."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_all_parts_beside_peers_run_and_lose_no_delivery() -> None:
    done = run("benchmarks", "--smoke", "fanout", "sends", "log-ins", "idle")
    for line in (
        "40 sockets, single messages: CPU per delivery",
        "40 sockets, bursts of 20: CPU per delivery",
        "sends/s with every delivery made",
        "sends/s without listeners",
        "idle connection, 2 channels",
        "resume, 2 channels: CPU",
    ):
        assert line in done.stdout


def test_clusters_send_one_copy_to_each_other_host() -> None:
    done = run("benchmarks", "--smoke", "cluster")  # it counts the copies itself
    for work in ("fan-out, 1", "fan-out, 20", "sends, 40/s", "sends, all"):
        assert work in done.stdout
    can_make_nodes = os.geteuid() == 0 and shutil.which("ip") and shutil.which("nsenter")
    assert ("on two nodes" in done.stdout) or "LEFT OUT: hosts on two nodes" in done.stderr
    assert can_make_nodes or "LEFT OUT" in done.stderr


def test_no_read_of_history_scans_what_grows() -> None:
    done = run("benchmarks", "--smoke", "history")
    for read in ("ready: channels with", "sync: 20 channels", "search: a common word"):
        assert read in done.stdout
    assert "scans" not in done.stdout, done.stdout


def test_the_tables_of_scale_are_made() -> None:
    done = run("benchmarks.simulate_scale", "--smoke")
    for title in ("Placement and the view", "What one of everything costs", "10,000 users on each"):
        assert title in done.stdout
