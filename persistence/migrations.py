"""Applies the schema's steps: SQL files in the order of their names, each in a transaction.

Steps only expand (a host of the version before must be able to run beside the new schema), and a
step that was released is never edited: `schema_migrations` remembers each one's SHA-256.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from streamhub.persistence.postgres import Connection, fate_of, open_connection, translated

_LOCK: Final = 0x53_48_4D_49_47  # "SHMIG": one migrating process at a time
_NAME: Final = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name       text COLLATE "C" PRIMARY KEY,
        sha256     text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its file's name and its SQL."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class SchemaMismatch(Exception):
    """The database's schema does not fit this StreamHub; the message says what to do."""


def known_migrations() -> tuple[Migration, ...]:
    """The steps this StreamHub brings along, in order."""
    folder = resources.files("streamhub.persistence.sql.migrations")
    return tuple(
        Migration(file.name, file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if _NAME.fullmatch(file.name)
    )


async def plan(
    target: str | Connection, *, known: tuple[Migration, ...] | None = None
) -> tuple[Migration, ...]:
    """The steps that are yet to be applied to `target`, a URL or a connection. Changes nothing.

    Raises SchemaMismatch, StoreMisconfigured, TryAgain("unavailable").
    """
    known = known_migrations() if known is None else known
    async with _Target(target) as connection:
        return _pending(known, await _applied(connection))


async def migrate(
    target: str | Connection, *, known: tuple[Migration, ...] | None = None
) -> list[str]:
    """Apply what is pending and return the names. Several processes may do so at once.

    Raises SchemaMismatch before anything was changed, and when a step failed (the steps before
    it stay); StoreMisconfigured, TryAgain("unavailable").
    """
    known = known_migrations() if known is None else known
    done: list[str] = []
    async with _Target(target) as connection:
        while step := await _apply_next(connection, known):
            done.append(step.name)
    return done


async def _apply_next(connection: Connection, known: tuple[Migration, ...]) -> Migration | None:
    async with connection.transaction():
        # Another process may be migrating for long: wait for it, but never make clients wait.
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=3600)
        await connection.execute("SET LOCAL lock_timeout = '5s'")
        pending = _pending(known, await _applied(connection))
        if not pending:
            return None
        step = pending[0]
        try:
            await connection.execute(_LEDGER)
            await connection.execute(step.sql, timeout=3600)
        except asyncpg.PostgresError as error:
            if fate_of(error) != "refused":
                raise
            raise SchemaMismatch(
                f"migration {step.name} failed and was rolled back: {error}"
            ) from error
        await connection.execute(
            "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)", step.name, step.sha256
        )
        return step


async def _applied(connection: Connection) -> dict[str, str]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    rows = await connection.fetch("SELECT name, sha256 FROM schema_migrations")
    return {name: sha256 for name, sha256 in rows}


def _pending(known: tuple[Migration, ...], applied: Mapping[str, str]) -> tuple[Migration, ...]:
    if newer := sorted(applied.keys() - {step.name for step in known}):
        raise SchemaMismatch(
            f"the database has {', '.join(newer)}, which this StreamHub does not know: it was"
            " migrated by a newer one. Run that version or a later one"
        )
    for step in known:
        if applied.get(step.name, step.sha256) != step.sha256:
            raise SchemaMismatch(
                f"{step.name} was changed after it was applied to this database. Restore the file"
                " as it was released, and put the change into a new migration"
            )
    return tuple(step for step in known if step.name not in applied)


class _Target:
    """A connection that was given, or one of its own that is closed afterwards."""

    def __init__(self, target: str | Connection) -> None:
        self._target = target
        self._own: Connection | None = None

    async def __aenter__(self) -> Connection:
        if not isinstance(self._target, str):
            return self._target
        self._own = await open_connection(self._target, application_name="streamhub migrate")
        return self._own

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._own is not None:
            self._own.terminate() if error else await self._own.close()
        if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            raise translated(error) from error
