"""Wishes and the supervisor's sign of life in PostgreSQL."""

import msgspec

from streamhub.domain.ids import HostId
from streamhub.domain.wishes import LastSign, Sign, Wishes
from streamhub.persistence.postgres import Pool, Record

_WISHES = "SELECT hosts_per_node, drained, leaving, down FROM cluster_wishes"
_ATTEND = f"""
    WITH seen AS (
        UPDATE cluster_supervisor SET sign = $1::jsonb, seen_at = clock_timestamp()
    )
    {_WISHES}
"""  # noqa: S608 - a constant
_LAST_SIGN = """
    SELECT sign, EXTRACT(epoch FROM clock_timestamp() - seen_at)::float8 AS age_s
    FROM cluster_supervisor WHERE sign IS NOT NULL
"""
_HOSTS_PER_NODE = "UPDATE cluster_wishes SET hosts_per_node = $1"
_DRAIN = "UPDATE cluster_wishes SET drained = array_append(array_remove(drained, $1), $1)"
_UNDRAIN = "UPDATE cluster_wishes SET drained = array_remove(drained, $1)"
_LEAVE = "UPDATE cluster_wishes SET leaving = array_append(array_remove(leaving, $1), $1)"
_FORGET = """
    UPDATE cluster_wishes SET leaving = ARRAY(
        SELECT host FROM unnest(leaving) AS host WHERE host <> ALL ($1::text[])
    )
"""
_DOWN = "UPDATE cluster_wishes SET down = $1"


class PostgresWishStore:
    """Implements WishStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def attend(self, sign: Sign) -> Wishes:
        encoded = msgspec.json.encode(sign).decode()
        return _wishes(await self._pool.fetchrow(_ATTEND, encoded))

    async def wishes(self) -> Wishes:
        return _wishes(await self._pool.fetchrow(_WISHES))

    async def last_sign(self) -> LastSign | None:
        row = await self._pool.fetchrow(_LAST_SIGN)
        if row is None:
            return None
        return LastSign(msgspec.json.decode(row["sign"], type=Sign), row["age_s"])

    async def wish_hosts_per_node(self, count: int | None) -> None:
        await self._pool.execute(_HOSTS_PER_NODE, count)

    async def wish_drained(self, node: str, drained: bool) -> None:
        await self._pool.execute(_DRAIN if drained else _UNDRAIN, node)

    async def wish_gone(self, host: HostId) -> None:
        await self._pool.execute(_LEAVE, host)

    async def forget(self, hosts: frozenset[HostId]) -> None:
        await self._pool.execute(_FORGET, list(hosts))

    async def wish_down(self, down: bool) -> None:
        await self._pool.execute(_DOWN, down)


def _wishes(row: Record | None) -> Wishes:
    assert row is not None  # noqa: S101 - the migration made it
    return Wishes(
        hosts_per_node=row["hosts_per_node"],
        drained=frozenset(row["drained"]),
        leaving=frozenset(map(HostId, row["leaving"])),
        down=row["down"],
    )
