"""What must be true of the stores before a host starts."""

import time

import structlog

from streamhub.cluster.plan import needed
from streamhub.cluster.state import AdminState
from streamhub.cluster.stores import Stores
from streamhub.config import Settings
from streamhub.domain.errors import TryAgain
from streamhub.persistence import redis
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.admin_account import ensure_admin
from streamhub.persistence.migrations import migrate
from streamhub.persistence.objects import ObjectStore
from streamhub.persistence.passwords import Argon2Hasher

log = structlog.get_logger(__name__)


async def prepare_stores(settings: Settings) -> AdminState | None:
    """Migrate the schema, make the bucket and the first administrator; returns the latter if the
    file with the password is still there.

    Redis and S3 may be away, but must not refuse us. Raises SchemaMismatch, StoreMisconfigured,
    PermissionError, ValueError, TryAgain("unavailable").
    """
    for name in await migrate(needed(settings.database.url).reveal()):
        log.info("migrated", step=name)
    try:
        objects = await ObjectStore.open(needed(settings.objects.url).reveal())
        await objects.close()
    except TryAgain as error:
        log.warning("the_file_store_is_away", error=str(error))
    stores = await Stores.open(settings, "streamhub up")
    try:
        await _look_at_redis(stores)
        return await _first_administrator(settings, stores)
    finally:
        await stores.close()


async def _look_at_redis(stores: Stores) -> None:
    try:
        await redis.ping(stores.redis)
    except TryAgain as error:
        log.warning("redis_is_away", error=str(error))


async def _first_administrator(settings: Settings, stores: Stores) -> AdminState | None:
    hasher = Argon2Hasher(settings.auth)
    try:
        login, file = await ensure_admin(
            PostgresAccountStore(stores.pool), hasher, settings.server.data, _now_ms
        )
    finally:
        hasher.close()
    return AdminState(login, str(file)) if file is not None else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
