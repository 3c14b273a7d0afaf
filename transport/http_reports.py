"""REST: the site's moderators read and close reports of messages.

GET    /v1/admin/reports                   a page of them, the newest first
POST   /v1/admin/reports/{report}/close    say what became of one, and delete the message if need be
"""

from collections.abc import Callable

from aiohttp import web

from streamhub.domain.audit import AuditEvent
from streamhub.domain.drafts import Delete
from streamhub.domain.errors import Refused
from streamhub.domain.messages import Revise, channel_actor
from streamhub.domain.reports import Closing, Report, ReportId, ReportStore
from streamhub.protocol import reports as bodies
from streamhub.transport.asking import Asking
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.http_auth import authorize, origin_of
from streamhub.transport.requests import found


def routes(store: ReportStore, asking: Asking, now_ms: Callable[[], int]) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(store, asking, now_ms)
    return [
        web.get("/v1/admin/reports", area.reports),
        web.post("/v1/admin/reports/{report}/close", area.close),
    ]


class _Area:
    def __init__(self, store: ReportStore, asking: Asking, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._asking = asking
        self._now_ms = now_ms

    async def reports(self, request: web.Request) -> web.Response:
        await authorize(request, "admin.report_list")
        wanted = await read_command(request, bodies.ListReports)
        page = await self._store.reports(
            open=wanted.state == "open", cursor=wanted.cursor, limit=wanted.limit
        )
        items = tuple(map(report_object, page.items))
        return json_response(bodies.ReportPage(items=items, next_cursor=page.next_cursor))

    async def close(self, request: web.Request) -> web.Response:
        """The message goes first: a report that says `deleted` is true."""
        by = (await authorize(request, "admin.report_close")).standing.user
        wanted = await read_command(request, bodies.CloseReport)
        report: Report = found(await self._store.report(ReportId(wanted.report)), "report")
        if report.closing is not None:
            raise Refused("conflict", "the report is closed already", field="report")
        if wanted.outcome == "deleted":
            await self._delete(report)
        now_ms, origin = self._now_ms(), origin_of(request)
        closing = Closing(at=now_ms, by=by, outcome=wanted.outcome, note=wanted.note)
        event = AuditEvent(
            at=now_ms,
            kind="report.closed",
            actor=by,
            target=report.id,
            address=origin.address,
            request_id=origin.request_id,
            detail=f"{wanted.outcome}: {report.message} of {report.author}",
        )
        closed = found(await self._store.close(report.id, closing, event), "report")
        return json_response(report_object(closed))

    async def _delete(self, report: Report) -> None:
        revise = Revise(
            by=report.author, message=report.message, operation=Delete(), officially=True
        )
        try:
            await self._asking.request(channel_actor(report.channel), revise)
        except Refused as error:
            if error.code != "not_found":  # it is kept no longer
                raise


def report_object(report: Report) -> bodies.ReportObject:
    """A report as moderators see it."""
    closing = report.closing
    return bodies.ReportObject(
        id=report.id,
        channel=report.channel,
        message=report.message,
        author=report.author,
        text=report.text,
        reporter=report.reporter,
        reason=report.reason,
        note=report.note,
        created_at=report.created_at,
        closed_at=closing.at if closing else None,
        closed_by=closing.by if closing else None,
        outcome=closing.outcome if closing else None,
        closing_note=closing.note if closing else "",
    )
