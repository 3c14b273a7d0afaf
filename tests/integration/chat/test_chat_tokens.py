"""Which tokens open a socket, and for how long."""

import base64
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.chat_hosts import AUTH_SECRET, JSON, MSGPACK, ChatCluster, Socket, User
from support.jwt_attacks import Forger, attacks

from streamhub.config import load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.protocol import frames
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.codec import Codec
from streamhub.protocol.scalars import MAX_TOKEN

BRIEF_S = 4


async def _knock(
    cluster: ChatCluster, token: str, *, codec: Codec = MSGPACK, host: int = 0
) -> int | None:
    """The code a socket with this token is closed with; None if it is let in."""
    url = f"{cluster.hosts[host].url}/v1/ws"
    async with cluster.http.ws_connect(url, protocols=(codec.subprotocol,)) as ws:
        socket = Socket(ws, codec)
        assert isinstance(await socket.next(), frames.Hello)
        await socket.send(frames.Auth(token=token))
        return await _end(socket, codec)


async def _end(socket: Socket, codec: Codec) -> int | None:
    """The code it is closed with; None if it is told that it is let in before."""
    while True:
        message = await socket.ws.receive(10)
        if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            assert socket.ws.close_code is not None
            return socket.ws.close_code
        if isinstance(codec.decode_server(message.data), frames.Ready):
            return None


def _refusal_of(token: str) -> CloseCode:
    """A token that does not even look like one is no frame."""
    if len(token) >= 2**20:
        return CloseCode.FRAME_TOO_BIG
    looks_like_one = re.fullmatch(rf"[!-~]{{1,{MAX_TOKEN}}}", token)
    return CloseCode.TOKEN_INVALID if looks_like_one else CloseCode.BAD_FRAME


def _claims(token: str) -> dict[str, str]:
    payload = token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def _forger(user: User) -> Forger:
    """Somebody who has the key, and knows a user's name and session."""
    return Forger(AUTH_SECRET.reveal(), int(time.time()), user.id, _claims(user.token)["sid"])


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_no_forged_token_opens_a_socket(cluster: ChatCluster, codec: Codec) -> None:
    ann = await cluster.user()
    forger = _forger(ann)
    assert await _knock(cluster, forger.good, codec=codec) is None
    with capture_logs() as logs:
        for name, token in attacks(forger).items():
            code = await _knock(cluster, token, codec=codec)
            assert code == _refusal_of(token), name
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    assert await _knock(cluster, ann.token, codec=codec) is None


async def test_no_forged_token_renews_a_socket(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    forged = attacks(_forger(ann))
    for name in ("none", "another key", "exp twice", "a refresh token", "without jti"):
        socket = await ann.connect()
        await socket.send(frames.Auth(token=forged[name]))
        assert await _end(socket, MSGPACK) == CloseCode.TOKEN_INVALID, name


async def test_no_forged_token_speaks_over_rest(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    forger = _forger(ann)
    me, path = f"{cluster.hosts[0].url}/v1/me", f"{cluster.hosts[0].url}/v1/channels"
    good = {"Authorization": f"Bearer {forger.good}"}
    async with cluster.http.get(me, headers=good) as answer:
        assert answer.status == 200
    for name, token in attacks(forger).items():
        if not (token.isascii() and token.isprintable()) or token.strip() == forger.good:
            continue  # no header can carry it, or blanks around it
        too_long = len(token) > 8000  # no token, but no header either
        for url in (me, path):
            async with cluster.http.get(
                url, headers={"Authorization": f"Bearer {token}"}
            ) as answer:
                assert answer.status == (400 if too_long else 401), name


async def test_tokens_of_other_kinds_open_nothing(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    assert await _knock(cluster, ann.refresh_token) == CloseCode.TOKEN_INVALID
    status, _ = await ann.rest(
        "GET", "/v1/me", headers={"Authorization": f"Bearer {ann.refresh_token}"}
    )
    assert status == 401
    status, _ = await ann.rest("POST", "/v1/auth/refresh", {"refresh_token": ann.token})
    assert status == 401


async def test_a_token_counts_only_within_the_socket(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    url = f"{cluster.hosts[0].url}/v1/ws?token={ann.token}&access_token={ann.token}"
    async with cluster.http.ws_connect(
        url,
        protocols=(MSGPACK.subprotocol, ann.token),
        headers={"Authorization": f"Bearer {ann.token}"},
    ) as ws:
        assert ws.protocol == MSGPACK.subprotocol
        assert await _end(Socket(ws, MSGPACK), MSGPACK) == CloseCode.AUTH_TIMEOUT


async def test_a_session_that_signed_out_comes_back_nowhere(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    assert await _knock(cluster, ann.token, host=1) is None
    url = f"{cluster.hosts[0].url}/v1/auth/logout"
    async with cluster.http.post(url, json={"refresh_token": ann.refresh_token}) as answer:
        assert answer.status == 204
    await cluster.add()  # one that was not there when it happened
    await cluster.publish()
    for host in range(3):
        assert await _knock(cluster, ann.token, host=host) == CloseCode.TOKEN_INVALID
        assert await _knock(cluster, bob.token, host=host) is None


@pytest.fixture
async def brief(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    """A host whose access tokens are valid for BRIEF_S."""
    environ = {"STREAMHUB_ARGON2_MEMORY_KIB": "8192", "STREAMHUB_ARGON2_TIME_COST": "1"}
    settings = load_settings(environ, cwd=tmp_path)
    settings = replace(settings, auth=replace(settings.auth, access_ttl_s=BRIEF_S))
    await migrate(servers.postgres)
    cluster = ChatCluster(settings, servers.postgres)
    await cluster.start(1)
    yield cluster
    await cluster.close()


async def test_a_socket_is_told_that_its_token_runs_out_and_then_closed(
    brief: ChatCluster,
) -> None:
    ann = await brief.user()
    socket = await ann.connect()
    event = await socket.event("auth.expiring")
    assert isinstance(event.body, frames.AuthExpiring)
    assert 0 < event.body.in_ms <= BRIEF_S * 1000
    assert await _end(socket, MSGPACK) == CloseCode.TOKEN_INVALID


async def test_a_socket_whose_token_is_renewed_outlives_it(brief: ChatCluster) -> None:
    ann = await brief.user()
    left, renewed = await ann.connect(), await ann.connect()
    await renewed.event("auth.expiring")
    forger = _forger(ann)
    await renewed.send(frames.Auth(token=forger.with_claims(exp=forger.now_s + 50)))
    event = await renewed.event("auth.expiring")
    assert isinstance(event.body, frames.AuthExpiring)
    assert event.body.in_ms > BRIEF_S * 1000
    assert await _end(left, MSGPACK) == CloseCode.TOKEN_INVALID
    reply = await renewed.command("channel.list", frames.ChannelList())
    assert reply.problem is None
    await renewed.close()
