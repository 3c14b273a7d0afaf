"""Two thousand schedules of a cluster that is cut, killed, confused and slowed down."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.scenario import run_seed

SEEDS = 2000
CHUNK = 100
_TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_promises_hold_after_every_schedule(first: int) -> None:
    failures = []
    for seed in range(first, first + CHUNK):
        report = run_seed(seed)
        if report.wrong:
            what = "\n    ".join(report.wrong[:5])
            replay = f"PYTHONPATH=tests .venv/bin/python -m simulation {seed}"
            failures.append(f"seed {seed}; replay it with: {replay}\n    {what}")
    assert not failures, "\n".join(failures)


def test_the_schedules_reach_what_they_are_for() -> None:
    reports = [run_seed(seed) for seed in range(80)]
    assert sum(report.acknowledged for report in reports) > 400
    assert sum(report.seen for report in reports) > 800
    assert sum(report.revised for report in reports) > 20
    assert sum(report.cuts for report in reports) > 40
    assert all(report.repairs == 0 for report in reports if report.calm)
    supervised = [report for report in reports if report.views]
    assert len(supervised) >= 5
    assert sum(report.views for report in supervised) > 30


def test_a_seed_runs_the_same_in_every_interpreter() -> None:
    script = (
        "from simulation.scenario import run_seed\n"
        "for seed in range(1, 16):\n"
        "    lines = []\n"
        "    print(run_seed(seed, trace=lines.append), lines)\n"
    )
    outputs = set()
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_TESTS)}
        ran = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, check=True, timeout=120
        )
        outputs.add(ran.stdout)
    assert len(outputs) == 1


def test_a_failing_seed_is_replayed_by_the_command_that_is_printed() -> None:
    env = {**os.environ, "PYTHONPATH": str(_TESTS)}
    ran = subprocess.run(
        [sys.executable, "-m", "simulation", "3"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "view 1:" in ran.stdout
    assert "1 seeds" in ran.stdout
