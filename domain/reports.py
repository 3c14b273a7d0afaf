"""Reports of messages, which the site's moderators close."""

from typing import Final, Literal, NewType, Protocol

import msgspec

from streamhub.domain.audit import AuditEvent
from streamhub.domain.channels import Page
from streamhub.domain.ids import ChannelId, MessageId, UserId

MAX_OPEN: Final = 100
"""Open reports of one user."""

ReportId = NewType("ReportId", str)
Reason = Literal["spam", "abuse", "illegal", "other"]
Outcome = Literal["dismissed", "handled", "deleted"]


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a report: `deleted` if the message was. `at` in ms."""

    at: int
    by: UserId
    outcome: Outcome
    note: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was when `reporter` reported it; times in ms."""

    id: ReportId
    message: MessageId
    channel: ChannelId
    author: UserId
    text: str
    reporter: UserId
    reason: Reason
    note: str
    created_at: int
    closing: Closing | None = None


class ReportStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def file(self, report: Report) -> bool:
        """Keep it; another one of the same message by the same user changes nothing. False:
        MAX_OPEN of theirs are open."""
        ...

    async def reports(self, *, open: bool, cursor: str | None, limit: int) -> Page[Report]:
        """The newest first. Raises Refused("bad_request", field="cursor")."""
        ...

    async def report(self, id: ReportId) -> Report | None: ...

    async def close(self, id: ReportId, closing: Closing, event: AuditEvent) -> Report | None:
        """Close an open report, with its entry in the audit log; the report as it is then, closed
        before or not. None: there is no such report."""
        ...
