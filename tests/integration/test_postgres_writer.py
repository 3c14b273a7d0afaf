"""The writer when PostgreSQL is away, slow, cut off in mid-statement, or refuses.

Crashes before, in and after the statement: a retry gives one row and the first seq.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest
from msgspec.structs import replace
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, fault_proxy
from support.polling import until
from support.stores import ChatStores, created, message

from streamhub.domain.changes import Committed, NotStored, Outcome, Repeated
from streamhub.domain.channels import Loaded
from streamhub.domain.drafts import Draft, MessageDraft
from streamhub.domain.ids import UserId
from streamhub.persistence.channels import PostgresChannelStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.hiding import PostgresHidingStore
from streamhub.persistence.kept_drafts import PostgresDraftStore
from streamhub.persistence.notifications import PostgresNotificationStore
from streamhub.persistence.outbox import PostgresOutbox
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.presence import PostgresPresenceStore
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.persistence.scheduling import PostgresJobStore
from streamhub.persistence.search import PostgresSearch
from streamhub.persistence.writer import PostgresJournal

STALE = NotStored(reason="stale")
UNKNOWN = NotStored(reason="unknown")
UNAVAILABLE = NotStored(reason="unavailable")
BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@dataclass
class Stage:
    """A host whose writer has one lane and goes through a proxy; `direct` does not."""

    stores: ChatStores
    journal: PostgresJournal
    proxy: FaultProxy
    direct: Pool
    database: str
    alice: UserId
    channel: Loaded

    def submit(self, *drafts: Draft) -> asyncio.Future[list[Outcome]]:
        return asyncio.ensure_future(self.stores.store_all(drafts))

    def drafts(self, *texts: str, channel: Loaded | None = None) -> list[MessageDraft]:
        return [message(channel or self.channel, self.alice, text) for text in texts]

    async def rows(self) -> list[tuple[int, str]]:
        found = await self.direct.fetch("SELECT seq, body FROM messages ORDER BY channel_id, seq")
        return [(seq, body) for seq, body in found]

    async def blocked(self, count: int = 1) -> None:
        """Wait until so many statements wait for a lock."""

        async def enough() -> bool:
            return bool(await self.direct.fetchval(BLOCKED) >= count)

        await until(enough)

    @asynccontextmanager
    async def row_locked(self) -> AsyncIterator[None]:
        """Somebody else holds the channel's row."""
        connection = await asyncpg.connect(self.database)
        try:
            async with connection.transaction():
                lock = "SELECT FROM channels WHERE id = $1 FOR UPDATE"
                await connection.execute(lock, self.channel.channel.id)
                yield
        finally:
            await connection.close()


@pytest.fixture
async def stage(servers: EmbeddedUrls) -> AsyncIterator[Stage]:
    async with fresh_database(servers.postgres) as database, fault_proxy(database) as proxy:
        direct = await open_pool(database, size=4, application_name="tests")
        pool = await open_pool(proxy.url(database), size=4, application_name="host")
        journal = PostgresJournal(pool, lanes=1)
        store, outbox = PostgresChannelStore(direct), PostgresOutbox(direct)
        search = PostgresSearch(direct)
        drafts = PostgresDraftStore(direct)
        others = (
            PostgresRetentionStore(direct),
            drafts,
            PostgresNotificationStore(direct),
            PostgresPresenceStore(direct),
            search,
            search,
            PostgresJobStore(direct),
            PostgresHidingStore(direct),
        )
        stores = ChatStores(store, journal, outbox, journal, *others)
        alice = stores.user()
        channel = await stores.channel(alice)
        yield Stage(stores, journal, proxy, direct, database, alice, channel)
        await journal.close()
        await pool.close()
        await direct.close()


async def test_before_the_statement_nothing_is_stored_and_that_is_said(stage: Stage) -> None:
    stage.proxy.refuses = True
    stage.proxy.cut()
    drafts = stage.drafts("one", "two")
    assert await stage.submit(*drafts) == [UNAVAILABLE] * 2
    assert await stage.rows() == []
    stage.proxy.refuses = False

    assert await stage.submit(*drafts) == [UNAVAILABLE] * 2, "nor later, by an owner that must load"

    async def stored_again() -> bool:
        loaded = await stage.stores.take_over(stage.channel.channel.id)
        (again,) = await stage.submit(replace(drafts[0], term=loaded.head.term))
        return isinstance(again, Committed | Repeated)

    await until(stored_again, within_s=5)
    assert await stage.rows() == [(1, "one")]


