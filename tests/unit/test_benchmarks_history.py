"""What the benchmark of history says of plans."""

import pytest

from benchmarks.history import GROWTH, PROBE_BUFFERS, SLACK_BUFFERS, Compared, Cost, _scanned

SCAN = {"Node Type": "Seq Scan", "Relation Name": "messages"}
BY_INDEX = {"Node Type": "Index Scan", "Relation Name": "messages"}


@pytest.mark.parametrize(
    ("plan", "scanned"),
    [
        (SCAN, {"messages"}),
        (
            {"Node Type": "Limit", "Plans": [BY_INDEX, {"Node Type": "Sort", "Plans": [SCAN]}]},
            {"messages"},
        ),
        ({"Node Type": "Parallel Seq Scan", "Relation Name": "mentions"}, {"mentions"}),
        ({"Node Type": "Limit", "Plans": [BY_INDEX]}, set()),
        ({"Node Type": "Seq Scan", "Relation Name": "hosts"}, set()),
    ],
)
def test_a_scan_is_found_wherever_it_is_in_the_plan(
    plan: dict[str, object], scanned: set[str]
) -> None:
    assert _scanned(plan) == scanned


def test_what_grows_with_history_is_told() -> None:
    most = int(100 * GROWTH) + SLACK_BUFFERS + 5 + 5 * PROBE_BUFFERS
    for buffers, verdict in ((100, "ok"), (most, "ok"), (most + 1, "grows")):
        one = Compared("read", Cost(buffers=100), Cost(buffers=buffers, rows=5))
        assert one.verdict == verdict
    scanning = Compared("read", Cost(buffers=9), Cost(buffers=9, scanned={"mentions"}))
    assert scanning.verdict == "scans mentions"
