"""However many sockets an account has, and on however many hosts: it has one allowance."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.chat_hosts import ChatCluster, Socket

from streamhub.config import load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.protocol import frames

BURST = 40


@pytest.fixture
async def strict(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    environ = {
        "STREAMHUB_LIMIT_COMMANDS": f"1/h burst {BURST}",
        "STREAMHUB_LIMIT_CREATIONS": "1/h burst 2",
        "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
        "STREAMHUB_ARGON2_TIME_COST": "1",
    }
    await migrate(servers.postgres)
    cluster = ChatCluster(load_settings(environ, cwd=tmp_path), servers.postgres)
    await cluster.start(2)
    yield cluster
    await cluster.close()


async def answered(socket: Socket, times: int) -> list[frames.Problem]:
    """The problems among the replies to so many commands."""
    replies = [await socket.command("channel.list", frames.ChannelList()) for _ in range(times)]
    return [reply.problem for reply in replies if reply.problem is not None]


def _plain(reply: frames.Reply) -> dict[str, Any]:
    assert isinstance(reply.body, dict), reply
    return reply.body


async def test_many_sockets_on_two_hosts_have_one_allowance(strict: ChatCluster) -> None:
    ann, bob = await strict.user(), await strict.user()
    sockets = [await ann.connect(host) for host in strict.hosts for _ in range(3)]
    many = await asyncio.gather(*(answered(socket, 30) for socket in sockets))
    refused = [problem for problems in many for problem in problems]
    admitted = 30 * len(sockets) - len(refused)
    assert BURST * 0.75 <= admitted <= BURST
    assert {problem.code for problem in refused} == {"rate_limited"}
    assert all(0 < (problem.retry_after_ms or 0) <= 2 * 2 * 3_600_000 for problem in refused)
    assert await answered(await bob.connect(strict.hosts[1]), 5) == []


async def test_commands_keep_their_order_while_a_limit_is_asked(strict: ChatCluster) -> None:
    ann = await strict.user()
    socket = await ann.connect()
    created = await socket.command(
        "channel.create", frames.ChannelCreate(name="order", visibility="private")
    )
    for n in range(25):  # more than this host's part: the rest is drawn
        body = frames.MessageSend(channel=_plain(created)["id"], text=str(n))
        await socket.send(frames.Command(name="message.send", i=100 + n, body=body))
    seqs: dict[int, int] = {}
    while len(seqs) < 25:
        frame = await socket.next()
        if isinstance(frame, frames.Reply):
            seqs[frame.i] = _plain(frame)["seq"]
    assert [seqs[100 + n] for n in range(25)] == sorted(seqs.values())


async def test_what_counts_by_itself_does_so_over_sockets(strict: ChatCluster) -> None:
    socket = await (await strict.user()).connect()
    bodies = [frames.ChannelCreate(name=f"c{n}", visibility="private") for n in range(3)]
    problems = [(await socket.command("channel.create", body)).problem for body in bodies]
    assert problems[:2] == [None, None]
    assert problems[2] is not None
    assert problems[2].code == "rate_limited"
