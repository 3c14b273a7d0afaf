"""The connections of one process, from settings."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from streamhub.cluster.plan import needed
from streamhub.config import Settings
from streamhub.domain.cluster import ClusterStore
from streamhub.domain.wishes import WishStore
from streamhub.persistence import redis
from streamhub.persistence.blobs import S3Blobs
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.objects import ObjectStore
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.wishes import PostgresWishStore
from streamhub.transport.health import Check


@dataclass(frozen=True, slots=True)
class Stores:
    """The connections of one process, and what is kept over them."""

    pool: Pool
    redis: Redis
    objects: ObjectStore
    blobs: S3Blobs
    cluster: ClusterStore
    wishes: WishStore
    _closing: AsyncExitStack

    @classmethod
    async def open(cls, settings: Settings, name: str) -> Self:
        """Connect; PostgreSQL sees us as `name`.

        Redis and S3 may be away: what needs them fails, and the rest works. Raises
        StoreMisconfigured, TryAgain("unavailable") when PostgreSQL is away, ValueError.
        """
        async with AsyncExitStack() as stack:
            pool = await open_pool(
                needed(settings.database.url).reveal(),
                size=settings.database.pool_size,
                application_name=name,
            )
            stack.push_async_callback(pool.close)
            client = redis.open_redis(needed(settings.redis.url).reveal())
            stack.push_async_callback(client.aclose)
            bucket = needed(settings.objects.url).reveal()
            objects = ObjectStore.connect(bucket)
            stack.push_async_callback(objects.close)
            blobs = S3Blobs.connect(bucket, settings.objects.public_url)
            stack.push_async_callback(blobs.close)
            return cls(
                pool,
                client,
                objects,
                blobs,
                PostgresClusterStore(pool),
                PostgresWishStore(pool),
                stack.pop_all(),
            )

    async def close(self) -> None:
        await self._closing.aclose()

    @property
    def checks(self) -> Mapping[str, Check]:
        """Whether each store answers."""
        return {
            "postgres": _word(self.cluster.epoch),
            "redis": _word(lambda: redis.ping(self.redis)),
            "s3": _word(self.objects.check),
        }


def _word(check: Callable[[], Awaitable[object]]) -> Check:
    async def checked() -> str:
        await check()
        return "answers"

    return checked
