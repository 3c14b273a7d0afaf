"""What every audit log promises. Tests share a database, so all is relative."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import pytest
from support.databases import fresh_database

from streamhub.domain.audit import (
    AuditChain,
    AuditEntry,
    AuditEvent,
    AuditHead,
    AuditKind,
    AuditLog,
    AuditQuery,
    verify,
)
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.postgres import Pool, open_pool


class Log(AuditLog, AuditChain, Protocol):
    """Both ports of one log."""


@pytest.fixture(params=["memory", "postgres"])
def log(request: pytest.FixtureRequest) -> Log:
    if request.param == "memory":
        return InMemoryAuditLog()
    return PostgresAuditLog(request.getfixturevalue("pool"))


def event(actor: str, at: int = 1, kind: AuditKind = "sign_in.failed") -> AuditEvent:
    return AuditEvent(at=at, kind=kind, actor=actor, address="192.0.2.1", detail="bad: ü, 7:x")


async def test_what_was_recorded_is_found_by_each_of_its_parts(log: Log) -> None:
    one, other = secrets.token_hex(4), secrets.token_hex(4)
    await log.record(event(one, at=10))
    await log.record(AuditEvent(at=20, kind="sign_out", actor=one, target=other))
    await log.record(event(other, at=30))
    newest, first = await log.entries(AuditQuery(actor=one))
    assert (newest.kind, newest.target, newest.address) == ("sign_out", other, None)
    assert (first.at, first.address, first.detail) == (10, "192.0.2.1", "bad: ü, 7:x")
    assert await log.entries(AuditQuery(actor=one, before=newest.number)) == (first,)
    assert await log.entries(AuditQuery(actor=one, limit=1)) == (newest,)
    assert await log.entries(AuditQuery(target=other)) == (newest,)
    assert await log.entries(AuditQuery(actor=one, kind="sign_out")) == (newest,)
    assert await log.entries(AuditQuery(actor=one, since=11)) == (newest,)
    assert await log.entries(AuditQuery(actor=one, until=20)) == (first,)


async def test_parallel_records_are_chained_without_a_hole(log: Log) -> None:
    before = await log.head()
    await asyncio.gather(*(log.record(event(str(n))) for n in range(40)))
    head, broken = await verify(log)
    assert broken == []
    assert head.number == before.number + 40
    assert (await verify(log, anchor=before))[1] == []


async def test_a_log_that_differs_from_what_was_written_down_is_found(log: Log) -> None:
    await log.record(event("a"))
    head = await log.head()
    (broken,) = (await verify(log, anchor=AuditHead(head.number, bytes(32))))[1]
    assert broken.number == head.number
    (broken,) = (await verify(log, anchor=AuditHead(head.number + 1, head.hash)))[1]
    assert broken.number == head.number + 1


class Doctored:
    """A log whose entries somebody changed."""

    def __init__(self, head: AuditHead, entries: list[AuditEntry]) -> None:
        self._head = head
        self._entries = entries

    async def head(self) -> AuditHead:
        return self._head

    async def every_entry(self, up_to: int) -> AsyncIterator[AuditEntry]:
        for entry in self._entries:
            yield entry


async def doctored() -> tuple[AuditHead, list[AuditEntry]]:
    log = InMemoryAuditLog()
    for n in range(5):
        await log.record(event(str(n)))
    return await log.head(), [entry async for entry in log.every_entry(5)]


@pytest.mark.parametrize("field", ["at", "kind", "actor", "target", "address", "detail", "hash"])
async def test_every_altered_field_is_found(field: str) -> None:
    head, entries = await doctored()
    value = {"at": 7, "hash": bytes(32)}.get(field, "changed")
    entries[2] = msgspec.structs.replace(entries[2], **{field: value})
    assert (await verify(Doctored(head, entries)))[1][0].number == 3


@pytest.mark.parametrize("gone", range(5))
async def test_every_missing_entry_is_found(gone: int) -> None:
    head, entries = await doctored()
    del entries[gone]
    assert (await verify(Doctored(head, entries)))[1][0].number == gone + 1


async def test_a_text_cannot_move_from_one_field_to_the_next() -> None:
    head, entries = await doctored()
    moved = msgspec.structs.replace(entries[0], actor="0-9:192.0.2.1", address=None)
    assert moved.hash_after(b"") != entries[0].hash
    assert (await verify(Doctored(head, [moved, *entries[1:]])))[1][0].number == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET at = 0", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_rows_can_only_be_added(pool: Pool, statement: str) -> None:
    await PostgresAuditLog(pool).record(event("a"))
    with pytest.raises(Exception, match="append-only"):
        await pool.execute(statement)


async def test_rows_that_were_altered_or_removed_in_the_database_are_found(
    servers: EmbeddedUrls,
) -> None:
    async with fresh_database(servers.postgres) as url:
        pool = await open_pool(url, size=2, application_name="contract tests")
        try:
            log = PostgresAuditLog(pool)
            for n in range(5):
                await log.record(event(str(n)))
            head = await log.head()
            await pool.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
            await pool.execute("UPDATE audit_log SET actor = 'somebody else' WHERE number = 2")
            await pool.execute("DELETE FROM audit_log WHERE number = 4")
            _, broken = await verify(log)
            assert [one.number for one in broken] == [2, 4]
            await pool.execute("DELETE FROM audit_log WHERE number > 3")
            assert [one.number for one in (await verify(log, anchor=head))[1]] == [2, 4, 5]
        finally:
            await pool.close()
