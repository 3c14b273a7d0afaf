"""The link to the server: one connection after the other, for as long as the server lets us."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp

from streamhub import __version__
from streamhub.client import wire
from streamhub.client.connection import Connection, Ended
from streamhub.client.errors import ClientError, Refused, SessionEnded, Unreachable
from streamhub.client.events import ClientEvent, ConnectionLost, ConnectionRestored
from streamhub.client.http import HttpApi
from streamhub.client.model import Model
from streamhub.client.pauses import Pauses
from streamhub.client.tasks import Tasks
from streamhub.client.tokens import TokenSource
from streamhub.protocol.close_codes import CloseCode, reconnects
from streamhub.protocol.frames import ClientInfo, Event, Hello, Ready

_MOVE_EARLY_S: Final = 0.5
_MOVE_WITHIN_S: Final = 5.0
_STEADY_S: Final = 1.0
"""A connection that lasted this long ends the growing of pauses."""

_LARGEST_FRAME_BYTES: Final = 16 * 1024 * 1024
_CLOSE: Final = aiohttp.ClientWSTimeout(ws_close=2.0)


class Link:
    """Connects, feeds the model, and comes back with what the model holds.

    The close code decides: below 4500 it comes back, after the pause the server asked for. A
    token that is refused is renewed once. Anything else ends it, and `connected` raises why.
    """

    def __init__(
        self,
        api: HttpApi,
        tokens: TokenSource,
        model: Model,
        *,
        name: str,
        busy: Callable[[], bool],
        tell: Callable[[Sequence[ClientEvent]], None],
        on_ready: Callable[[], None],
    ) -> None:
        """`tell` is given what happened; while `busy`, only what cannot be told later."""
        self._api = api
        self._tokens = tokens
        self._model = model
        self._info = ClientInfo(name=name, version=__version__)
        self._busy = busy
        self._tell = tell
        self._announce_ready = on_ready
        self._tasks = Tasks()
        self._trying: Connection | None = None
        self._turned = asyncio.Event()
        self._ended: SessionEnded | None = None
        self._moving = False
        self._token: str | None = None
        self.connection: Connection | None = None

    async def connected(self) -> Connection:
        """The connection that is open, or the next one. Raises what ended the link."""
        while True:
            if self._ended is not None:
                raise self._ended
            if self.connection is not None:
                return self.connection
            self._turned.clear()
            await self._turned.wait()

    async def run(self) -> SessionEnded:
        """Until the link is over for good; returns why."""
        try:
            self._ended = await self._keep_connecting()
        finally:
            self._ended = self._ended or SessionEnded("the client was closed")
            self.connection = None
            self._turned.set()
            await self._tasks.cancel()
        return self._ended

    # -- one after the other ------------------------------------------------------------------

    async def _keep_connecting(self) -> SessionEnded:
        pauses, refused, loop = Pauses(), False, asyncio.get_running_loop()
        while True:
            self._moving = False
            begun_s = loop.time()
            try:
                self._token = await self._tokens.token(self._token if refused else None)
                ended, was_ready = await self._connect(self._token)
            except Refused as error:
                if not error.retry:
                    return SessionEnded(
                        f"the server refused to sign in: {error}", problem=error.problem
                    )
                await asyncio.sleep(pauses.next_s(error.problem.retry_after_ms))
                continue
            except Unreachable:
                await asyncio.sleep(pauses.next_s())
                continue
            if was_ready and loop.time() - begun_s >= _STEADY_S:
                pauses.reset()
            if was_ready:
                self._tell([ConnectionLost(ended.reason)])
            if self._moving:
                continue
            if ended.code == CloseCode.TOKEN_INVALID and (was_ready or not refused):
                refused = True
            elif reconnects(ended.code):
                refused = False
            else:
                said = f"the server closed for good: {ended.reason}"
                return SessionEnded(said, close_code=ended.code)
            await asyncio.sleep(pauses.next_s(ended.retry_after_ms))

    async def _connect(self, token: str) -> tuple[Ended, bool]:
        """One connection from its beginning to its end. Raises Unreachable."""
        try:
            socket = await self._api.session.ws_connect(
                self._api.url / "v1/ws",
                protocols=(wire.SUBPROTOCOL,),
                timeout=_CLOSE,
                max_msg_size=_LARGEST_FRAME_BYTES,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"cannot reach {self._api.url}: {error}") from None
        self._trying = Connection(
            socket, self, token=token, client=self._info, since=self._model.since
        )
        ended = await self._trying.run()
        return ended, self._trying.was_ready

    # -- from the connection, between two frames ----------------------------------------------

    def on_ready(self, hello: Hello, ready: Ready) -> None:
        returning = self._model.user is not None
        happened = self._model.ready(ready, hello.epoch)
        self.connection = self._trying
        self._tell([ConnectionRestored(), *happened] if returning else happened)
        self._turned.set()
        self._announce_ready()

    def on_event(self, event: Event) -> None:
        self._tell(self._model.take(event, busy=self._busy()))

    def on_expiring(self) -> None:
        if self.connection is not None:
            self._tasks.start(self._renew(self.connection))

    def on_drain(self, after_ms: int) -> None:
        if self.connection is not None:
            self._tasks.start(self._move(self.connection, after_ms))

    def on_ended(self) -> None:
        self.connection = None
        self._model.lost()

    # -- private ------------------------------------------------------------------------------

    async def _renew(self, connection: Connection) -> None:
        """A new token in place, before the old one runs out."""
        pauses = Pauses()
        while self.connection is connection:
            try:
                self._token = await self._tokens.token(self._token)
                await connection.renew(self._token)
                return
            except Refused as error:
                if not error.retry:
                    return  # the server closes when the old one runs out, and then we know
                await asyncio.sleep(pauses.next_s(error.problem.retry_after_ms))
            except ClientError:
                await asyncio.sleep(pauses.next_s())
            except ConnectionError:
                return

    async def _move(self, connection: Connection, after_ms: int) -> None:
        """To another host, a little before this one closes: commands under way are answered."""
        await asyncio.sleep(max(0.0, after_ms / 1000 - _MOVE_EARLY_S))
        if self.connection is connection:
            self.connection = None
            self._moving = True
            await connection.move(_MOVE_WITHIN_S)
