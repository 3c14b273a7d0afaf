"""REST: administrators read the audit log, and have it checked.

GET    /v1/admin/audit             a page of entries, the newest first
POST   /v1/admin/audit/verify      whether its chain of hashes holds
"""

from typing import Final

from aiohttp import web

from streamhub.domain.audit import (
    AuditChain,
    AuditEntry,
    AuditHead,
    AuditLog,
    AuditQuery,
    verify,
)
from streamhub.domain.errors import Refused, TryAgain
from streamhub.protocol import admin as bodies
from streamhub.transport.bodies import json_response, read_command
from streamhub.transport.http_auth import authorize

_AGAIN_MS: Final = 5000
_LONGEST_NUMBER: Final = 18


def routes(log: AuditLog, chain: AuditChain) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(log, chain)
    return [
        web.get("/v1/admin/audit", area.entries),
        web.post("/v1/admin/audit/verify", area.verify),
    ]


class _Area:
    def __init__(self, log: AuditLog, chain: AuditChain) -> None:
        self._log = log
        self._chain = chain
        self._verifying = False

    async def entries(self, request: web.Request) -> web.Response:
        await authorize(request, "admin.audit_list")
        wanted = await read_command(request, bodies.ListAudit)
        query = AuditQuery(
            before=_before(wanted.cursor),
            limit=wanted.limit + 1,
            kind=wanted.kind,
            actor=wanted.actor,
            target=wanted.target,
            since=wanted.since,
            until=wanted.until,
        )
        found = await self._log.entries(query)
        page = found[: wanted.limit]
        more = len(found) > wanted.limit
        next_cursor = str(page[-1].number) if more else None
        items = tuple(map(entry_object, page))
        return json_response(bodies.AuditPage(items=items, next_cursor=next_cursor))

    async def verify(self, request: web.Request) -> web.Response:
        """The whole log is read and hashed, so once at a time."""
        await authorize(request, "admin.audit_verify")
        wanted = (await read_command(request, bodies.VerifyAudit)).anchor
        anchor = None if wanted is None else AuditHead(wanted.number, bytes.fromhex(wanted.hash))
        if self._verifying:
            raise TryAgain("overloaded", "the log is being checked", retry_after_ms=_AGAIN_MS)
        self._verifying = True
        try:
            head, broken = await verify(self._chain, anchor)
        finally:
            self._verifying = False
        verdict = bodies.AuditVerdict(
            ok=not broken,
            number=head.number,
            hash=head.hash.hex(),
            broken=tuple(bodies.AuditBreak(number=one.number, why=one.why) for one in broken),
        )
        return json_response(verdict)


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _LONGEST_NUMBER):
        raise Refused("bad_request", "the cursor is not one this server gave", field="cursor")
    return int(cursor)


def entry_object(entry: AuditEntry) -> bodies.AuditEntryObject:
    """An entry as it is shown."""
    return bodies.AuditEntryObject(
        number=entry.number,
        at=entry.at,
        kind=entry.kind,
        actor=entry.actor,
        target=entry.target,
        address=entry.address,
        request_id=entry.request_id,
        detail=entry.detail,
        hash=entry.hash.hex(),
    )
