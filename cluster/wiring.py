"""The composition root: from settings to the stores, and from the stores to the applications."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from aiohttp import web
from redis.asyncio import Redis

from streamhub.cluster.membership import Membership
from streamhub.config import Secret, Settings
from streamhub.domain.cluster import ClusterStore
from streamhub.domain.ids import HostId
from streamhub.persistence import redis
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.objects import ObjectStore
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.telemetry import Metrics
from streamhub.transport.app import Parts, create_app
from streamhub.transport.health import Check


def needed(secret: Secret | None, name: str) -> str:
    """The text of a setting that `streamhub up` has filled in."""
    if secret is None:
        raise ValueError(f"{name} was not filled in")
    return secret.reveal()


@dataclass(frozen=True, slots=True)
class Stores:
    """The connections of one process, and what is kept over them."""

    pool: Pool
    redis: Redis
    objects: ObjectStore
    cluster: ClusterStore
    _closing: AsyncExitStack

    @classmethod
    async def open(cls, settings: Settings, name: str) -> Self:
        """Connect; PostgreSQL sees us as `name`.

        Redis and S3 may be away: what needs them fails, and the rest works. Raises
        StoreMisconfigured, TryAgain("unavailable") when PostgreSQL is away, ValueError.
        """
        async with AsyncExitStack() as stack:
            pool = await open_pool(
                needed(settings.database.url, "database.url"),
                size=settings.database.pool_size,
                application_name=name,
            )
            stack.push_async_callback(pool.close)
            client = redis.open_redis(needed(settings.redis.url, "redis.url"))
            stack.push_async_callback(client.aclose)
            objects = ObjectStore.connect(needed(settings.objects.url, "objects.url"))
            stack.push_async_callback(objects.close)
            return cls(pool, client, objects, PostgresClusterStore(pool), stack.pop_all())

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


class Wired:
    """What one host is made of: what it knows of the cluster, its checks, its applications."""

    def __init__(
        self, host: HostId, settings: Settings, stores: Stores, on_left: Callable[[str], None]
    ) -> None:
        self.stores = stores
        self.metrics = Metrics()
        self.membership = Membership(
            host, stores.cluster, settings.cluster.lease_s, on_left=on_left
        )
        self.checks: Mapping[str, Check] = {**stores.checks, "view": self.membership.check}
        self.public: web.Application = create_app(Parts(edge=settings.edge, metrics=self.metrics))
