"""Replays seeds: `PYTHONPATH=tests python -m simulation SEED [COUNT]`; one alone with a trace."""

import sys
import time

from simulation.scenario import run_seed


def main() -> int:
    first = int(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    trace = print if count == 1 else None
    started, failed = time.perf_counter(), 0
    for seed in range(first, first + count):
        report = run_seed(seed, trace=trace)
        if report.wrong or count == 1:
            print(report)
        failed += bool(report.wrong)
    took_s = time.perf_counter() - started
    print(f"{count} seeds in {took_s:.1f} s ({count / took_s:.0f}/s), {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
