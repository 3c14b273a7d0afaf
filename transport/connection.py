"""One HTTP connection, stricter than aiohttp: what is not HTTP/1.1 framing is refused and closed.

A front proxy and this server must never disagree where a request ends (request smuggling), so what
RFC 9112 lets a server guess at is refused. aiohttp's parser refuses most of it; `strictly` refuses
the rest before the application, and before `100 Continue`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from streamhub.domain.errors import Refused
from streamhub.transport.client_frames import ClientFrames
from streamhub.transport.headers import ALWAYS
from streamhub.transport.middleware import REQUEST_ID_HEADER, new_request_id
from streamhub.transport.problems import problem_of, problem_response

BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

MIN_BODY_BYTES_PER_S: Final = 1024

_LEAVE_S: Final = 0.1

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class Connection(web.RequestHandler):
    """Answers what the parser refused with a problem; aiohttp's own page repeats the offending
    bytes to the client and to the log."""

    __slots__ = ("_is_websocket",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_websocket = False

    @property
    def answers(self) -> bool:
        """Whether a request is being answered; a WebSocket is none."""
        return self._current_request is not None and not self._is_websocket

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Called when the connection becomes a WebSocket."""
        self._is_websocket = True
        guarded: Any = ClientFrames(parser, self._leave)
        super().set_parser(guarded, data_received_cb)

    def _leave(self) -> None:
        """Both ends closed. The last frame of this one may still have to be written."""
        asyncio.get_running_loop().call_later(_LEAVE_S, self._left)

    def _left(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionAbortedError("failed in the middle of a response")
        if status == 400:
            return _refusal(Refused("bad_request", "this is not valid HTTP/1.1"))
        self.log_exception("request failed outside of the application", exc_info=exc)
        return _refusal(RuntimeError("internal"))


def strictly(handler: BaseHandler, slow_body_s: float) -> BaseHandler:
    """`handler` for requests that are well formed; a refusal and the end of the connection for
    others. A body must come at MIN_BODY_BYTES_PER_S, looked at every `slow_body_s` seconds.

    Adds no coroutine to requests without a body, as open sockets live inside the handler.
    """

    def checked(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        if fault := _fault_of(request):
            return _answer(_refusal(fault))
        answer = handler
        if hdrs.TRANSFER_ENCODING in request.headers:
            answer = partial(_last, answer)
        if not request.content.is_eof():
            answer = partial(_while_it_comes, answer, slow_body_s)
        return answer(request)

    return checked


async def _while_it_comes(
    handler: BaseHandler, slow_body_s: float, request: web.BaseRequest
) -> web.StreamResponse:
    watch = _BodyWatch(request, slow_body_s)
    try:
        return await handler(request)
    finally:
        watch.stop()


class _BodyWatch:
    """Cuts the connection, and thereby cancels the handler, when the client sends its body too
    slowly. Time in which the server itself does not read, because the handler is busy, is free."""

    def __init__(self, request: web.BaseRequest, every_s: float) -> None:
        self._request = request
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._wait()

    def stop(self) -> None:
        self._timer.cancel()

    def _wait(self) -> None:
        self._seen = self._request.content.total_bytes
        self._timer = self._loop.call_later(self._every_s, self._look)

    def _look(self) -> None:
        body, transport = self._request.content, self._request.transport
        if transport is None or body.is_eof():
            return
        came = body.total_bytes - self._seen
        if came < MIN_BODY_BYTES_PER_S * self._every_s and transport.is_reading():
            transport.close()
        else:
            self._wait()


def _fault_of(request: web.BaseRequest) -> Refused | None:
    """What aiohttp 3.14 lets through."""
    if request.version not in (HttpVersion10, HttpVersion11):
        return Refused("bad_request", "only HTTP/1.1 and HTTP/1.0 are spoken here")
    coding = request.headers.get(hdrs.TRANSFER_ENCODING)
    if coding is not None and (coding.lower() != "chunked" or request.version == HttpVersion10):
        return Refused("bad_request", "the only transfer coding is chunked, in HTTP/1.1")
    if not _HOST.fullmatch(request.headers.get(hdrs.HOST, "")):
        return Refused("bad_request", "this is not a host", field="Host")
    if request.headers.get(hdrs.EXPECT, "100-continue").lower() != "100-continue":
        return Refused("bad_request", "this cannot be expected", field="Expect")
    return None


async def _last(handler: BaseHandler, request: web.BaseRequest) -> web.StreamResponse:
    """The answer to a chunked request ends the connection: aiohttp 3.14 takes the trailer fields
    behind the last chunk for headers of the connection's next request."""
    try:
        response = await handler(request)
    except web.HTTPException as raised:
        raised.force_close()
        raise
    response.force_close()
    return response


def _refusal(fault: Exception) -> web.Response:
    request_id = new_request_id()
    answer = problem_response(problem_of(fault, request_id))
    response = _Anonymous(body=answer.body, status=answer.status, headers=answer.headers)
    response.headers.update(ALWAYS)
    response.headers[REQUEST_ID_HEADER] = request_id
    response.force_close()
    return response


async def _answer(response: web.StreamResponse) -> web.StreamResponse:
    return response


class _Anonymous(web.Response):
    """A response without aiohttp's `Server` header, made where no signal of the application would
    remove it."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)
