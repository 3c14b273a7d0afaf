"""Readers that do not read: the others do not notice, and they come back complete."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.chat_hosts import Socket, User
from support.faulty_hosts import FaultyCluster, faulty_cluster, room

from streamhub.actors.session import SessionActor
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.protocol import frames
from streamhub.transport import client_writer
from streamhub.transport.client_socket import ClientSocket
from streamhub.transport.framed_socket import FramedSocket

READERS = 1000
STALLED = 100
MESSAGES = 30
TEXT = "x" * 6_000
SMALL_BUFFER_BYTES = 8_192


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path, hosts=1) as cluster:
        yield cluster


async def test_a_tenth_of_the_readers_stalled_does_not_move_the_others(
    cluster: FaultyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine the posts take longer than a reader may make no progress.
    monkeypatch.setattr(client_writer, "_PROGRESS_S", 60.0)
    ann = await cluster.user()
    channel = await room(ann)
    (host,) = cluster.hosts
    sockets = [await ann.connect(host) for _ in range(READERS)]
    stalled, brisk = sockets[:STALLED], sockets[STALLED:]
    before_s, _ = await _posted_and_seen(ann, channel, sockets, 0)
    for one in stalled:
        _stall(one)
    ours = {one.ready.session for one in stalled}
    held_up = [one for one in host.chat.sockets if one.id in ours]
    for theirs in held_up:  # so that little waits in the kernel
        sock = theirs._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
    during_s, peak_bytes = await _posted_and_seen(
        ann, channel, brisk, MESSAGES, lambda: max(theirs.unsent_bytes() for theirs in held_up)
    )
    print(
        f"\n{MESSAGES} messages to {READERS} readers: {before_s:.2f} s; with {STALLED} of them"
        f" stalled {during_s:.2f} s, and at most {peak_bytes} bytes wait for one of those"
    )
    assert during_s < 10 * before_s
    assert all(_lags(theirs) for theirs in held_up)
    assert peak_bytes < 64 * 1024 + 2 * (64 * 1024 + len(TEXT))
    for one in stalled:
        _connection(one).resume_reading()
    complete = await asyncio.gather(*(_seqs(one, MESSAGES + 1, 2 * MESSAGES) for one in stalled))
    assert all(seqs == list(range(MESSAGES + 1, 2 * MESSAGES + 1)) for seqs in complete)
    await asyncio.gather(*(one.close() for one in sockets))


async def _posted_and_seen(
    user: User,
    channel: str,
    readers: Sequence[Socket],
    after: int,
    measure: Callable[[], int] = lambda: 0,
) -> tuple[float, int]:
    """Post, and have every reader see all of it in order: the seconds that took, and the largest
    of what was measured after each post."""
    loop = asyncio.get_running_loop()
    begun_s, peak = loop.time(), 0
    seeing = [asyncio.ensure_future(_seqs(one, after + 1, after + MESSAGES)) for one in readers]
    for _ in range(MESSAGES):
        path, body = f"/v1/channels/{channel}/messages", {"text": TEXT}
        assert (await user.rest("POST", path, body))[0] == 201
        peak = max(peak, measure())
    expected = list(range(after + 1, after + MESSAGES + 1))
    assert all(seqs == expected for seqs in await asyncio.gather(*seeing))
    return loop.time() - begun_s, peak


async def _seqs(reader: Socket, first: int, last: int) -> list[int]:
    """The seqs that come, live or in pages, up to the last one."""
    seqs: list[int] = []
    while not seqs or seqs[-1] < last:
        frame = await reader.next(30)
        match frame:
            case frames.Event(body=frames.MessageEvent(message=message)):
                seqs.append(message.seq)
            case frames.Event(body=frames.SyncPage(messages=messages)):
                seqs += [message.seq for message in messages]
            case _:
                pass
    return seqs


def _lags(theirs: FramedSocket) -> bool:
    """Whether the server has paused this client, and waits for room to go on."""
    assert isinstance(theirs, ClientSocket)
    session = theirs._session
    assert isinstance(session, SessionActor)
    return session.lagging


def _connection(reader: Socket) -> Any:
    """The client's transport."""
    connection = reader.ws._response.connection
    assert connection is not None
    return connection.transport


def _stall(reader: Socket) -> None:
    transport = _connection(reader)
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    transport.pause_reading()
