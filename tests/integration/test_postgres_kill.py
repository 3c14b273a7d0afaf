"""A commit is on disk: kill -9 of PostgreSQL under load loses no acknowledged row."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.polling import until
from support.stores import ChatStores, in_postgres, message

from streamhub.domain.changes import Committed, NotStored, Repeated
from streamhub.domain.channels import Loaded, Message
from streamhub.domain.drafts import MessageDraft
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, UserId
from streamhub.persistence.embedded.postgres import EmbeddedPostgres
from streamhub.persistence.migrations import migrate
from streamhub.persistence.postgres import open_pool

CHANNELS = 8
SENDERS = 32
KILLS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


class Owners:
    """What channel actors do: they load a channel, and load it again when they must."""

    def __init__(self, stores: ChatStores) -> None:
        self._stores = stores
        self._loaded: dict[ChannelId, Loaded] = {}

    async def send(self, draft: MessageDraft) -> Message:
        """Send until it is acknowledged, with the same key."""
        while True:
            owned = await self._owned(draft.channel)
            outcome = await self._stores.store(replace(draft, term=owned.head.term))
            match outcome:
                case Committed():
                    return outcome.change.message  # type: ignore[union-attr]
                case Repeated():
                    return outcome.message
                case NotStored():
                    assert outcome.reason != "refused", outcome
                    if self._loaded.get(draft.channel) is owned:
                        del self._loaded[draft.channel]
                case _:
                    raise AssertionError(outcome)

    async def _owned(self, channel: ChannelId) -> Loaded:
        while channel not in self._loaded:
            with suppress(TryAgain):
                self._loaded[channel] = await self._stores.take_over(channel)
            await asyncio.sleep(0.02)
        return self._loaded[channel]


async def test_kill_9_under_load_loses_no_acknowledged_message(server: EmbeddedPostgres) -> None:
    await migrate(server.url)
    pool = await open_pool(server.url, size=4, application_name="tests")
    async with in_postgres(pool) as stores:
        alice = stores.user()
        channels = [await stores.channel(alice) for _ in range(CHANNELS)]
        owners = Owners(stores)
        acknowledged: list[Message] = []
        over = asyncio.Event()

        async def keep_sending(channel: Loaded) -> None:
            while not over.is_set():
                acknowledged.append(await owners.send(message(channel, alice)))

        async with asyncio.TaskGroup() as senders:
            for number in range(SENDERS):
                senders.create_task(keep_sending(channels[number % CHANNELS]))
            for _ in range(KILLS):
                await _until_more(acknowledged, 500)
                _kill_9(server)
                server.start()  # here, on the main thread, whose end must take it along
            await _until_more(acknowledged, 500)
            over.set()
        for channel in channels:
            await _check(stores, channel.channel.id, alice, acknowledged)
    await pool.close()


async def _check(
    stores: ChatStores, channel: ChannelId, reader: UserId, acknowledged: list[Message]
) -> None:
    """All that was acknowledged is there, once, where it was said to be, and there is no hole."""
    stored: list[Message] = []
    more = True
    while more:
        page = await stores.channels.history(channel, reader, after=len(stored), limit=200)
        assert page is not None
        stored += page.messages
        more = page.has_after
    assert [one.seq for one in stored] == list(range(1, len(stored) + 1))
    mine = sorted((one for one in acknowledged if one.channel == channel), key=lambda m: m.seq)
    assert mine == stored
    assert (await stores.take_over(channel)).head.seq == len(stored)


async def _until_more(acknowledged: list[Message], more: int) -> None:
    enough = len(acknowledged) + more

    async def are_there() -> bool:
        return len(acknowledged) >= enough

    await until(are_there, within_s=60)


def _kill_9(server: EmbeddedPostgres) -> None:
    """The postmaster; its children see it at their next wait, and end."""
    os.kill(server.pid, signal.SIGKILL)
    while server.poll() is None:
        time.sleep(0.001)
