"""The twin of the store of reports."""

from msgspec.structs import replace

from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.channels import Page
from streamhub.domain.reports import MAX_OPEN, Closing, Report, ReportId
from streamhub.persistence.paging import before_report, report_cursor


class InMemoryReportStore:
    """Implements ReportStore; closings go to that log."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._reports: dict[ReportId, Report] = {}

    async def file(self, report: Report) -> bool:
        mine = [one for one in self._reports.values() if one.reporter == report.reporter]
        if any(one.message == report.message for one in mine):
            return True
        if sum(one.closing is None for one in mine) >= MAX_OPEN:
            return False
        self._reports[report.id] = report
        return True

    async def reports(self, *, open: bool, cursor: str | None, limit: int) -> Page[Report]:
        below = before_report(cursor)
        found = [
            one
            for id, one in sorted(self._reports.items(), reverse=True)
            if id < below and (one.closing is None) == open
        ]
        items = tuple(found[:limit])
        return Page(items=items, next_cursor=report_cursor(items, more=len(found) > limit))

    async def report(self, id: ReportId) -> Report | None:
        return self._reports.get(id)

    async def close(self, id: ReportId, closing: Closing, event: AuditEvent) -> Report | None:
        found = self._reports.get(id)
        if found is None or found.closing is not None:
            return found
        self._reports[id] = replace(found, closing=closing)
        await self._log.record(event)
        return self._reports[id]
