"""A WebSocket of aiohttp's, closed as RFC 6455 and the protocol say."""

import asyncio
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from streamhub.protocol.close_codes import CloseCode, reason

LINGER_S: Final = 1.0
"""How long a client may go on sending after it was told that it should not have."""

_LARGEST_CODE: Final = 4999
_UNWANTED: Final = (
    WSCloseCode.PROTOCOL_ERROR,
    WSCloseCode.INVALID_TEXT,
    CloseCode.FRAME_TOO_BIG,
    CloseCode.RATE_LIMITED,
)


class UpgradedResponse(web.WebSocketResponse):
    """Answers a close with its own code, and hands out pings and pongs, which count as frames.

    `leaving` is set once a close frame was sent: nothing may be written after it. What must go
    out ahead of it is written by `before_leaving`.
    """

    leaving = False
    before_leaving: Callable[[], None] | None = None

    def __init__(self, *, protocols: Iterable[str] = (), max_message_bytes: int) -> None:
        super().__init__(
            protocols=protocols,
            compress=False,
            autoclose=False,
            autoping=False,
            max_msg_size=max_message_bytes + 1,  # aiohttp refuses what is exactly as long
        )

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - aiohttp's
        """The next message, in the order they came; CLOSE, CLOSED, CLOSING and ERROR end it."""
        message = await super().receive(timeout)
        if message.type is WSMsgType.CLOSE:
            self._leave()
            await super().close(code=_answer_to(message.data), drain=False)
        return message

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        if self.leaving:
            return False
        self._leave()
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            code, message = CloseCode.FRAME_TOO_BIG, reason(CloseCode.FRAME_TOO_BIG).encode()
        if code in _UNWANTED:
            return await self._refuse(code, message)
        return await super().close(code=code, message=message, drain=drain)

    def _leave(self) -> None:
        if self.before_leaving is not None:
            self.before_leaving()
        self.leaving = True

    async def _refuse(self, code: int, message: bytes) -> bool:
        """Say what was wrong, and hear the client out for a moment, unless it is a flood.

        Closing a socket with unread input sends a reset, and a client in the middle of a message
        that is too big would see that instead of the code, and come back with the same message.
        """
        if code == CloseCode.RATE_LIMITED and self._req is not None:
            self._req.protocol.pause_reading()
        with suppress(ConnectionError):
            await self.send_frame(struct.pack("!H", code) + message, WSMsgType.CLOSE)
            await asyncio.sleep(LINGER_S)  # cut short when the client leaves
        if self._req is not None and self._req.transport is not None:
            self._req.transport.close()
        return await super().close(code=code, drain=False)


def _answer_to(code: int) -> int:
    """The code to answer a close with: the same. aiohttp gives 0 for none, and takes some codes
    that nobody may send (RFC 6455, 7.4)."""
    if code == WSCloseCode.ABNORMAL_CLOSURE or code > _LARGEST_CODE:
        return WSCloseCode.PROTOCOL_ERROR
    return code or WSCloseCode.OK
