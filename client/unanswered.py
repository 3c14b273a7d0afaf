"""The commands of one socket that wait for their reply."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from streamhub.client.errors import ClientError, Refused
from streamhub.client.pauses import Pace
from streamhub.protocol.frames import Limits, Outgoing, Reply
from streamhub.protocol.received import reply_body

_MAX_NUMBER: Final = 2**31 - 1

Apply = Callable[[Outgoing], None]


class NotSent(ClientError):
    """The connection ended before the command left."""


class NoReply(ClientError):
    """The command left, and the reply did not come: nobody knows whether it was done."""


class _Asked(NamedTuple):
    command: str
    reply: asyncio.Future[Outgoing]
    apply: Apply | None


class Unanswered:
    """Gives commands their numbers and replies their waiters, within the server's limits.

    The number of a command stays taken until its reply came, whether or not somebody waits.
    """

    def __init__(self, limits: Limits) -> None:
        self._slots = asyncio.Semaphore(max(1, limits.unanswered))
        self._pace = Pace(max(1, limits.commands_per_s), max(1, limits.commands_burst))
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = True

    @asynccontextmanager
    async def asking(
        self, command: str, apply: Apply | None
    ) -> AsyncIterator[tuple[int, asyncio.Future[Outgoing]]]:
        """A number to send the command with, and its reply: Refused, NoReply or the body.

        Waits until one more may be sent. Raises NotSent. `apply` is called with the body as soon
        as it is there, before any later frame is looked at.
        """
        await self._slots.acquire()
        try:
            now_s = asyncio.get_running_loop().time()
            if (wait_s := self._pace.take_s(now_s)) > 0:
                await asyncio.sleep(wait_s)
            if not self._open:
                raise NotSent
        except BaseException:
            self._slots.release()
            raise
        number, reply = self._free_number(), asyncio.get_running_loop().create_future()
        self._asked[number] = _Asked(command, reply, apply)
        self._idle.clear()
        try:
            yield number, reply
        finally:
            # What comes later, nobody awaits.
            if not reply.cancel() and not reply.cancelled():
                reply.exception()

    def take(self, reply: Reply) -> None:
        """A reply of the server. Raises BadFrame."""
        asked = self._asked.get(reply.i)
        if asked is None:
            return
        body = None if reply.problem else reply_body(asked.command, reply.body)
        del self._asked[reply.i]
        self._slots.release()
        if not self._asked:
            self._idle.set()
        if asked.reply.done():
            return
        if reply.problem is not None:
            asked.reply.set_exception(Refused(reply.problem))
        elif body is not None:
            if asked.apply is not None:
                asked.apply(body)
            asked.reply.set_result(body)

    def end(self) -> None:
        """No reply will come any more."""
        self._open = False
        for asked in self._asked.values():
            self._slots.release()  # those who wait for a turn learn that there is none
            if not asked.reply.done():
                asked.reply.set_exception(NoReply())
        self._asked.clear()
        self._idle.set()

    async def idle(self) -> None:
        """Until every command is answered."""
        await self._idle.wait()

    def _free_number(self) -> int:
        self._number = self._number % _MAX_NUMBER + 1
        while self._number in self._asked:
            self._number = self._number % _MAX_NUMBER + 1
        return self._number
