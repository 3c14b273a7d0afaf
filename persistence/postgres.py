"""Connections to PostgreSQL, and the one place where driver errors become the domain's.

What became of a statement that failed is its *fate*:

    busy      rolled back because of other work (deadlock, lock time-out): run it again
    away      PostgreSQL is not there, full, or read-only: certainly not committed
    refused   PostgreSQL will not take this data: certainly not committed
    unknown   the connection ended or timed out in mid-statement: it may have been committed
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import asyncpg

from streamhub.domain.errors import TryAgain

Fate = Literal["busy", "away", "refused", "unknown"]
Record: TypeAlias = asyncpg.Record
if TYPE_CHECKING:  # generic for type checkers only
    Connection: TypeAlias = asyncpg.Connection[Record]
    PooledConnection: TypeAlias = asyncpg.pool.PoolConnectionProxy[Record]
else:
    Connection = asyncpg.Connection
    PooledConnection = asyncpg.pool.PoolConnectionProxy
T = TypeVar("T")

CONNECT_TIMEOUT_S: Final = 5.0
ACQUIRE_TIMEOUT_S: Final = 3.0
COMMAND_TIMEOUT_S: Final = 12.0  # above statement_timeout: the server speaks first if it can
START_TIMEOUT_S: Final = 30.0
RETRY_AFTER_MS: Final = 1000
BUSY_TRIES: Final = 4

SESSION: Final[Mapping[str, str]] = {
    "lock_timeout": "2s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
    "jit": "off",  # compiling costs more than our short statements take
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
OLDEST_VERSION: Final = 15
DURABLE: Final = frozenset({"on", "remote_apply"})

_BUSY: Final = frozenset(
    {"40001", "40P01", "55P03", "0A000"}
)  # 0A000: plan outdated by a migration
_AWAY_CLASSES: Final = frozenset({"25", "28", "3D", "53", "58"})
_UNKNOWN_CLASSES: Final = frozenset({"08", "57"})
_STARTING: Final = (OSError, TimeoutError, asyncpg.CannotConnectNowError)
_DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class StoreMisconfigured(Exception):
    """PostgreSQL is there but must not be used like this; the message says what to change."""


class StoreRefused(Exception):
    """PostgreSQL refused a statement: a defect of ours, not of the caller's request."""


class NotSent(Exception):
    """No connection could be had, so nothing was sent."""


def fate_of(error: BaseException) -> Fate:
    """What became of the statement that raised this driver error."""
    if isinstance(error, NotSent):
        return "away"
    if isinstance(error, asyncpg.InvalidCachedStatementError):  # a migration outdated its plan
        return "busy"
    if isinstance(error, asyncpg.PostgresError) and (state := error.sqlstate):
        if state in _BUSY:
            return "busy"
        if state[:2] in _UNKNOWN_CLASSES:
            return "unknown"
        return "away" if state[:2] in _AWAY_CLASSES else "refused"
    if isinstance(error, asyncpg.DataError):  # raised before sending: it cannot be encoded
        return "refused"
    return "unknown"


def translated(error: BaseException) -> Exception:
    """The error the domain knows, for one that a statement raised."""
    fate = fate_of(error)
    if fate == "refused":
        return StoreRefused(f"PostgreSQL refused a statement: {error}")
    detail = "The database did not answer." if fate == "unknown" else "The database is away."
    return TryAgain("unavailable", detail, retry_after_ms=RETRY_AFTER_MS)


