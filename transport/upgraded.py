"""A WebSocket of aiohttp's, closed as RFC 6455 and the protocol say."""

import asyncio
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from streamhub.protocol.close_codes import CloseCode, reason

LINGER_S: Final = 1.0
"""How long a client whose frames make no sense may go on sending after it was told so."""

_LARGEST_CODE: Final = 4999
_UNREADABLE: Final = (
    WSCloseCode.PROTOCOL_ERROR,
    WSCloseCode.INVALID_TEXT,
    WSCloseCode.MESSAGE_TOO_BIG,
)


class UpgradedResponse(web.WebSocketResponse):
    """Answers a close with its own code, and hands out pings and pongs, which count as frames.

    `leaving` is set once a close frame was sent: nothing may be written after it.
    """

    leaving = False

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
            self.leaving = True
            await super().close(code=_answer_to(message.data), drain=False)
        return message

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        if self.leaving:
            return False
        self.leaving = True
        if code in _UNREADABLE:
            return await self._refuse(code)
        return await super().close(code=code, message=message, drain=drain)

    async def _refuse(self, code: int) -> bool:
        """Say what was wrong, and hear the client out for a moment.

        Closing a socket with unread input sends a reset, and a client in the middle of a message
        that is too big would see that instead of the code, and come back with the same message.
        """
        payload = struct.pack("!H", code)
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            payload = struct.pack("!H", CloseCode.FRAME_TOO_BIG)
            payload += reason(CloseCode.FRAME_TOO_BIG).encode()
        with suppress(ConnectionError):
            await self.send_frame(payload, WSMsgType.CLOSE)
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
