"""Which versions of the link two hosts speak, if any."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from support.chat_hosts import until
from support.linked_peers import ANN, BOB, Wire

from streamhub.transport import link_troubles, links
from streamhub.transport.link_handshake import Versions


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.stack.aclose()


@pytest.mark.parametrize(
    ("ours", "theirs", "spoken"),
    [((1, 1), (1, 1), 1), ((1, 1), (1, 2), 1), ((2, 4), (1, 3), 3), ((1, 5), (5, 9), 5)],
)
async def test_a_link_speaks_the_highest_version_that_both_know(
    wire: Wire, ours: tuple[int, int], theirs: tuple[int, int], spoken: int
) -> None:
    ann = await wire.peer(ANN, spoken=Versions(*ours))
    bob = await wire.peer(BOB, spoken=Versions(*theirs))
    with capture_logs() as logs:
        assert ann.send(BOB, "hello")
        await until(lambda: bob.got == [(ANN, ("hello",))])
    opened = [entry["version"] for entry in logs if entry["event"] == "link.open"]
    assert opened == [spoken, spoken]


async def test_versions_too_far_apart_do_not_link_and_nobody_is_evicted_for_it(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "PAUSE_S", 0.05)
    monkeypatch.setattr(link_troubles, "UNLINKED_S", 0.0)
    ann = await wire.peer(ANN, spoken=Versions(1, 2))
    bob = await wire.peer(BOB, spoken=Versions(3, 3))
    with capture_logs() as logs:
        assert ann.send(BOB, "hello")
        assert bob.send(ANN, "hello")
        await until(lambda: bool(ann.lost and bob.lost))
    assert sorted(entry["error"] for entry in logs if entry["event"] == "link.refused") == [
        "this host speaks version 3 of the link, and the caller versions 1 to 2",
        "this host speaks versions 1 to 2 of the link, and the caller version 3",
    ]
    assert not ann.send(BOB, "fails at once")
    assert ann.links.unlinked() == bob.links.unlinked() == ()
