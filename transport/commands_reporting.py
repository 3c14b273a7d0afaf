"""The command that reports a message to the site's moderators."""

from collections.abc import Callable, Mapping
from typing import Final

from streamhub.domain.access import Standing
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.errors import Refused
from streamhub.domain.ids import RANDOM_BYTES, REPORT, MessageId, make_id
from streamhub.domain.reports import MAX_OPEN, Report, ReportId, ReportStore
from streamhub.protocol import frames, reports
from streamhub.protocol.shapes import Incoming, Outgoing
from streamhub.transport.requests import Handler, found


class ReportingCommands:
    """Only what one sees can be reported, once by each."""

    def __init__(
        self,
        store: ChannelStore,
        kept: ReportStore,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._kept = kept
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self.handlers: Final[Mapping[type[Incoming], Handler]] = {
            reports.MessageReport: self._report,
        }

    async def _report(self, standing: Standing, body: reports.MessageReport) -> Outgoing:
        user = standing.user
        message = found(await self._store.message(MessageId(body.message), user), "message")
        if message.channel != body.channel:
            raise Refused("not_found", "there is no such message here", field="message")
        if message.deleted_at is not None:
            raise Refused("gone", "the message was deleted", field="message")
        now_ms = self._now_ms()
        filed = await self._kept.file(
            Report(
                id=ReportId(make_id(REPORT, now_ms, self._random_bytes(RANDOM_BYTES))),
                message=message.id,
                channel=message.channel,
                author=message.author,
                text=message.text,
                reporter=user,
                reason=body.reason,
                note=body.note,
                created_at=now_ms,
            )
        )
        if not filed:
            raise Refused("limit_reached", f"{MAX_OPEN} of your reports are open: that is the most")
        return frames.Done()
