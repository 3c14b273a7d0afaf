"""The commands about scheduled sends as typed methods."""

import secrets

from streamhub.client.calls import Calls
from streamhub.protocol.scalars import DEFAULT_PAGE
from streamhub.protocol.scheduling import (
    ScheduleCancel,
    ScheduleCreate,
    ScheduledObject,
    ScheduledPage,
    ScheduleList,
    ScheduleUpdate,
)


class SchedulingCommands(Calls):
    """Messages that are written now and posted later. Times are ms since 1970."""

    async def schedule(
        self,
        channel: str,
        text: str,
        send_at: int,
        *,
        thread: str | None = None,
        silent: bool = False,
        key: str | None = None,
    ) -> ScheduledObject:
        body = ScheduleCreate(
            channel=channel, text=text, send_at=send_at, thread=thread, silent=silent
        )
        made: ScheduledObject = await self.call(
            "schedule.create", body, key=key or secrets.token_hex(8)
        )
        return made

    async def scheduled(
        self, channel: str | None = None, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> ScheduledPage:
        """Those that wait or have failed, the soonest first."""
        body = ScheduleList(channel=channel, cursor=cursor, limit=limit)
        page: ScheduledPage = await self.call("schedule.list", body)
        return page

    async def reschedule(
        self, schedule: str, *, text: str | None = None, send_at: int | None = None
    ) -> ScheduledObject:
        body = ScheduleUpdate(schedule=schedule, text=text, send_at=send_at)
        changed: ScheduledObject = await self.call("schedule.update", body)
        return changed

    async def cancel_scheduled(self, schedule: str) -> ScheduledObject:
        """Also takes one that failed off the list."""
        body = ScheduleCancel(schedule=schedule)
        cancelled: ScheduledObject = await self.call("schedule.cancel", body)
        return cancelled