class Pool:
    """A bounded set of checked connections.

    `fetch`, `fetchrow`, `fetchval` and `execute` are one autocommit statement each; what was
    rolled back because of other work is run again, a few times. They raise
    TryAgain("unavailable") when PostgreSQL is away or gave no answer, StoreRefused for a defect.
    """

    def __init__(
        self, url: str, settings: Mapping[str, str], inner: "asyncpg.Pool[Record]"
    ) -> None:
        self._url = url
        self._settings = settings
        self._inner = inner

    async def fetch(self, query: str, *args: Any) -> list[Record]:
        return await self._run(lambda connection: connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Record | None:
        return await self._run(lambda connection: connection.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._run(lambda connection: connection.fetchval(query, *args))

    async def execute(self, query: str, *args: Any) -> str:
        """Run one statement; returns PostgreSQL's command tag, like `UPDATE 1`."""
        return await self._run(lambda connection: connection.execute(query, *args))

    async def transact(self, work: Callable[[PooledConnection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again if it was rolled back because of other work."""

        async def in_transaction(connection: PooledConnection) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self._run(in_transaction)

    async def dedicated(self, settings: Mapping[str, str]) -> Connection:
        """A checked connection of one's own, outside the pool, with further `settings`.

        Raises NotSent when there is none to be had. The caller closes it.
        """
        try:
            return await _connect(self._url, {**self._settings, **settings})
        except (*_DRIVER_ERRORS, StoreMisconfigured) as error:
            raise NotSent(str(error)) from error

    async def close(self) -> None:
        """Wait for statements in progress (bounded by their time-out), then disconnect."""
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await self._inner.close()
        except TimeoutError:
            self._inner.terminate()

    async def _run(self, work: Callable[[PooledConnection], Awaitable[T]]) -> T:
        for tries_left in reversed(range(BUSY_TRIES)):
            try:
                async with self._acquired() as connection:
                    return await work(connection)
            except (NotSent, *_DRIVER_ERRORS) as error:
                if not tries_left or fate_of(error) != "busy":
                    raise translated(error) from error
            await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - only to spread out
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[PooledConnection]:
        try:
            connection = await self._inner.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except (*_DRIVER_ERRORS, StoreMisconfigured) as error:
            raise NotSent(str(error)) from error
        try:
            yield connection
        finally:
            with suppress(*_DRIVER_ERRORS):  # the driver closed it; the statement's fate stands
                await self._inner.release(connection, timeout=ACQUIRE_TIMEOUT_S)


async def open_pool(
    url: str, *, size: int, application_name: str, start_timeout_s: float = START_TIMEOUT_S
) -> Pool:
    """Connect to `url`, waiting for a server that is still starting.

    Raises StoreMisconfigured when PostgreSQL cannot be used so, TryAgain("unavailable") when it
    is still away after `start_timeout_s`.
    """
    settings = {**SESSION, "application_name": application_name}
    first = await _connect_once_started(url, settings, start_timeout_s)
    await first.close()
    inner = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        init=_check_fit,
        reset=_keep,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=settings,
    )
    return Pool(url, settings, inner)


async def open_connection(
    url: str, *, application_name: str, start_timeout_s: float = START_TIMEOUT_S
) -> Connection:
    """One checked connection for a task of its own, like migrating. Raises like `open_pool`."""
    settings = {**SESSION, "application_name": application_name}
    return await _connect_once_started(url, settings, start_timeout_s)


async def _connect_once_started(
    url: str, settings: Mapping[str, str], start_timeout_s: float
) -> Connection:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + start_timeout_s
    while True:
        try:
            return await _connect(url, settings)
        except _STARTING as error:
            if loop.time() >= deadline:
                detail = f"PostgreSQL did not answer for {start_timeout_s:g} s: {error}"
                raise TryAgain("unavailable", detail, retry_after_ms=RETRY_AFTER_MS) from error
        except asyncpg.TooManyConnectionsError as error:
            raise StoreMisconfigured(
                "PostgreSQL has no connection left: raise its max_connections or lower"
                " STREAMHUB_DATABASE_POOL_SIZE"
            ) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise StoreMisconfigured(
                f"PostgreSQL refused the connection: {error}. Check STREAMHUB_DATABASE_URL"
            ) from error
        await asyncio.sleep(0.1)


async def _connect(url: str, settings: Mapping[str, str]) -> Connection:
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=dict(settings),
    )
    try:
        await _check_fit(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _check_fit(connection: Connection | PooledConnection) -> None:
    if (version := connection.get_server_version()) < (OLDEST_VERSION,):
        raise StoreMisconfigured(
            f"PostgreSQL is version {version.major}, but {OLDEST_VERSION} or newer is needed"
        )
    # Off lost acknowledged rows in every kill -9 test; nothing here may run on such a connection.
    found = await connection.fetchval("SELECT current_setting('synchronous_commit')")
    if found not in DURABLE:
        raise StoreMisconfigured(
            f"PostgreSQL has synchronous_commit={found}: an acknowledged message could be lost."
            " Set it to on in postgresql.conf, and for the role and the database of"
            " STREAMHUB_DATABASE_URL (ALTER ROLE ... RESET synchronous_commit)"
        )


async def _keep(_: Connection) -> None:
    """No reset between uses: statements and transactions here leave nothing in the session."""
