"""What every store of reports promises. Tests share a database, so all is relative."""

import secrets
from dataclasses import dataclass

import pytest

from streamhub.domain.audit import AuditEvent, AuditLog, AuditQuery
from streamhub.domain.errors import Refused
from streamhub.domain.ids import (
    CHANNEL,
    MESSAGE,
    RANDOM_BYTES,
    REPORT,
    USER,
    ChannelId,
    MessageId,
    UserId,
    make_id,
)
from streamhub.domain.reports import Closing, Report, ReportId, ReportStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.memory.reports import InMemoryReportStore
from streamhub.persistence.reports import PostgresReportStore

NOW = 1_764_000_000_000


@dataclass
class Stores:
    reports: ReportStore
    audit: AuditLog


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        log = InMemoryAuditLog()
        return Stores(InMemoryReportStore(log), log)
    pool = request.getfixturevalue("pool")
    return Stores(PostgresReportStore(pool), PostgresAuditLog(pool))


def new(prefix: str) -> str:
    return make_id(prefix, NOW, secrets.token_bytes(RANDOM_BYTES))


def report(reporter: UserId, message: str | None = None) -> Report:
    return Report(
        id=ReportId(new(REPORT)),
        message=MessageId(message or new(MESSAGE)),
        channel=ChannelId(new(CHANNEL)),
        author=UserId(new(USER)),
        text="buy this",
        reporter=reporter,
        reason="spam",
        note="again",
        created_at=NOW,
    )


def closed(id: str) -> AuditEvent:
    return AuditEvent(at=NOW, kind="report.closed", target=id)


async def listed(stores: Stores, *, open: bool, limit: int = 2) -> list[Report]:
    found, cursor = list[Report](), None
    while True:
        page = await stores.reports.reports(open=open, cursor=cursor, limit=limit)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


async def test_a_report_is_open_until_it_is_closed_once(stores: Stores) -> None:
    first = report(UserId(new(USER)))
    assert await stores.reports.file(first)
    assert await stores.reports.report(first.id) == first
    assert first in await listed(stores, open=True)
    closing = Closing(at=NOW + 1, by=UserId(new(USER)), outcome="handled", note="spoke to them")
    done = await stores.reports.close(first.id, closing, closed(first.id))
    assert done is not None
    assert done.closing == closing
    again = Closing(at=NOW + 2, by=UserId(new(USER)), outcome="dismissed")
    assert await stores.reports.close(first.id, again, closed(first.id)) == done
    assert first not in await listed(stores, open=True)
    assert done in await listed(stores, open=False)
    assert len(await stores.audit.entries(AuditQuery(target=first.id))) == 1


async def test_one_message_is_reported_once_by_each(stores: Stores) -> None:
    ann, bob = UserId(new(USER)), UserId(new(USER))
    message = new(MESSAGE)
    mine = report(ann, message)
    for one in (mine, report(ann, message), report(bob, message)):
        assert await stores.reports.file(one)
    found = [one for one in await listed(stores, open=True) if one.message == message]
    assert sorted(one.reporter for one in found) == sorted((ann, bob))


async def test_pages_come_the_newest_first(stores: Stores) -> None:
    ann = UserId(new(USER))
    filed = [report(ann) for _ in range(5)]
    for one in filed:
        await stores.reports.file(one)
    found = [one.id for one in await listed(stores, open=True) if one.reporter == ann]
    assert found == sorted((one.id for one in filed), reverse=True)
    with pytest.raises(Refused):
        await stores.reports.reports(open=True, cursor="x", limit=2)


async def test_nobody_has_too_many_open(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("reports", "memory.reports"):
        monkeypatch.setattr(f"streamhub.persistence.{module}.MAX_OPEN", 2)
    ann = UserId(new(USER))
    first, second = report(ann), report(ann)
    assert [await stores.reports.file(one) for one in (first, second)] == [True, True]
    assert not await stores.reports.file(report(ann))
    assert await stores.reports.file(report(ann, first.message)), "it is there already"
    closing = Closing(at=NOW, by=ann, outcome="dismissed")
    await stores.reports.close(first.id, closing, closed(first.id))
    assert await stores.reports.file(report(ann))


async def test_what_is_not_there_is_not_closed(stores: Stores) -> None:
    closing = Closing(at=NOW, by=UserId(new(USER)), outcome="dismissed")
    missing = ReportId(new(REPORT))
    assert await stores.reports.close(missing, closing, closed(missing)) is None
    assert await stores.reports.report(missing) is None
    assert await stores.audit.entries(AuditQuery(target=missing)) == ()
