"""One running StreamHub for all end-to-end tests: each start costs about ten seconds."""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.shared import Shared
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


@contextmanager
def _started() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as folder:
        up = Up(Path(folder) / "data", cwd=Path(folder))
        try:
            yield up.wait_ready()
        finally:
            up.stop()


_running = Shared(Path(__file__).parent, _started)


@pytest.fixture
def running() -> Up:
    """A StreamHub of two hosts that share a port; healthy when the test begins."""
    up = _running.get()
    wait_for(up.is_healthy, "two ready hosts")
    return up


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    yield
    _running.after(nextitem)


def pytest_unconfigure() -> None:
    _running.end()
