"""What integration tests share: one set of embedded servers, and a word to find again in them."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio
from miniopy_async import Minio

from streamhub.persistence.embedded.stack import EmbeddedServers, EmbeddedUrls


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedUrls]:
    """PostgreSQL, Valkey and SeaweedFS for all integration tests; the bucket does not exist yet."""
    stack = EmbeddedServers(tmp_path_factory.mktemp("servers"))
    stack.start()
    try:
        yield stack.urls
    finally:
        stack.stop()


@pytest.fixture
def at_end() -> Iterator[Callable[[Callable[[], object]], object]]:
    """Call it with what must be called when the test ends, however it ends."""
    with ExitStack() as stack:
        yield stack.callback


class Memory:
    """Writes a word to a server by its url, whatever its kind, and reads it back."""

    async def write(self, url: str, word: str) -> None:
        match urlsplit(url).scheme:
            case "postgresql":
                connection = await asyncpg.connect(url)
                await connection.execute("CREATE TABLE IF NOT EXISTS memory (word text)")
                await connection.execute("INSERT INTO memory VALUES ($1)", word)
                await connection.close()
            case "redis":
                async with redis.asyncio.Redis.from_url(url) as client:
                    await client.set("memory", word)
            case _:
                async with _minio(url) as client:
                    if not await client.bucket_exists("streamhub"):
                        await client.make_bucket("streamhub")
                    body = word.encode()
                    await client.put_object("streamhub", "memory", io.BytesIO(body), len(body))

    async def read(self, url: str) -> str:
        match urlsplit(url).scheme:
            case "postgresql":
                connection = await asyncpg.connect(url)
                word = str(await connection.fetchval("SELECT word FROM memory"))
                await connection.close()
                return word
            case "redis":
                async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
                    return str(await client.get("memory"))
            case _:
                async with _minio(url) as client:
                    reply = await client.get_object("streamhub", "memory")
                    async with reply:
                        return bytes(await reply.read()).decode()


@pytest.fixture(scope="session")
def memory() -> Memory:
    return Memory()


def _minio(url: str) -> Minio:
    parts = urlsplit(url)
    return Minio(
        f"{parts.hostname}:{parts.port}",
        access_key=parts.username,
        secret_key=parts.password,
        secure=False,
        region="us-east-1",
    )
