"""Many uploads at once, some of them stalled for ever: a host holds what it may, and goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from support.chat_hosts import ChatCluster, Socket
from support.polling import until
from support.upload_streams import Stream
from support.uploads import Uploader, content, digest

from streamhub.domain.blobs import Body
from streamhub.persistence.blobs import S3Blobs
from streamhub.protocol import frames

MIB = 1 << 20
BUDGET = 8 * MIB
UPLOADS, STALLED = 60, 12


@pytest.fixture
def slow_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each object takes a tenth of a second more."""
    put = S3Blobs.put

    async def slowly(blobs: S3Blobs, object: str, body: Body, size: int) -> str:
        await asyncio.sleep(0.1)
        return await put(blobs, object, body, size)

    monkeypatch.setattr(S3Blobs, "put", slowly)


@pytest.mark.usefixtures("slow_s3")
async def test_memory_is_bounded_and_the_others_finish(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamhub.transport.upload_stream.STALLED_S", 1.0)
    host, user = cluster.hosts[0], await cluster.user()
    buffers = host.filing.buffers
    buffers.budget_bytes = BUDGET
    held: list[int] = []
    give_back = buffers.give_back

    def noted(size: int, upload: str) -> None:
        held.append(buffers.held_bytes)
        give_back(size, upload)

    monkeypatch.setattr(buffers, "give_back", noted)
    sent = content(MIB // 2)
    streams = [await Stream.open(user, len(sent), host) for _ in range(UPLOADS)]
    stalled, brisk = streams[:STALLED], streams[STALLED:]

    async def stall(stream: Stream) -> None:
        await stream.send(0, sent[:100_000])

    async def finish(stream: Stream) -> str:
        await stream.send_parts(sent, [1])
        state = await stream.finish()
        assert state.state == "ready", state
        return state.file or ""

    chat = await _chatting(cluster)
    files = await asyncio.gather(*map(finish, brisk), *map(stall, stalled), chat())
    assert max(held) <= BUDGET
    assert max(held) > BUDGET // 2, "there was something to hold"
    _, got = await Uploader(user).content(files[0] or "")
    assert digest(got) == digest(sent)

    async def is_free() -> bool:
        return buffers.held_bytes == 0

    await until(is_free)
    (late, *_) = stalled  # it is not forgotten, and goes on where it was
    await late.send(100_000, sent[100_000:])
    while not late.durable:
        await late.hear()
    assert (await late.finish()).state == "ready"


async def _chatting(cluster: ChatCluster) -> Callable[[], Awaitable[None]]:
    """Somebody who posts on the same host, and hears it."""
    bob = await cluster.user()
    _, channel = await bob.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    socket: Socket = await bob.connect(cluster.hosts[0])

    async def chat() -> None:
        for number in range(20):
            body = frames.MessageSend(channel=channel["id"], text=f"{number}")
            reply = await socket.command("message.send", body)
            assert reply.problem is None, reply.problem
            await asyncio.sleep(0.05)

    return chat
