"""Sealing again, under the present secret, what was sealed under one that is to be removed."""

from typing import Final, NamedTuple

from streamhub.domain.sealing import Sealer, Unsealable
from streamhub.persistence.postgres import Pool

_AT_ONCE: Final = 500


class Table(NamedTuple):
    """Rows with a column `sealed`, about what `key` names."""

    name: str
    key: str
    sealer: Sealer


class Resealed(NamedTuple):
    """How many rows were sealed again, and how many no accepted secret opens."""

    done: int
    lost: int


async def reseal(pool: Pool, table: Table) -> Resealed:
    """Seal again what needs another secret than the present one, a part of the table at a time.

    A row that somebody writes meanwhile is theirs: it has the present secret. Raises TryAgain.
    """
    page = f"""
        SELECT {table.key} AS key, sealed FROM {table.name}
        WHERE {table.key} > $1 ORDER BY {table.key} LIMIT {_AT_ONCE}
    """  # noqa: S608 - names of our own
    write = f"UPDATE {table.name} SET sealed = $3 WHERE {table.key} = $1 AND sealed = $2"  # noqa: S608
    done = lost = 0
    after = ""
    while rows := await pool.fetch(page, after):
        for row in rows:
            after, sealed = row["key"], row["sealed"]
            if table.sealer.is_current(sealed, after):
                continue
            try:
                plain = table.sealer.unseal(sealed, after)
            except Unsealable:
                lost += 1
                continue
            await pool.execute(write, after, sealed, table.sealer.seal(plain, after))
            done += 1
    return Resealed(done, lost)
