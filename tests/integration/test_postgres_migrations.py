"""Steps of the schema: in order, once, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.databases import fresh_database

from streamhub.domain.errors import TryAgain
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import (
    Migration,
    SchemaMismatch,
    known_migrations,
    migrate,
    plan,
)

FIRST = Migration("0001_first.sql", "CREATE TABLE first (id int); INSERT INTO first VALUES (1);")
SECOND = Migration("0002_second.sql", "ALTER TABLE first ADD COLUMN more text")


@pytest.fixture
async def database(servers: EmbeddedUrls) -> AsyncIterator[str]:
    async with fresh_database(servers.postgres, migrated=False) as url:
        yield url


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_all_that_is_known_is_applied_once(database: str) -> None:
    names = [step.name for step in known_migrations()]
    assert names[0] == "0001_cluster.sql"
    assert names == sorted(names)
    assert await migrate(database) == names
    assert await migrate(database) == []
    assert {"cluster_log", "channels", "messages"} <= await tables(database)


async def test_a_plan_shows_what_is_pending_and_changes_nothing(database: str) -> None:
    assert await plan(database, known=(FIRST, SECOND)) == (FIRST, SECOND)
    assert await tables(database) == set()
    await migrate(database, known=(FIRST,))
    assert await plan(database, known=(FIRST, SECOND)) == (SECOND,)


async def test_hosts_that_start_together_migrate_once(database: str) -> None:
    done = await asyncio.gather(*(migrate(database, known=(FIRST, SECOND)) for _ in range(5)))
    assert sorted(name for names in done for name in names) == [FIRST.name, SECOND.name]


async def test_a_connection_may_be_given_and_stays_as_it_was(database: str) -> None:
    connection = await asyncpg.connect(database, server_settings={"lock_timeout": "7s"})
    assert await migrate(connection, known=(FIRST,)) == [FIRST.name]
    assert await connection.fetchval("SHOW lock_timeout") == "7s"
    assert await plan(connection, known=(FIRST,)) == ()
    await connection.close()


async def test_a_step_that_fails_leaves_nothing_and_those_before_it_stay(database: str) -> None:
    broken = Migration("0002_broken.sql", "CREATE TABLE second (id int); SELECT 1 / 0")
    with pytest.raises(SchemaMismatch, match=r"0002_broken\.sql failed.*division by zero"):
        await migrate(database, known=(FIRST, broken))
    assert await tables(database) == {"first", "schema_migrations"}
    assert await migrate(database, known=(FIRST, SECOND)) == [SECOND.name]


async def test_a_step_that_was_changed_after_it_was_applied_is_refused(database: str) -> None:
    await migrate(database, known=(FIRST,))
    changed = Migration(FIRST.name, FIRST.sql + " -- better")
    for attempt in (migrate, plan):
        with pytest.raises(SchemaMismatch, match=r"0001_first\.sql was changed.*Restore the file"):
            await attempt(database, known=(changed, SECOND))


async def test_a_database_newer_than_this_streamhub_is_refused(database: str) -> None:
    await migrate(database, known=(FIRST, SECOND))
    with pytest.raises(SchemaMismatch, match=r"0002_second\.sql.*newer one. Run that version"):
        await migrate(database, known=(FIRST,))


async def test_a_database_that_went_away_may_be_tried_again(database: str) -> None:
    sleeping = Migration("0001_sleeps.sql", "SELECT pg_sleep(60)")
    migrating = asyncio.create_task(migrate(database, known=(sleeping,)))
    connection = await asyncpg.connect(database)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'"
    while not await connection.fetchval(end):
        assert not migrating.done()
    with pytest.raises(TryAgain):
        await migrating
    await connection.close()
