"""Reporting a message, and what moderators see of it."""

from typing import Annotated, Literal

from msgspec import Meta

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    TEXT_PATTERN,
    ChannelId,
    Cursor,
    MessageId,
    PageSize,
    ReportId,
    Timestamp,
    UserId,
)
from streamhub.protocol.shapes import Incoming, MessageCommand, Outgoing

ReasonName = Literal["spam", "abuse", "illegal", "other"]
OutcomeName = Literal["dismissed", "handled", "deleted"]
ReportNote = Annotated[str, Meta(max_length=500, pattern=TEXT_PATTERN)]


class MessageReport(MessageCommand, frozen=True, kw_only=True):
    """`note` says more, to the site's moderators."""

    reason: ReasonName
    note: ReportNote = ""


class ListReports(Incoming, frozen=True, kw_only=True):
    """`GET /v1/admin/reports`, the newest first: those that are open, or those that were closed."""

    state: Literal["open", "closed"] = "open"
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class CloseReport(Incoming, frozen=True, kw_only=True):
    """`POST /v1/admin/reports/{report}/close`. `deleted` deletes the message, too."""

    report: ReportId
    outcome: OutcomeName
    note: ReportNote = ""


class ReportObject(Outgoing, frozen=True, kw_only=True):
    """A message as it was when it was reported. Without `closed_at` nobody has closed it."""

    id: ReportId
    channel: ChannelId
    message: MessageId
    author: UserId
    text: str
    reporter: UserId
    reason: ReasonName
    note: str = ""
    created_at: Timestamp
    closed_at: Timestamp | None = None
    closed_by: UserId | None = None
    outcome: OutcomeName | None = None
    closing_note: str = ""


class ReportPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[ReportObject, ...]
    next_cursor: str | None = None
