"""A bulk uploader's WebSocket: several uploads at once, each in parts, over any connections."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import web

from streamhub.domain.access import check_right
from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.ids import UploadId, UserId
from streamhub.domain.principals import Admitted
from streamhub.domain.uploads import Ledger
from streamhub.protocol import frames, uploads
from streamhub.protocol.codec import Codec
from streamhub.protocol.connection import Close
from streamhub.protocol.errors import BadFrame
from streamhub.protocol.shapes import Outgoing
from streamhub.transport.framed_socket import FramedSocket, now_ms
from streamhub.transport.lobby import Lobby
from streamhub.transport.upgraded import UpgradedResponse
from streamhub.transport.upload_stream import UploadStream
from streamhub.transport.upload_streams import UploadStreams, upload_state

PATH: Final = "/v1/uploads/ws"
MAX_STREAMS: Final = 64


class UploadSocket(FramedSocket):
    """Takes commands on uploads, and frames of data, which wait for room when there is none."""

    __slots__ = ("_host", "_last", "_streams", "_waits")

    right = "file.upload"
    takes_data = True

    def __init__(
        self,
        host: UploadStreams,
        lobby: Lobby,
        codec: Codec,
        request: web.Request,
        response: UpgradedResponse,
        address: str,
    ) -> None:
        self._host = host
        self._streams: dict[int, UploadStream] = {}
        self._last = 0
        self._waits = False
        super().__init__(lobby, codec, request, response, address)

    async def _prepare(self, admitted: Admitted, auth: frames.Auth) -> Callable[[], None]:
        account = admitted.account
        ready = frames.Ready(
            session=self.id,
            user=frames.UserObject(id=account.id, handle=account.handle, name=account.name),
            channels=(),
            notifications=frames.NotificationCounts(unread=0),
            limits=self._lobby.rules.as_limits,
        )
        return partial(self.send, ready)

    def _leave(self) -> None:
        for stream in self._streams.values():
            self._host.leave(stream)
        self._streams.clear()

    def tick(self) -> None:
        if self._waits:  # for us: the client may be silent
            self._machine.heard(now_ms())
        super().tick()
        for stream in self._streams.values():
            stream.spill_if_stalled()

    # -- data -------------------------------------------------------------------------------

    async def _take_data(self, data: bytes) -> Close | None:
        if closing := self._machine.heard(now_ms()):
            return closing
        try:
            frame = uploads.data_frame(data)
        except BadFrame as error:
            return self._machine.close(error.close_code)
        self._waits = True
        try:
            stream = self._streams.get(frame.stream)
            if stream is None:
                raise Refused("not_found", "there is no such stream on this connection")
            await stream.take(frame)
        except StreamHubError as error:
            refused = uploads.UploadRefused(
                stream=frame.stream, offset=frame.offset, code=error.code, detail=error.detail
            )
            self._say("upload.refused", refused)
        finally:
            self._waits = False
        return None

    def _say(self, name: str, body: Outgoing) -> None:
        if not self._response.leaving:
            self.send(frames.Event(name=name, body=body))

    # -- commands ---------------------------------------------------------------------------

    def _carry_out(self, command: frames.Command) -> None:
        principal = self.principal
        if principal is None:
            raise RuntimeError("the machine delivers commands only after ready")
        handler = self._handlers.get(type(command.body))
        if handler is None:
            detail = "this socket is for uploads: other commands go to /v1/ws"
            self._refuse(command.i, Refused("bad_request", detail))
            return
        try:
            check_right(principal.standing, command.name)
        except Refused as error:
            self._refuse(command.i, error)
            return
        work = handler(self, principal.user, command.body, command.key)
        self._spawn(work, partial(self._answer, command.i))

    async def _open(
        self, by: UserId, body: uploads.UploadOpen, key: str | None
    ) -> uploads.AttachedUpload:
        self._check_streams()
        upload = await self._host.intake.open(
            by,
            body.name,
            body.mime,
            body.size_bytes,
            crc32c=body.crc32c,
            key=key,
            into=body.file,
            folder=body.folder,
        )
        return await self._attached(upload.id, by, None)

    async def _attach(
        self, by: UserId, body: uploads.UploadAttach, key: str | None
    ) -> uploads.AttachedUpload:
        self._check_streams()
        return await self._attached(UploadId(body.upload), by, body.term)

    async def _part(
        self, by: UserId, body: uploads.UploadPart, key: str | None
    ) -> uploads.PartObject:
        ledger = await self._host.intake.look(body.upload, by)
        for part in ledger.parts:
            if part.number == body.part:
                if part.crc32c != body.crc32c:
                    raise Refused("checksum_mismatch", f"part {part.number} has other bytes")
                return uploads.PartObject(
                    upload=body.upload, part=part.number, size_bytes=part.size, crc32c=part.crc32c
                )
        raise Refused("not_found", "that part is not durable", field="part")

    async def _end_upload(
        self, by: UserId, body: uploads.UploadFinish, key: str | None
    ) -> uploads.UploadState:
        upload = UploadId(body.upload)
        told = partial(self._say, "upload.state")
        return upload_state(upload, await self._host.finish(upload, by, told))

    async def _cancel(
        self, by: UserId, body: uploads.UploadCancel, key: str | None
    ) -> uploads.UploadState:
        upload = UploadId(body.upload)
        return upload_state(upload, await self._host.cancel(upload, by))

    # -- private ----------------------------------------------------------------------------

    def _check_streams(self) -> None:
        if len(self._streams) >= MAX_STREAMS:
            raise Refused("limit_reached", f"{MAX_STREAMS} uploads are open on this connection")

    async def _attached(
        self, upload: UploadId, by: UserId, term: int | None
    ) -> uploads.AttachedUpload:
        self._last += 1
        stream, ledger = await self._host.attach(self._last, upload, by, term, self._say)
        if stream is not None:
            for other in [one for one in self._streams.values() if one.has_ended]:
                del self._streams[other.number]
            self._streams[stream.number] = stream
        return _attachment(ledger, stream)

    _handlers: Final[dict[type[msgspec.Struct], Callable[..., Any]]] = {
        uploads.UploadOpen: _open,
        uploads.UploadAttach: _attach,
        uploads.UploadPart: _part,
        uploads.UploadFinish: _end_upload,
        uploads.UploadCancel: _cancel,
    }


def _attachment(ledger: Ledger, stream: UploadStream | None) -> uploads.AttachedUpload:
    upload = ledger.upload
    return uploads.AttachedUpload(
        upload=upload.id,
        term=upload.term,
        stream=stream.number if stream else 0,
        part_bytes=upload.part_bytes,
        credit=stream.credit if stream else 0,
        missing=ledger.missing() if stream else (),
        state=upload.state,
        size_bytes=upload.size,
        partial=stream.partial() if stream else (),
        file=upload.file,
        problem=upload.problem,
    )
