"""How far the others have read: in small channels, for who looks, of who lets it be known."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, Socket, User

from streamhub.client import SeenUpdated, StreamHubClient
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def said(ann: User, *others: User) -> str:
    """A channel with two messages."""
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    path = f"/v1/channels/{made['id']}"
    await ann.rest("POST", f"{path}/members", {"users": [one.id for one in others]})
    for text in ("one", "two"):
        await ann.rest("POST", f"{path}/messages", {"text": text})
    return str(made["id"])


async def look(socket: Socket, channel: str) -> None:
    reply = await socket.command("focus", frames.Focus(channels=(channel,)))
    assert reply.problem is None


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_who_looks_sees_how_far_the_others_read(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    channel = await said(ann, bob)
    hers, away = [await ann.connect(cluster.hosts[0], codec=codec) for _ in range(2)]
    his = await bob.connect(cluster.hosts[1], codec=codec)
    await look(hers, channel)
    await look(his, channel)
    for seq in (1, 2):
        read = frames.ChannelRead(channel=channel, seq=seq)
        assert (await his.command("channel.read", read)).problem is None
        event = await hers.event("seen.updated")
        assert event.body == frames.SeenEvent(channel=channel, user=bob.id, seq=seq)
    reply = await hers.command("channel.seen", frames.ChannelSeen(channel=channel))
    seen = reply_body("channel.seen", reply.body)
    assert seen == frames.SeenList(items=(frames.SeenObject(user=bob.id, seq=2),))
    await ann.rest("POST", f"/v1/channels/{channel}/messages", {"text": "end"})
    for socket in (away, his):  # who does not look, and who it is about, hear nothing of it
        await socket.event("message.created")
        assert not [event for event in socket.seen if event.name == "seen.updated"]
    for socket in (hers, away, his):
        await socket.close()


async def test_who_does_not_want_to_be_seen_is_not(cluster: ChatCluster) -> None:
    ann, bob, carol = [await cluster.user() for _ in range(3)]
    channel = await said(ann, bob, carol)
    url, his = f"{cluster.hosts[0].url}/v1/me", {"Authorization": f"Bearer {bob.token}"}
    hidden = {"show_reading": False}
    async with cluster.http.patch(url, json=hidden, headers=his) as answer:
        assert answer.status == 200
    hers = await ann.connect(cluster.hosts[0])
    await look(hers, channel)
    path = f"/v1/channels/{channel}"
    for reader in (bob, carol):
        assert (await reader.rest("POST", f"{path}/read", {"seq": 2}))[0] == 200
    event = await hers.event("seen.updated")
    assert event.body == frames.SeenEvent(channel=channel, user=carol.id, seq=2)
    _, seen = await ann.rest("GET", f"{path}/seen")
    assert seen["items"] == [{"user": carol.id, "seq": 2}]
    stranger = await cluster.user()
    assert (await stranger.rest("GET", f"{path}/seen"))[0] == 404
    await hers.close()


async def test_the_sdk_tells_it(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await said(ann, bob)
    url = cluster.hosts[1].url
    async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as client:
        await client.focus(channels=(channel,))
        await bob.rest("POST", f"/v1/channels/{channel}/read", {"seq": 1})
        async for event in client.events():
            if isinstance(event, SeenUpdated):
                break
        assert event == SeenUpdated(channel, bob.id, 1)
        (one,) = (await client.seen(channel)).items
        assert (one.user, one.seq) == (bob.id, 1)
