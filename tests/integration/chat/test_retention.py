"""Messages that a channel keeps no longer: taken out by its owner, told to everybody."""

import time

import pytest
from support.chat_hosts import PASSWORD, ChatCluster, Socket
from support.polling import until_true

from streamhub.actors.retention import RetentionSweep
from streamhub.client import ChannelUpdated, StreamHubClient
from streamhub.domain.retention import DAY_MS
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.protocol import frames


async def sweep(cluster: ChatCluster, in_days: int) -> int:
    """As it would be then."""
    host = cluster.hosts[0]
    now_ms = int(time.time() * 1000) + in_days * DAY_MS
    store = PostgresRetentionStore(cluster.pool)
    return await RetentionSweep(
        host.id, store, host.chat.actors, host.membership, lambda: now_ms
    ).sweep()


async def told(socket: Socket, name: str) -> frames.Outgoing:
    return (await socket.event(name)).body


async def test_old_messages_go_and_everybody_hears(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    path = f"/v1/channels/{made['id']}"
    await bob.rest("POST", f"{path}/join")
    for text in ("one", f"@{bob.handle}"):
        await ann.rest("POST", f"{path}/messages", {"text": text})
    assert await sweep(cluster, 1000) == 0
    assert (await bob.rest("PATCH", path, {"keep_days": 7}))[0] == 403
    assert (await ann.rest("PATCH", path, {"keep_days": 7}))[1]["keep_days"] == 7
    assert await sweep(cluster, 6) == 0
    his = await bob.connect(cluster.hosts[1])
    assert (his.ready.channels[0].unread, his.ready.channels[0].mentions) == (2, 1)
    assert await sweep(cluster, 8) == 1
    event = await told(his, "channel.updated")
    assert isinstance(event, frames.ChannelEvent)
    assert (event.channel.gone_seq, event.channel.keep_days) == (2, 7)
    read = await told(his, "read.updated")
    assert isinstance(read, frames.ReadState)
    assert (read.read_seq, read.unread, read.mentions) == (2, 0, 0)
    assert (await bob.rest("GET", f"{path}/messages"))[1]["items"] == []
    assert await sweep(cluster, 8) == 0
    await his.close()


async def test_more_than_a_batch_goes_without_being_asked_again(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamhub.persistence.managing.EXPIRED_AT_ONCE", 3)
    ann = await cluster.user()
    made = {"name": "a", "visibility": "public"}
    channel = str((await ann.rest("POST", "/v1/channels", made))[1]["id"])
    path = f"/v1/channels/{channel}"
    url = cluster.hosts[1].url
    async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as client:
        for number in range(8):
            await client.send(channel, str(number))
        await ann.rest("PATCH", path, {"keep_days": 1})
        assert await sweep(cluster, 2) == 1
        gone = 0
        async for happened in client.events():
            if isinstance(happened, ChannelUpdated):
                gone = happened.channel.gone_seq
            if gone == 8:
                break
        assert client.channels[channel].recent == ()
        await until_true(lambda: client.channels[channel].overview.unread == 0)
    assert (await ann.rest("GET", f"{path}/messages"))[1]["items"] == []
