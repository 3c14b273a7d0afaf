"""The command that reports a message as a typed method."""

from streamhub.client.calls import Calls
from streamhub.protocol.reports import MessageReport, ReasonName


class ReportingCommands(Calls):
    """What the site's moderators should look at."""

    async def report_message(
        self, channel: str, message: str, reason: ReasonName, note: str = ""
    ) -> None:
        """Once by each; `note` says more."""
        body = MessageReport(channel=channel, message=message, reason=reason, note=note)
        await self.call("message.report", body)
