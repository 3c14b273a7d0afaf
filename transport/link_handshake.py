"""How two hosts come to trust each other on a link: challenge and response with one secret.

    dialler                              accepting host
    Hello(versions, ids, challenge) ---->
                                    <----  Welcome(version, proof, challenge) | refused
    proof of both challenges        ---->

Proofs are HMAC-SHA-256 over the side, both ids, the versions and the challenges, so none can be
used for another link, by another host, or sent back, and nobody between the two can have them speak
an older version than both know.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from streamhub.domain.ids import HostId


class Versions(NamedTuple):
    """The versions of the link that a host speaks, both included."""

    lowest: int
    highest: int

    def common(self, other: "Versions") -> int | None:
        """The highest that both speak."""
        version = min(self.highest, other.highest)
        return version if version >= max(self.lowest, other.lowest) else None

    def __str__(self) -> str:
        few = self.lowest == self.highest
        return f"version {self.highest}" if few else f"versions {self.lowest} to {self.highest}"


WIRE: Final = 1
"""Version of the envelopes. Raise it when a host must know what the other understands."""

SPOKEN: Final = Versions(1, WIRE)
"""Raise the lowest only for what a host of that version would get wrong: kinds it does not know are
left out, fields it does not know are ignored."""

Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Who dials, whom it means, what it speaks, and its challenge."""

    lowest: int
    highest: int
    dialler: HostId
    target: HostId
    challenge: bytes

    @property
    def versions(self) -> Versions:
        return Versions(self.lowest, self.highest)


class _Welcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The version the link speaks, the accepting host's proof and challenge.

    Without a proof: `refused` says why not. `version` 0 then: there is none that both speak.
    """

    version: int = -1
    proof: bytes = b""
    challenge: bytes = b""
    refused: str = ""


class LinkRefused(Exception):
    """The peer is not who it should be, or would not link; the text says why."""


class NoCommonVersion(LinkRefused):
    """Both are what they should be, but of versions too far apart."""


class Caller(NamedTuple):
    """Who called, and the version the link speaks."""

    host: HostId
    version: int


async def call(
    socket: Socket, key: bytes, me: HostId, peer: HostId, spoken: Versions = SPOKEN
) -> int:
    """The dialler's side; returns the version the link speaks.

    Raises LinkRefused; TypeError, ValueError for what is no handshake.
    """
    hello = Hello(
        lowest=spoken.lowest,
        highest=spoken.highest,
        dialler=me,
        target=peer,
        challenge=secrets.token_bytes(32),
    )
    await socket.send_bytes(msgspec.msgpack.encode(hello))
    welcome = msgspec.msgpack.decode(await socket.receive_bytes(), type=_Welcome)
    if welcome.refused:
        raise (NoCommonVersion if welcome.version == 0 else LinkRefused)(welcome.refused)
    if not hmac.compare_digest(welcome.proof, _proof(key, b"accept", hello, welcome.version)):
        raise LinkRefused("it does not know the cluster's secret")
    if not spoken.lowest <= welcome.version <= spoken.highest:
        raise NoCommonVersion(f"it chose version {welcome.version} of the link, not {spoken}")
    proof = _proof(key, b"dial", hello, welcome.version, welcome.challenge)
    await socket.send_bytes(proof)
    return welcome.version


async def answer(
    socket: Socket,
    key: bytes,
    refusal: Callable[[Hello], Awaitable[str]],
    spoken: Versions = SPOKEN,
) -> Caller:
    """The accepting side: who calls. Raises as `call`; `refusal` gives a reason or nothing."""
    hello = msgspec.msgpack.decode(await socket.receive_bytes(), type=Hello)
    version = spoken.common(hello.versions)
    if version is None:
        reason = f"this host speaks {spoken} of the link, and the caller {hello.versions}"
        await socket.send_bytes(msgspec.msgpack.encode(_Welcome(version=0, refused=reason)))
        raise NoCommonVersion(reason)
    if reason := await refusal(hello):
        await socket.send_bytes(msgspec.msgpack.encode(_Welcome(refused=reason)))
        raise LinkRefused(reason)
    challenge = secrets.token_bytes(32)
    welcome = _Welcome(
        version=version, proof=_proof(key, b"accept", hello, version), challenge=challenge
    )
    await socket.send_bytes(msgspec.msgpack.encode(welcome))
    proof = await socket.receive_bytes()
    if not hmac.compare_digest(proof, _proof(key, b"dial", hello, version, challenge)):
        raise LinkRefused("the caller does not know the cluster's secret")
    return Caller(hello.dialler, version)


def _proof(key: bytes, side: bytes, hello: Hello, version: int, challenge: bytes = b"") -> bytes:
    versions = f"{hello.lowest} {hello.highest} {version}"
    ids = (hello.dialler.encode(), hello.target.encode())
    said = (side, *ids, versions.encode(), hello.challenge + challenge)
    return hmac.digest(key, b"\0".join(said), "sha256")
