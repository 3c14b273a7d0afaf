"""How two hosts come to trust each other on a link: challenge and response with one secret.

    dialler                              accepting host
    Hello(wire, ids, challenge)  ---->
                                 <----   Welcome(proof of that challenge, challenge) | refused
    proof of both challenges     ---->

Proofs are HMAC-SHA-256 over the side, both ids and the challenges, so none can be used for
another link, by another host, or sent back.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec
from aiohttp import web

from streamhub.domain.ids import HostId

WIRE: Final = 1
"""Version of the envelopes; hosts that differ do not link."""

Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class Hello(msgspec.Struct, frozen=True):
    """Who dials, whom it means, and its challenge."""

    wire: int
    dialler: HostId
    target: HostId
    challenge: bytes


class _Welcome(msgspec.Struct, frozen=True):
    """The accepting host's proof and challenge; without a proof: `refused` says why not."""

    proof: bytes = b""
    challenge: bytes = b""
    refused: str = ""


class LinkRefused(Exception):
    """The peer is not who it should be, or would not link; the text says why."""


async def call(socket: Socket, key: bytes, me: HostId, peer: HostId) -> None:
    """The dialler's side. Raises LinkRefused; TypeError, ValueError for what is no handshake."""
    hello = Hello(WIRE, me, peer, secrets.token_bytes(32))
    await socket.send_bytes(msgspec.msgpack.encode(hello))
    welcome = msgspec.msgpack.decode(await socket.receive_bytes(), type=_Welcome)
    if welcome.refused:
        raise LinkRefused(welcome.refused)
    if not hmac.compare_digest(welcome.proof, _proof(key, b"accept", hello)):
        raise LinkRefused("it does not know the cluster's secret")
    await socket.send_bytes(_proof(key, b"dial", hello, welcome.challenge))


async def answer(socket: Socket, key: bytes, refusal: Callable[[Hello], str]) -> HostId:
    """The accepting side: who calls. Raises as `call`; `refusal` gives a reason or nothing."""
    hello = msgspec.msgpack.decode(await socket.receive_bytes(), type=Hello)
    if reason := refusal(hello):
        await socket.send_bytes(msgspec.msgpack.encode(_Welcome(refused=reason)))
        raise LinkRefused(reason)
    challenge = secrets.token_bytes(32)
    welcome = _Welcome(_proof(key, b"accept", hello), challenge)
    await socket.send_bytes(msgspec.msgpack.encode(welcome))
    proof = await socket.receive_bytes()
    if not hmac.compare_digest(proof, _proof(key, b"dial", hello, challenge)):
        raise LinkRefused("the caller does not know the cluster's secret")
    return hello.dialler


def _proof(key: bytes, side: bytes, hello: Hello, challenge: bytes = b"") -> bytes:
    said = (side, hello.dialler.encode(), hello.target.encode(), hello.challenge + challenge)
    return hmac.digest(key, b"\0".join(said), "sha256")