async def test_an_answer_lost_after_the_commit_is_unknown_and_a_retry_finds_the_row(
    stage: Stage,
) -> None:
    await stage.submit(*stage.drafts("warm up"))
    stage.proxy.answers_flow.clear()
    drafts = stage.drafts("one", "two")
    answer = stage.submit(*drafts)

    async def committed() -> bool:
        return len(await stage.rows()) == 3

    await until(committed)
    behind = stage.submit(*stage.drafts("behind"))
    stage.proxy.cut()
    stage.proxy.answers_flow.set()
    assert await answer == [UNKNOWN] * 2
    assert await behind == [UNAVAILABLE], "its owner must load again first"
    loaded = await stage.stores.take_over(stage.channel.channel.id)
    assert loaded.head.seq == 3
    again = await stage.submit(*(replace(draft, term=loaded.head.term) for draft in drafts))
    assert [one.message.seq for one in again if isinstance(one, Repeated)] == [2, 3]
    assert await stage.rows() == [(1, "warm up"), (2, "one"), (3, "two")]


async def test_a_cut_in_mid_statement_is_unknown_and_loading_waits_for_it(stage: Stage) -> None:
    (draft,) = stage.drafts("one")
    async with stage.row_locked():
        answer = stage.submit(draft)
        await stage.blocked()
        stage.proxy.cut()
        assert await answer == [UNKNOWN]
        loading = asyncio.create_task(stage.stores.take_over(stage.channel.channel.id))
        await stage.blocked(2)
    loaded = await loading
    assert loaded.head.seq == 1, "the statement nobody listens to any more is committed by now"
    (again,) = await stage.submit(replace(draft, term=loaded.head.term))
    assert isinstance(again, Repeated)
    assert await stage.rows() == [(1, "one")]


async def test_a_backend_ended_in_mid_statement_is_unknown_and_a_retry_stores_it_once(
    stage: Stage,
) -> None:
    (draft,) = stage.drafts("one")
    async with stage.row_locked():
        answer = stage.submit(draft)
        await stage.blocked()
        await stage.direct.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'host' AND wait_event_type = 'Lock'"
        )
        assert await answer == [UNKNOWN]
    loaded = await stage.stores.take_over(stage.channel.channel.id)
    (again,) = await stage.submit(replace(draft, term=loaded.head.term))
    assert created(again).seq == 1
    assert await stage.rows() == [(1, "one")]


async def test_a_new_owner_waits_for_the_batch_in_flight_and_then_fences_the_old(
    stage: Stage,
) -> None:
    async with stage.row_locked():
        first = stage.submit(*stage.drafts("one"))
        await stage.blocked()
        loading = asyncio.create_task(stage.stores.take_over(stage.channel.channel.id))
        await stage.blocked(2)
        second = stage.submit(*stage.drafts("two"))
    assert created((await first)[0]).seq == 1
    seq = (await loading).head.seq
    if seq == 1:
        assert await second == [STALE]
    else:  # it had the row before the new owner
        assert [created(outcome).seq for outcome in await second] == [2] == [seq]
    assert await stage.submit(*stage.drafts("three")) == [STALE]


async def test_a_channel_whose_row_is_locked_does_not_stop_the_others(stage: Stage) -> None:
    other = await stage.stores.channel(stage.alice)
    async with stage.row_locked():
        locked, free = stage.drafts("locked"), stage.drafts("free", channel=other)
        outcomes = await stage.submit(*locked, *free)
    assert outcomes[0] == UNAVAILABLE
    assert created(outcomes[1]).seq == 1
    assert await stage.rows() == [(1, "free")]


async def test_beyond_its_limit_the_writer_says_unavailable_in_order(stage: Stage) -> None:
    journal = PostgresJournal(stage.direct, lanes=1, queue_limit=10)
    drafts = stage.drafts(*(str(n) for n in range(20)))
    outcomes = await stage.stores.store_all(drafts, journal)
    assert all(isinstance(outcome, Committed) for outcome in outcomes[:10])
    assert outcomes[10:] == [UNAVAILABLE] * 10
    (after,) = stage.drafts("after")
    assert await stage.stores.store(after, journal) == UNAVAILABLE
    loaded = await stage.stores.take_over(stage.channel.channel.id)
    after = replace(after, term=loaded.head.term)
    assert isinstance(await stage.stores.store(after, journal), Committed)
    await journal.close()


async def test_closing_stores_what_waits_and_refuses_what_comes_later(stage: Stage) -> None:
    answers = stage.submit(*stage.drafts(*(str(n) for n in range(600))))
    await asyncio.sleep(0)
    await stage.journal.close()
    assert all(isinstance(outcome, Committed) for outcome in await answers)
    assert await stage.submit(*stage.drafts("late")) == [UNAVAILABLE]


async def test_a_listener_that_fails_does_not_stop_the_lane(stage: Stage) -> None:
    def fail(_: Outcome) -> None:
        raise RuntimeError("a defect")

    stage.journal.submit(stage.drafts("one")[0], fail)
    assert created((await stage.submit(*stage.drafts("two")))[0]).seq == 2
