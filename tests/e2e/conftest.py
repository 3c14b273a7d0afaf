"""One running StreamHub for all end-to-end tests: each start costs about ten seconds."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.up import START_WITHIN_S, Up, wait_for

# The first test of a session waits for the start.
START_TIMEOUT_S = START_WITHIN_S + 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(START_TIMEOUT_S))


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a short path: Ray's sockets lie in the data folder then."""
    with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def _running() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as folder:
        up = Up(Path(folder) / "data", cwd=Path(folder))
        try:
            yield up.wait_ready()
        finally:
            up.stop()


@pytest.fixture
def running(_running: Up) -> Up:
    """A StreamHub of two hosts that share a port; healthy when the test begins."""
    wait_for(_running.is_healthy, "two ready hosts")
    return _running
