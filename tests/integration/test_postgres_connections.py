"""What every connection to PostgreSQL is checked for, and what its errors become."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.databases import fresh_database
from support.fault_proxy import FaultProxy, fault_proxy
from support.polling import until

from streamhub.domain.errors import TryAgain
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.postgres import (
    Pool,
    PooledConnection,
    StoreMisconfigured,
    StoreRefused,
    open_pool,
)


@pytest.fixture
async def database(servers: EmbeddedUrls) -> AsyncIterator[str]:
    async with fresh_database(servers.postgres, migrated=False) as url:
        yield url


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(database) as proxy:
        yield proxy


@pytest.fixture
async def pool(database: str, proxy: FaultProxy) -> AsyncIterator[Pool]:
    pool = await open_pool(proxy.url(database), size=4, application_name="tests")
    await pool.execute("CREATE TABLE numbers (id int PRIMARY KEY, n int)")
    yield pool
    await pool.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("lock_timeout", "2s"),
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("jit", "off"),
        ("application_name", "tests"),
        ("synchronous_commit", "on"),
        ("tcp_keepalives_idle", "15"),
    ],
)
async def test_a_pooled_connection_has(pool: Pool, setting: str, value: str) -> None:
    assert await pool.fetchval("SELECT current_setting($1)", setting) == value


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
async def test_a_database_that_may_lose_commits_is_refused(database: str, value: str) -> None:
    connection = await asyncpg.connect(database)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
    await connection.close()
    with pytest.raises(StoreMisconfigured, match=f"synchronous_commit={value}.*Set it to on"):
        await open_pool(database, size=1, application_name="tests")


async def test_a_connection_made_later_is_checked_too(pool: Pool) -> None:
    name = await pool.fetchval("SELECT current_database()")
    await pool.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

    async def two_connections(connection: PooledConnection) -> None:
        await pool.fetchval("SELECT 1")

    with pytest.raises(TryAgain):
        await pool.transact(two_connections)


async def test_wrong_access_is_told_at_once(database: str) -> None:
    with pytest.raises(StoreMisconfigured, match="Check STREAMHUB_DATABASE_URL"):
        await open_pool(f"{database}_not_there", size=1, application_name="tests")


async def test_a_server_that_is_still_starting_is_waited_for(
    database: str, proxy: FaultProxy
) -> None:
    proxy.refuses = True
    opening = asyncio.create_task(open_pool(proxy.url(database), size=1, application_name="tests"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(opening), 0.5)
    proxy.refuses = False
    pool = await opening
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def test_a_server_that_does_not_come_is_told(database: str, proxy: FaultProxy) -> None:
    proxy.refuses = True
    with pytest.raises(TryAgain, match=r"did not answer for 0\.3 s"):
        await open_pool(proxy.url(database), size=1, application_name="tests", start_timeout_s=0.3)


async def test_while_postgresql_is_away_calls_may_be_tried_again(
    pool: Pool, proxy: FaultProxy
) -> None:
    proxy.refuses = True
    proxy.cut()
    for _ in range(3):
        with pytest.raises(TryAgain) as caught:
            await pool.fetchval("SELECT 1")
        assert (caught.value.code, caught.value.retry_after_ms) == ("unavailable", 1000)
    proxy.refuses = False
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_connection_lost_in_mid_statement_may_be_tried_again(
    pool: Pool, proxy: FaultProxy
) -> None:
    waiting = asyncio.create_task(pool.fetchval("SELECT pg_sleep(30)"))
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    await until(lambda: pool.fetchval(sleeping))
    proxy.cut()
    with pytest.raises(TryAgain):
        await waiting


async def test_a_defect_of_ours_is_not_to_be_tried_again(pool: Pool) -> None:
    with pytest.raises(StoreRefused, match="no_such_table"):
        await pool.fetch("SELECT * FROM no_such_table")
    with pytest.raises(StoreRefused):
        await pool.fetchval("SELECT $1::text", "\ud800")


async def test_a_deadlock_is_resolved_by_running_again(pool: Pool) -> None:
    await pool.execute("INSERT INTO numbers VALUES (1, 0), (2, 0)")
    both_began = asyncio.Barrier(2)
    runs = 0

    async def raise_both(first: int, second: int) -> None:
        met = False

        async def work(connection: PooledConnection) -> None:
            nonlocal met, runs
            runs += 1
            await connection.execute("UPDATE numbers SET n = n + 1 WHERE id = $1", first)
            if not met:
                met = True
                await both_began.wait()
            await connection.execute("UPDATE numbers SET n = n + 1 WHERE id = $1", second)

        await pool.transact(work)

    await asyncio.gather(raise_both(1, 2), raise_both(2, 1))
    assert [tuple(row) for row in await pool.fetch("SELECT * FROM numbers ORDER BY id")] == [
        (1, 2),
        (2, 2),
    ]
    assert runs == 3


async def test_a_statement_outdated_by_a_migration_is_planned_anew(pool: Pool) -> None:
    query = "SELECT * FROM numbers"
    await asyncio.gather(*(pool.fetch(query) for _ in range(8)))
    await pool.execute("ALTER TABLE numbers ADD COLUMN more text")
    assert await asyncio.gather(*(pool.fetch(query) for _ in range(8))) == [[]] * 8
