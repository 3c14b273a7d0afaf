"""Reading and unreading, over two hosts, in both encodings and over REST."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, User
from support.polling import until_true

from streamhub.client import StreamHubClient
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def reader(cluster: ChatCluster) -> tuple[User, str]:
    """Somebody in a channel with four messages of another."""
    ann, bob = await cluster.user(), await cluster.user()
    _, channel = await ann.rest("POST", "/v1/channels", {"name": "x", "visibility": "public"})
    path = f"/v1/channels/{channel['id']}"
    await bob.rest("POST", f"{path}/join")
    for n in range(4):
        assert (await bob.rest("POST", f"{path}/messages", {"text": f"{n}"}))[0] == 201
    return ann, channel["id"]


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_unread_from_here_reaches_the_other_sessions(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, channel = await reader(cluster)
    one = await ann.connect(cluster.hosts[0], codec=codec)
    other = await ann.connect(cluster.hosts[1], codec=codec)
    await one.command("channel.read", frames.ChannelRead(channel=channel, seq=4))
    read = await other.event("read.updated")
    assert isinstance(read.body, frames.ReadState)
    assert (read.body.read_seq, read.body.unread) == (4, 0)
    reply = await one.command(
        "channel.mark_unread", frames.ChannelMarkUnread(channel=channel, seq=3)
    )
    state = reply_body("channel.mark_unread", reply.body)
    assert isinstance(state, frames.ReadState)
    assert (state.read_seq, state.read_nth, state.unread) == (2, 2, 2)
    assert (await other.event("read.updated")).body == state
    await one.close()
    await other.close()


async def test_rest_marks_unread_and_refuses_what_is_not_yours(cluster: ChatCluster) -> None:
    ann, channel = await reader(cluster)
    path = f"/v1/channels/{channel}"
    assert (await ann.rest("POST", f"{path}/read", {"seq": 4}))[1]["unread"] == 0
    status, state = await ann.rest("POST", f"{path}/unread", {"seq": 2})
    assert (status, state["read_seq"], state["unread"]) == (200, 1, 3)
    assert (await ann.rest("POST", f"{path}/unread", {"seq": 4}))[1] == state, "never forward"
    assert (await ann.rest("POST", f"{path}/unread", {"seq": 0}))[0] == 400
    stranger = await cluster.user()
    assert (await stranger.rest("POST", f"{path}/unread", {"seq": 1}))[0] == 404


async def test_the_sdk_counts_again_what_is_unread(cluster: ChatCluster) -> None:
    ann, channel = await reader(cluster)
    urls = [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as one,
        StreamHubClient(urls[1], login=ann.handle, password=PASSWORD) as other,
    ):
        await one.read(channel, 4)
        await one.mark_unread(channel, 2)
        for client in (one, other):
            held = client.channels[channel]
            await until_true(lambda held=held: held.overview.unread == 3)  # type: ignore[misc]
