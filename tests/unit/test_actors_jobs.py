"""What a host does again and again: through defects, and by one host of all."""

import asyncio
import contextlib

from support.actor_bench import HERE, THERE, simulated

from streamhub.actors.jobs import OneHost, repeat
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId


@simulated
async def test_what_breaks_once_is_done_again() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise RuntimeError("a defect")

    task = asyncio.create_task(repeat("work", 1.0, work))
    await asyncio.sleep(3.5)
    assert done == [0, 1, 2]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


class View:
    """A directory by which `owner` owns everything."""

    version = 1

    def __init__(self, owner: HostId | None, *, serving: bool = True) -> None:
        self.serving = serving
        self._owner = owner

    def owner(self, actor: ActorId) -> HostId | None:
        return self._owner


def test_one_host_does_it_while_it_serves() -> None:
    assert OneHost("work", HERE, View(HERE)).is_this
    assert not OneHost("work", HERE, View(THERE)).is_this
    assert not OneHost("work", HERE, View(None)).is_this
    assert not OneHost("work", HERE, View(HERE, serving=False)).is_this
