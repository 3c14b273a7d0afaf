"""Who gets a socket, for how long, and what ends it."""

import asyncio

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse
from support.chat_hosts import JSON, MSGPACK, ChatCluster, Socket, until

from streamhub.protocol import frames
from streamhub.protocol.close_codes import CloseCode


async def _upgrade(
    cluster: ChatCluster,
    *,
    protocols: tuple[str, ...] = (MSGPACK.subprotocol,),
    headers: dict[str, str] | None = None,
) -> ClientWebSocketResponse:
    url = f"{cluster.hosts[0].url}/v1/ws"
    return await cluster.http.ws_connect(url, protocols=protocols, headers=headers)


async def _closed(ws: ClientWebSocketResponse) -> int:
    """The code the server closes with."""
    while True:
        message = await ws.receive(10)
        if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            assert ws.close_code is not None
            return ws.close_code


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://chat.example.org.evil.org",
        "https://evil-chat.example.org",
        "https://Chat.example.org",
        "http://chat.example.org",
        "https://chat.example.org:8443",
        "https://chat.example.org.",
        "https://chat.example.org/",
    ],
)
async def test_pages_of_foreign_origins_get_no_socket(cluster: ChatCluster, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await _upgrade(cluster, headers={"Origin": origin})
    assert refused.value.status == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://chat.example.org"}])
async def test_the_exact_origin_and_none_at_all_get_one(
    cluster: ChatCluster, headers: dict[str, str]
) -> None:
    ws = await _upgrade(cluster, headers=headers)
    assert isinstance(await Socket(ws, MSGPACK).next(), frames.Hello)
    await ws.close()


async def test_no_cookie_authenticates_a_socket(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    ws = await _upgrade(cluster, headers={"Cookie": f"token={ann.token}; access={ann.token}"})
    assert await _closed(ws) == CloseCode.AUTH_TIMEOUT


async def test_sockets_that_do_not_authenticate_are_bounded_and_closed(
    cluster: ChatCluster,
) -> None:
    waiting = [await _upgrade(cluster) for _ in range(5)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await _upgrade(cluster)
    assert refused.value.status == 429
    assert [await _closed(ws) for ws in waiting] == [CloseCode.AUTH_TIMEOUT] * 5
    await until(lambda: not len(cluster.hosts[0].chat.sockets))
    await (await _upgrade(cluster)).close()


async def test_an_unknown_subprotocol_is_closed_with_its_code(cluster: ChatCluster) -> None:
    ws = await _upgrade(cluster, protocols=("streamhub.v9.msgpack",))
    assert await _closed(ws) == CloseCode.VERSION_UNSUPPORTED


async def test_a_token_that_is_not_valid_closes_for_good(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    socket = Socket(await _upgrade(cluster), MSGPACK)
    await socket.send(frames.Auth(token=ann.token[:-2]))
    assert await _closed(socket.ws) == CloseCode.TOKEN_INVALID


async def test_a_token_is_renewed_in_place_for_the_same_user_only(cluster: ChatCluster) -> None:
    ann, eve = await cluster.user(), await cluster.user()
    mine = await ann.connect()
    await mine.send(frames.Auth(token=ann.token))
    reply = await mine.command("channel.list", frames.ChannelList())
    assert reply.problem is None
    await mine.send(frames.Auth(token=eve.token))
    assert await _closed(mine.ws) == CloseCode.TOKEN_INVALID


async def test_logging_out_closes_the_sockets_on_every_host(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    sockets = [await ann.connect(host) for host in cluster.hosts]
    status = await _log_out(cluster, ann.refresh_token)
    assert status == 204
    assert [await _closed(socket.ws) for socket in sockets] == [CloseCode.SESSION_REVOKED] * 2
    assert (await ann.rest("GET", "/v1/me"))[0] == 401


async def _log_out(cluster: ChatCluster, refresh_token: str) -> int:
    url = f"{cluster.hosts[0].url}/v1/auth/logout"
    async with cluster.http.post(url, json={"refresh_token": refresh_token}) as answer:
        return answer.status


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xc1", CloseCode.BAD_FRAME),
        (b"\x01" * 40, CloseCode.BAD_FRAME),
        (b"\xc6\xff\xff\xff\xff", CloseCode.BAD_FRAME),
        (b"\x00" * (1024 * 1024 + 1), CloseCode.FRAME_TOO_BIG),
        ("{}", CloseCode.BAD_FRAME),
    ],
)
async def test_what_is_no_frame_closes_the_socket_and_no_other(
    cluster: ChatCluster, sent: bytes | str, code: CloseCode
) -> None:
    ann = await cluster.user()
    bad, good = await ann.connect(), await ann.connect(codec=JSON)
    await (bad.ws.send_bytes(sent) if isinstance(sent, bytes) else bad.ws.send_str(sent))
    assert await _closed(bad.ws) == code
    reply = await good.command("channel.list", frames.ChannelList())
    assert reply.problem is None
    await good.close()


async def test_too_many_commands_are_told_when_to_try_again(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    mine = await ann.connect()
    replies = [await mine.command("channel.list", frames.ChannelList()) for _ in range(70)]
    limited = [reply.problem for reply in replies if reply.problem is not None]
    assert limited
    assert {problem.code for problem in limited} == {"rate_limited"}
    assert all(0 < (problem.retry_after_ms or 0) <= 100 for problem in limited)
    await mine.close()


async def test_a_hundred_parallel_sends_of_one_key_are_one_message(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    _, channel = await ann.rest("POST", "/v1/channels", {"name": "k", "visibility": "private"})
    path = f"/v1/channels/{channel['id']}/messages"
    header = {"Idempotency-Key": "the same"}
    answers = await asyncio.gather(
        *(
            ann.rest("POST", path, {"text": "once"}, host=cluster.hosts[n % 2], headers=header)
            for n in range(100)
        )
    )
    assert {status for status, _ in answers} == {201}
    assert len({receipt["id"] for _, receipt in answers}) == 1
    _, page = await ann.rest("GET", path)
    assert [message["text"] for message in page["items"]] == ["once"]


async def test_a_reader_that_stalls_is_paused_and_comes_back_complete(
    cluster: ChatCluster,
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, channel = await ann.rest("POST", "/v1/channels", {"name": "s", "visibility": "private"})
    path = f"/v1/channels/{channel['id']}"
    await ann.rest("POST", f"{path}/members", {"users": [bob.id]})
    stalled, brisk = await bob.connect(), await bob.connect()
    (socket,) = [s for s in cluster.hosts[0].chat.sockets if s.id == stalled.ready.session]
    stalled.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]
    text = "x" * 15_000
    count = 400  # 6 MB: more than kernel and process buffer for one socket
    peak = 0
    for n in range(count):
        status, _ = await ann.rest("POST", f"{path}/messages", {"text": f"{n} {text}"})
        assert status == 201
        event = await brisk.event("message.created")
        assert isinstance(event.body, frames.MessageEvent)
        assert event.body.message.seq == n + 1
        peak = max(peak, socket.unsent_bytes())
    assert peak < 64 * 1024 + 2 * (64 * 1024 + 16_000)
    stalled.ws._response.connection.transport.resume_reading()  # type: ignore[union-attr]
    seqs: list[int] = []
    while len(seqs) < count:
        frame = await stalled.next()
        assert isinstance(frame, frames.Event)
        if isinstance(frame.body, frames.MessageEvent):
            seqs.append(frame.body.message.seq)
        elif isinstance(frame.body, frames.SyncPage):
            seqs.extend(message.seq for message in frame.body.messages)
    assert seqs == list(range(1, count + 1))
    await stalled.close()
    await brisk.close()
