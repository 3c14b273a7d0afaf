"""One StreamHub on three machines for all tests here: it takes most of a minute to start."""

import asyncio
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.names import NamingLoop
from support.network import why_not
from support.nodes import Nodes
from support.shared import Shared
from support.up import START_WITHIN_S

FIRST_NODES = 3


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"naming": NamingLoop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    reason = why_not() if mine else ""
    for item in mine:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(START_WITHIN_S + 120))


@contextmanager
def _three_machines() -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="shn-", dir="/tmp") as folder:
        nodes = Nodes(Path(folder))
        try:
            nodes.start(FIRST_NODES)
            yield nodes
        finally:
            nodes.close()


_nodes = Shared(Path(__file__).parent, _three_machines)


@pytest.fixture(scope="session")
def nodes() -> Nodes:
    """A running StreamHub."""
    return _nodes.get()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    yield
    _nodes.after(nextitem)


def pytest_unconfigure() -> None:
    _nodes.end()
