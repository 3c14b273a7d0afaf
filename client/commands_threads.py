"""The commands about threads as typed methods."""

from streamhub.client.calls import Calls
from streamhub.protocol.frames import ThreadObject, ThreadPage
from streamhub.protocol.scalars import DEFAULT_PAGE
from streamhub.protocol.threads import ThreadFollow, ThreadList, ThreadRead


class ThreadCommands(Calls):
    """A thread is named by the message it began with."""

    async def threads(self, cursor: str | None = None, limit: int = DEFAULT_PAGE) -> ThreadPage:
        """The threads one follows."""
        page: ThreadPage = await self.call("thread.list", ThreadList(cursor=cursor, limit=limit))
        return page

    async def read_thread(self, channel: str, message: str, seq: int) -> ThreadObject:
        """Replies up to `seq` are read."""
        body = ThreadRead(channel=channel, message=message, seq=seq)
        thread: ThreadObject = await self.call("thread.read", body)
        return thread

    async def follow_thread(
        self, channel: str, message: str, following: bool = True
    ) -> ThreadObject:
        body = ThreadFollow(channel=channel, message=message, following=following)
        thread: ThreadObject = await self.call("thread.follow", body)
        return thread
