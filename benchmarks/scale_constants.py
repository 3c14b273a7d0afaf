"""What placement and PostgreSQL cost that grows with the number of hosts, measured on the product's
own parts. CPU is in the unit that the name says; "database" is PostgreSQL's."""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.processes import cpu_s, family, own_cpu_s, rss_bytes
from benchmarks.target import Database
from streamhub.cluster.view import SlotTable
from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HOST, RANDOM_BYTES, HostId, make_id
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.postgres import open_pool


def host_ids(count: int) -> list[HostId]:
    """Fresh ids, as long as real ones."""
    now_ms = time.time_ns() // 1_000_000
    return [HostId(make_id(HOST, now_ms, os.urandom(RANDOM_BYTES))) for _ in range(count)]


# -- placement ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slots:
    """A slot table of so many hosts: to make it, to change it by one host, and to hold it."""

    hosts: int
    build_ms: float
    join_ms: float
    leave_ms: float
    bytes: int


def slot_table(count: int) -> Slots:
    *ids, newcomer = host_ids(count + 1)
    held = rss_bytes(os.getpid())
    table, build_ms = _timed(lambda: SlotTable(ids))
    held = rss_bytes(os.getpid()) - held
    larger, join_ms = _timed(lambda: table.updated([*ids, newcomer]))
    _, leave_ms = _timed(lambda: larger.updated([*ids[1:], newcomer]))
    return Slots(count, build_ms, join_ms, leave_ms, held)


def _timed(work: Callable[[], SlotTable]) -> tuple[SlotTable, float]:
    began = own_cpu_s()
    return work(), (own_cpu_s() - began) * 1e3


# -- PostgreSQL ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ViewRow:
    """The row of so many hosts, and the CPU of reading it once: host and PostgreSQL."""

    hosts: int
    bytes: int
    read_ms: float
    database_ms: float


@dataclass(frozen=True, slots=True)
class Store:
    """A look at the log, host and PostgreSQL; a connection's own memory there; the view's row."""

    look_us: float
    database_look_us: float
    backend_bytes: float
    views: tuple[ViewRow, ...]


async def store(database: Database, counts: Sequence[int], times: int) -> Store:
    """`times` looks at the log, a tenth as many reads of the view of so many hosts."""
    pool = await open_pool(database.url, size=1, application_name="scale")
    cluster = PostgresClusterStore(pool)
    views = [await _view_row(database, cluster, count, max(3, times // 10)) for count in counts]
    newest = await cluster.newest_entry()
    look = await _cost_us(database, times, lambda: cluster.entries_after(newest))
    backend = await pool.fetchval("SELECT pg_backend_pid()")
    held = _own_bytes(backend)
    await pool.close()
    return Store(*look, held, tuple(views))


async def _view_row(
    database: Database, cluster: PostgresClusterStore, count: int, times: int
) -> ViewRow:
    entries = tuple(
        HostEntry(id=host, node=f"10.0.{n // 250}.{n % 250}", address="10.0.200.200:40000", pid=n)
        for n, host in enumerate(host_ids(count))
    )
    present = await cluster.view()
    assert await cluster.publish(entries, expected_version=present.version) is not None
    read_us, database_us = await _cost_us(database, times, cluster.view)
    return ViewRow(count, len(msgspec.json.encode(entries)), read_us / 1e3, database_us / 1e3)


async def _cost_us(
    database: Database, times: int, read: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """CPU of one `read`: here and at PostgreSQL."""
    await read()
    pids = family(database.pid)
    here, there = own_cpu_s(), cpu_s(*pids)
    for _ in range(times):
        await read()
    return (own_cpu_s() - here) / times * 1e6, (cpu_s(*pids) - there) / times * 1e6


def _own_bytes(pid: int) -> int:
    """Resident memory that the process does not share."""
    _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
