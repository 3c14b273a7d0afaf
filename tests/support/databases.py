"""Databases of a test's own on a shared PostgreSQL."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from support.polling import until

from streamhub.persistence.migrations import migrate


@asynccontextmanager
async def fresh_database(url: str, *, migrated: bool = True) -> AsyncIterator[str]:
    """The URL of a new database, dropped at the end whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    fresh = f"{url.rpartition('/')[0]}/{name}"
    try:
        if migrated:
            await migrate(fresh)
        yield fresh
    finally:
        await _drop(connection, name)
        await connection.close()


async def _drop(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """A process of PostgreSQL's own that looks after the tables may not be ended: it is waited
    for."""

    async def dropped() -> bool:
        with suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            return True
        return False

    await until(dropped)
