"""A bulk uploader in tests: streams over `/v1/uploads/ws`, frame by frame."""

import asyncio
from collections.abc import Iterable
from typing import Any

import crc32c
from support.chat_hosts import ChatHost, Socket, User

from streamhub.protocol import frames, uploads
from streamhub.protocol.codec import MSGPACK, Codec
from streamhub.protocol.received import reply_body

PATH = "/v1/uploads/ws"
STATE = "upload.state"


class Stream:
    """One upload over one connection. `credit` and `durable` are as the server said last."""

    def __init__(self, socket: Socket, told: uploads.AttachedUpload) -> None:
        self.socket = socket
        self.told = told
        self.credit = told.credit
        self.sent = 0
        self.durable: set[int] = set()

    @classmethod
    async def open(
        cls, user: User, size: int | None, host: ChatHost | None = None, **more: Any
    ) -> "Stream":
        codec = more.pop("codec", MSGPACK)
        key = more.pop("key", None)
        socket = await user.connect(host, codec=codec, path=PATH)
        body = uploads.UploadOpen(name=more.pop("name", "a.bin"), size_bytes=size, **more)
        return cls(socket, await asked(socket, "upload.open", body, key))

    @classmethod
    async def attach(
        cls,
        user: User,
        upload: str,
        host: ChatHost | None = None,
        *,
        term: int | None = None,
        codec: Codec = MSGPACK,
    ) -> "Stream":
        socket = await user.connect(host, codec=codec, path=PATH)
        body = uploads.UploadAttach(upload=upload, term=term)
        return cls(socket, await asked(socket, "upload.attach", body))

    @property
    def missing(self) -> list[int]:
        return [part for first, last in self.told.missing for part in range(first, last + 1)]

    def frame(self, offset: int, payload: bytes, flags: int = 0) -> uploads.DataFrame:
        return uploads.DataFrame(
            stream=self.told.stream,
            offset=offset,
            term=self.told.term,
            payload=payload,
            checksum=crc32c.crc32c(payload),
            flags=flags,
        )

    async def give(self, frame: uploads.DataFrame) -> None:
        """Send it, as it is."""
        await self.socket.ws.send_bytes(uploads.data_message(frame))

    async def send(self, offset: int, data: bytes, flags: int = 0) -> None:
        """Send bytes of one part, in frames, as credit allows."""
        for at in range(0, len(data), uploads.MAX_PAYLOAD):
            payload = data[at : at + uploads.MAX_PAYLOAD]
            last = at + len(payload) == len(data)
            while self.sent + len(payload) > self.credit:
                await self.hear()
            self.sent += len(payload)
            await self.give(self.frame(offset + at, payload, flags if last else 0))

    async def send_parts(self, whole: bytes, parts: Iterable[int]) -> None:
        """Send these parts from where they stand, and wait until they are durable."""
        size, begun, wanted = self.told.part_bytes, dict(self.told.partial), set(parts)
        for part in wanted:
            first, came = (part - 1) * size, begun.get(part, 0)
            await self.send(first + came, whole[first + came : first + size])
        while not wanted <= self.durable:
            await self.hear()

    async def hear(self, within_s: float = 20.0, *, refusal: bool = False) -> frames.Event:
        """The next event, taken note of; a `refusal` only where one is expected."""
        if self.socket.seen:
            event: frames.ServerFrame = self.socket.seen.pop(0)
        else:
            event = await self.socket.next(within_s)
        assert isinstance(event, frames.Event), event
        match event.body:
            case uploads.UploadCredit(stream=self.told.stream, bytes=credit):
                self.credit = max(self.credit, credit)
            case uploads.UploadDurable(upload=self.told.upload, parts=parts):
                self.durable.update(parts)
            case uploads.UploadRefused() if not refusal:
                raise AssertionError(event.body)
            case _:
                pass
        return event

    async def heard(self) -> None:
        """Wait until the host has taken what was sent: it reads in order."""
        body = uploads.UploadPart(upload=self.told.upload, part=10_000, crc32c=0)
        await self.socket.command("upload.part", body)

    async def refused(self) -> uploads.UploadRefused:
        while True:
            event = await self.hear(refusal=True)
            if isinstance(event.body, uploads.UploadRefused):
                return event.body

    async def finish(self) -> uploads.UploadState:
        """How it ended."""
        body = uploads.UploadFinish(upload=self.told.upload)
        state = await asked(self.socket, "upload.finish", body)
        if state.state == "sealing":
            state = (await self.socket.event(STATE, 30.0)).body
        assert isinstance(state, uploads.UploadState)
        return state

    def cut(self) -> None:
        """End the connection without a word."""
        self.transport.abort()

    @property
    def transport(self) -> asyncio.WriteTransport:
        connection = self.socket.ws._response.connection
        assert connection is not None
        assert isinstance(connection.transport, asyncio.WriteTransport)
        return connection.transport

    async def close(self) -> None:
        await self.socket.close()


async def asked(socket: Socket, name: str, body: frames.Incoming, key: str | None = None) -> Any:
    """What a command is answered; a problem fails the test."""
    reply = await socket.command(name, body, key)
    assert reply.problem is None, reply.problem
    return reply_body(name, reply.body)
