"""One socket: hello, auth, ready, heartbeat, commands and their replies."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

import aiohttp

from streamhub.client import wire
from streamhub.client.tasks import Tasks
from streamhub.client.unanswered import Apply, NoReply, NotSent, Unanswered
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.errors import BadFrame
from streamhub.protocol.frames import (
    Auth,
    AuthExpiring,
    ClientInfo,
    Command,
    Drain,
    Event,
    Hello,
    Incoming,
    Outgoing,
    Ping,
    Pong,
    Problem,
    Ready,
    Reply,
    Since,
)

HELLO_WITHIN_S: Final = 10.0
PONG_WITHIN_S: Final = 10.0
DOUBT_AFTER_S: Final = 3.0
"""Nothing came for so long after something was sent: ask whether anybody is there. Commands alone
cannot tell, for whoever sends them may give each up before it counts as lost."""

DOUBT_WITHIN_S: Final = 5.0

_LOST: Final = 1006


class Ended(NamedTuple):
    """How a connection ended: the close code, and the server's words."""

    code: int
    reason: str
    retry_after_ms: int | None = None


class Owner(Protocol):
    """Who is told what comes in. Called between two frames; nothing here may wait."""

    def on_ready(self, hello: Hello, ready: Ready) -> None: ...
    def on_event(self, event: Event) -> None: ...
    def on_expiring(self) -> None: ...
    def on_drain(self, after_ms: int) -> None: ...
    def on_ended(self) -> None:
        """Nothing more will come; called once after on_ready, before any command hears of it."""
        ...


