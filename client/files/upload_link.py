"""One connection to the upload socket, for one upload."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar, cast

import aiohttp
import crc32c

from streamhub import __version__
from streamhub.client import wire
from streamhub.client.connection import Connection
from streamhub.client.errors import ClientError, Refused, Unreachable
from streamhub.client.http import HttpApi
from streamhub.client.unanswered import NoReply, NotSent
from streamhub.protocol import uploads
from streamhub.protocol.close_codes import CloseCode, reconnects
from streamhub.protocol.frames import (
    ClientInfo,
    Event,
    Hello,
    Incoming,
    Outgoing,
    Problem,
    Ready,
    problem,
)

_PATH: Final = "v1/uploads/ws"
_CLOSE: Final = aiohttp.ClientWSTimeout(ws_close=2.0)
_REPLY_WITHIN_S: Final = 60.0

T = TypeVar("T", bound=Outgoing)


class LinkLost(ClientError):
    """The connection is gone: come back by another one. `token_invalid`: with another token."""

    def __init__(self, reason: str, *, token_invalid: bool = False) -> None:
        super().__init__(reason)
        self.token_invalid = token_invalid


class UploadLink:
    """Sends data as far as there is credit, and knows what is durable.

    Everything raises LinkLost once the connection is gone, and Refused.
    """

    _connection: Connection  # whose owner it is: `open` gives it

    def __init__(self, on_durable: Callable[[uploads.UploadDurable], None]) -> None:
        self._on_durable = on_durable
        self._changed = asyncio.Event()
        self._ready = False
        self._over: ClientError | None = None
        self._credit = self._sent = 0
        self._stream = self._term = 0
        self._state: uploads.UploadState | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, api: HttpApi, token: str, on_durable: Callable[[uploads.UploadDurable], None]
    ) -> AsyncIterator["UploadLink"]:
        """Raises Unreachable, LinkLost."""
        url = (api.url / _PATH).with_scheme("wss" if api.url.scheme == "https" else "ws")
        try:
            socket = await api.session.ws_connect(
                url, protocols=(wire.SUBPROTOCOL,), timeout=_CLOSE, autoping=True
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"cannot reach {api.url}: {error}") from None
        link = cls(on_durable)
        info = ClientInfo(name="streamhub files", version=__version__)
        link._connection = Connection(socket, link, token=token, client=info, since=lambda: None)
        running = asyncio.ensure_future(link._run(link._connection))
        try:
            await link._until(lambda: link._ready)
            yield link
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self, connection: Connection) -> None:
        ended = await connection.run()
        if reconnects(ended.code) or ended.code == CloseCode.TOKEN_INVALID:
            invalid = ended.code == CloseCode.TOKEN_INVALID
            self._end(LinkLost(ended.reason, token_invalid=invalid))
        else:
            self._end(Refused(problem("forbidden", f"the server closed: {ended.reason}")))

    def _end(self, why: ClientError) -> None:
        if self._over is None:
            self._over = why
        self._changed.set()

    # -- the owner of a connection ------------------------------------------------------------

    def on_ready(self, hello: Hello, ready: Ready) -> None:
        self._ready = True
        self._changed.set()

    def on_event(self, event: Event) -> None:
        match event.body:
            case uploads.UploadCredit(stream=self._stream, bytes=credit):
                self._credit = max(self._credit, credit)
            case uploads.UploadDurable() as durable:
                self._on_durable(durable)
            case uploads.UploadRefused() as refused if refused.stream == self._stream:
                self._end(Refused(_problem_of(refused)))
            case uploads.UploadState() as state:
                self._state = state
            case _:
                return
        self._changed.set()

    def on_expiring(self) -> None:
        """Another token is taken for the connection that follows."""

    def on_drain(self, after_ms: int) -> None:
        self._end(LinkLost("the host is draining"))

    def on_ended(self) -> None:
        pass

    # -- what is asked ------------------------------------------------------------------------

    async def attach(
        self, name: str, body: uploads.UploadOpen | uploads.UploadAttach, key: str | None
    ) -> uploads.AttachedUpload:
        told = await self._ask(name, body, uploads.AttachedUpload, key)
        self._stream, self._term = told.stream, told.term
        self._credit = max(self._credit, told.credit)
        return told

    async def finish(self, upload: str) -> uploads.UploadState:
        """How it ended."""
        body = uploads.UploadFinish(upload=upload)
        state = await self._ask("upload.finish", body, uploads.UploadState, None)
        if state.state == "sealing":
            await self._until(lambda: self._state is not None)
            state = cast(uploads.UploadState, self._state)
        return state

    async def send(self, offset: int, data: bytes) -> None:
        """Of one part, as credit allows."""
        view = memoryview(data)
        for at in range(0, len(data), uploads.MAX_PAYLOAD):
            payload = bytes(view[at : at + uploads.MAX_PAYLOAD])
            await self._credited(self._sent + len(payload))
            frame = uploads.DataFrame(
                stream=self._stream,
                offset=offset + at,
                term=self._term,
                payload=payload,
                checksum=crc32c.crc32c(payload),
            )
            self._sent += len(payload)
            try:
                await self._connection.send_data(uploads.data_message(frame))
            except ConnectionError as error:
                raise LinkLost(str(error)) from None

    async def _credited(self, size: int) -> None:
        await self._until(lambda: size <= self._credit)
        self._check()

    async def wait(self, until: Callable[[], bool]) -> None:
        """Until that is so, which durable parts may bring about."""
        await self._until(until)

    def wake(self) -> None:
        """Something that others wait for may be so now."""
        self._changed.set()

    async def _ask(self, name: str, body: Incoming, kind: type[T], key: str | None) -> T:
        self._check()
        try:
            reply = await self._connection.request(name, body, key, reply_within_s=_REPLY_WITHIN_S)
        except (NoReply, NotSent):
            raise LinkLost("the connection was lost") from None
        return cast(T, reply)  # as the table of commands says

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self._check()
            self._changed.clear()
            await self._changed.wait()

    def _check(self) -> None:
        if self._over is not None:
            raise self._over


def _problem_of(refused: uploads.UploadRefused) -> Problem:
    return problem(refused.code, refused.detail)
