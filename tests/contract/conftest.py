"""PostgreSQL, migrated, and Valkey for all contract tests; started when first asked for."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from streamhub.persistence.embedded.stack import EmbeddedServers, EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.persistence.postgres import Pool, open_pool


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedUrls]:
    """Tests share the database, so each uses ids of its own."""
    stack = EmbeddedServers(tmp_path_factory.mktemp("servers"), objects=False)
    stack.start()
    try:
        asyncio.run(migrate(stack.urls.postgres))
        yield stack.urls
    finally:
        stack.stop()


@pytest.fixture
async def pool(servers: EmbeddedUrls) -> AsyncIterator[Pool]:
    pool = await open_pool(servers.postgres, size=8, application_name="contract tests")
    yield pool
    await pool.close()