class Connection:
    """One socket from `hello` to its end. `run` reads it; commands may be sent after ready.

    Pings after `heartbeat_ms` without sending, and when something was sent and nothing comes; gives
    up when no frame follows within 10 s; within 5 s where there was doubt.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        owner: Owner,
        *,
        token: str,
        client: ClientInfo,
        since: Callable[[], Since | None],
    ) -> None:
        self._socket = socket
        self._owner = owner
        self._token = token
        self._client = client
        self._since = since
        self._hello: Hello | None = None
        self._unanswered: Unanswered | None = None
        self._patience = asyncio.timeout(HELLO_WITHIN_S)
        self._reading = True
        self._unheard_s: float | None = None  # the first frame since we heard was sent then
        self._doubt: asyncio.TimerHandle | None = None
        self._sent_s = self._heard_s = self._now_s()
        self._tasks = Tasks()

    @property
    def was_ready(self) -> bool:
        return self._unanswered is not None

    # -- reading ------------------------------------------------------------------------------

    async def run(self) -> Ended:
        """Read until the end, and say how it was."""
        try:
            async with self._patience:
                return await self._read()
        except TimeoutError:
            return Ended(_LOST, "the server does not answer")
        except BadFrame as error:
            return Ended(CloseCode.BAD_FRAME, f"the server sent a bad frame: {error}")
        except ConnectionError as error:
            return Ended(_LOST, f"the connection was lost: {error}")
        finally:
            self._reading = False
            if self._doubt is not None:
                self._doubt.cancel()
            if self._unanswered is not None:
                self._owner.on_ended()
                self._unanswered.end()
            await self._tasks.cancel()
            await self._socket.close()

    async def _read(self) -> Ended:
        while True:
            message = await self._socket.receive()
            match message.type:
                case aiohttp.WSMsgType.BINARY:
                    self._heard_s, self._unheard_s = self._now_s(), None
                    self._take(message.data)
                case aiohttp.WSMsgType.CLOSE:
                    return _ended(message.data, message.extra or "")
                case aiohttp.WSMsgType.TEXT:
                    raise BadFrame("text on a binary subprotocol")
                case _:
                    return Ended(self._socket.close_code or _LOST, "the connection was lost")

    def _take(self, data: bytes) -> None:
        match wire.decode(data):
            case Event(body=AuthExpiring()):
                self._owner.on_expiring()
            case Event() as event if self.was_ready:
                self._owner.on_event(event)
            case Reply() as reply if self._unanswered is not None:
                self._unanswered.take(reply)
            case Hello() as hello if self._hello is None:
                self._hello = hello
                self._patience.reschedule(None)
                self._tasks.start(self._authenticate(hello.wait_ms / 1000))
                self._tasks.start(self._beat(hello.heartbeat_ms / 1000))
            case Ready() as ready if self._hello is not None and not self.was_ready:
                self._unanswered = Unanswered(ready.limits)
                self._owner.on_ready(self._hello, ready)
            case Drain(after_ms=after_ms):
                self._owner.on_drain(after_ms)
            case Problem() | Pong() | None:
                pass  # before ready the server keeps trying; what is not known is passed over
            case _:
                raise BadFrame("a frame out of turn")

    # -- writing ------------------------------------------------------------------------------

    async def request(
        self,
        name: str,
        body: Incoming,
        key: str | None,
        *,
        reply_within_s: float,
        apply: Apply | None = None,
    ) -> Outgoing:
        """Send a command and wait for its reply; `apply`: see `Unanswered.asking`.

        Raises Refused, NotSent, NoReply.
        """
        if self._unanswered is None:
            raise NotSent
        async with self._unanswered.asking(name, apply) as (number, reply):
            sent_s = self._now_s()
            try:
                await self._send(wire.encode(Command(name=name, i=number, body=body, key=key)))
                async with asyncio.timeout(reply_within_s):
                    return await reply
            except TimeoutError:
                self._give_up_unless_heard(sent_s)  # commands that are sent again delay the ping
            except ConnectionError:
                pass  # the reader notices
            raise NoReply

    async def renew(self, token: str) -> None:
        """A new token on the open socket. Raises ConnectionError."""
        await self._send(wire.encode(Auth(token=token)))

    async def send_data(self, message: bytes) -> None:
        """A frame of data, waiting while the server does not read. Raises ConnectionError."""
        await self._send(message)

    async def move(self, within_s: float) -> None:
        """Close once the commands under way are answered. Nobody may send more of them."""
        if self._unanswered is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._unanswered.idle()
        await self._socket.close()

    async def _authenticate(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        with suppress(ConnectionError):  # the reader notices
            auth = Auth(token=self._token, client=self._client, since=self._since())
            await self._send(wire.encode(auth))

    async def _beat(self, interval_s: float) -> None:
        while True:
            quiet_s = self._now_s() - self._sent_s
            if quiet_s < interval_s:
                await asyncio.sleep(interval_s - quiet_s)
                continue
            await self._ping(PONG_WITHIN_S)

    async def _ping(self, within_s: float) -> None:
        pinged_s = self._sent_s = self._now_s()
        with suppress(ConnectionError):
            await self._socket.send_bytes(wire.encode(Ping()))
        await asyncio.sleep(within_s)
        self._give_up_unless_heard(pinged_s)

    def _doubts(self) -> None:
        """Ask if something was unheard for long; look again if not for long enough."""
        self._doubt = None
        if self._unheard_s is None or not self._reading:
            return
        if self._now_s() - self._unheard_s < DOUBT_AFTER_S:
            self._doubt_after(self._unheard_s)
        else:
            self._tasks.start(self._ping(DOUBT_WITHIN_S))

    def _doubt_after(self, since_s: float) -> None:
        if self._doubt is None:
            loop = asyncio.get_running_loop()
            self._doubt = loop.call_at(since_s + DOUBT_AFTER_S, self._doubts)

    def _give_up_unless_heard(self, since_s: float) -> None:
        if self._heard_s < since_s and self._reading:
            self._patience.reschedule(self._now_s())

    async def _send(self, data: bytes) -> None:
        self._sent_s = self._now_s()
        if self._unheard_s is None:
            self._unheard_s = self._sent_s
            self._doubt_after(self._sent_s)
        await self._socket.send_bytes(data)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _ended(code: int, reason: str) -> Ended:
    words, _, after = reason.partition(" retry_after_ms=")
    return Ended(code, words, int(after) if after.isdecimal() else None)
