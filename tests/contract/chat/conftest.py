"""Both implementations of what keeps channels."""

from collections.abc import AsyncIterator

import pytest
from support.stores import ChatStores, in_memory, in_postgres

from streamhub.persistence.postgres import Pool


@pytest.fixture
async def memory_chat() -> ChatStores:
    return in_memory()


@pytest.fixture
async def postgres_chat(pool: Pool) -> AsyncIterator[ChatStores]:
    async with in_postgres(pool) as stores:
        yield stores


@pytest.fixture(params=["memory", "postgres"])
def chat(request: pytest.FixtureRequest) -> ChatStores:
    stores: ChatStores = request.getfixturevalue(f"{request.param}_chat")
    return stores
