"""The benchmarks run at tiny sizes, and every delivery is counted. How fast is not looked at."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_all_parts_run_and_lose_no_delivery() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for line in (
        "40 sockets, single messages: CPU per delivery",
        "40 sockets, bursts of 20: CPU per delivery",
        "sends/s with every delivery made",
        "sends/s without listeners",
        "idle connection, 2 channels",
        "resume, 2 channels: CPU",
    ):
        assert line in done.stdout
