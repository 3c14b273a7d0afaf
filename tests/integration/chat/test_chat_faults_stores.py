"""PostgreSQL or Redis away: what is said, what goes on, and how it comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.chat_hosts import PASSWORD, Socket
from support.fault_proxy import fault_proxy
from support.faulty_hosts import FaultyCluster, FaultyHost, faulty_cluster, history, room
from support.polling import until
from support.strict_reader import StrictReader

from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.redis import RedisLimiter, open_redis
from streamhub.protocol import frames

BACK_WITHIN_S = 5.0


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        yield cluster


def _databases(cluster: FaultyCluster, *, away: bool) -> None:
    for host in cluster.hosts:
        assert isinstance(host, FaultyHost)
        host.database.refuses = away
        if away:
            host.database.cut()


async def _send(socket: Socket, channel: str, text: str) -> frames.Reply:
    return await socket.command(
        "message.send", frames.MessageSend(channel=channel, text=text), key=text
    )


async def test_while_postgresql_is_away_nothing_is_acknowledged_and_sockets_stay(
    cluster: FaultyCluster,
) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    sockets = [await ann.connect(host) for host in cluster.hosts]
    reader = StrictReader(ann, channel)
    await reader.connect(cluster.hosts[0].url)
    assert (await _send(sockets[0], channel, "before")).problem is None
    _databases(cluster, away=True)
    sending = (_send(socket, channel, f"away {n}") for n, socket in enumerate(sockets))
    replies = await asyncio.gather(*sending)
    for reply in replies:
        assert reply.problem is not None
        assert reply.problem.code in ("unavailable", "unknown", "timeout"), reply.problem
    assert "unavailable" in {reply.problem.code for reply in replies if reply.problem}
    assert all(
        (reply.problem.retry_after_ms or 0) > 0
        for reply in replies
        if reply.problem and reply.problem.code == "unavailable"
    )
    _databases(cluster, away=False)

    async def served() -> bool:
        """On both hosts, and acknowledged. Who is told to wait waits."""
        for socket in sockets:
            if (problem := (await _send(socket, channel, "back")).problem) is not None:
                await asyncio.sleep((problem.retry_after_ms or 0) / 1000)
                return False
        return True

    await until(served, within_s=BACK_WITHIN_S)
    for number, socket in enumerate(sockets):  # the same sockets, the same keys
        assert (await _send(socket, channel, f"away {number}")).problem is None
        await socket.close()
    found = await history(ann, channel)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    assert sorted(text for _, text in found) == sorted(["before", "back", "away 0", "away 1"])
    await reader.follow(len(found) + 1)
    assert [(message.seq, message.text) for message in reader.messages] == found
    await reader.hang_up()


async def test_what_may_be_stored_is_said_to_be_unknown_though_postgresql_went_away_since(
    cluster: FaultyCluster,
) -> None:
    """Somebody without a key who was told `unavailable` would send it again, and have it twice."""
    ann = await cluster.user()
    channel = await room(ann)
    owner, _ = cluster.owners(channel)
    socket = await ann.connect(owner)
    assert (await _send(socket, channel, "before")).problem is None
    owner.database.answers_flow.clear()
    send = frames.MessageSend(channel=channel, text="without a key")
    sending = asyncio.ensure_future(socket.command("message.send", send))

    async def stored() -> bool:
        return bool(await cluster.pool.fetchval("SELECT count(*) = 2 FROM messages"))

    await until(stored)
    _databases(cluster, away=True)
    owner.database.flow()
    problem = (await sending).problem
    assert problem is not None
    assert (problem.code, problem.status) == ("unknown", 504)
    _databases(cluster, away=False)
    assert await history(ann, channel) == [(1, "before"), (2, "without a key")]
    await socket.close()


async def test_while_redis_is_away_messages_flow_and_nobody_signs_in(
    servers: EmbeddedUrls, cluster: FaultyCluster
) -> None:
    async with fault_proxy(servers.redis) as proxy:
        redis = open_redis(proxy.url(servers.redis))
        ann = await cluster.user()
        channel = await room(ann)
        host = await cluster.add(RedisLimiter(redis))
        await cluster.publish()
        log_in = {"login": ann.handle, "password": PASSWORD}
        assert (await ann.rest("POST", "/v1/auth/login", log_in, host=host))[0] == 200
        socket = await ann.connect(host)
        proxy.refuses = True
        proxy.cut()
        assert (await _send(socket, channel, "flows")).problem is None
        fresh = await ann.connect(host)  # who is signed in stays so, on new sockets too
        assert (await _send(fresh, channel, "on")).problem is None
        status, problem = await ann.rest("POST", "/v1/auth/login", log_in, host=host)
        assert (status, problem["code"]) == (503, "unavailable")
        assert problem["retry_after_ms"] > 0
        assert await history(ann, channel) == [(1, "flows"), (2, "on")]
        proxy.refuses = False

        async def signs_in() -> bool:
            return (await ann.rest("POST", "/v1/auth/login", log_in, host=host))[0] == 200

        await until(signs_in)
        for open_socket in (socket, fresh):
            await open_socket.close()
        await redis.aclose()
