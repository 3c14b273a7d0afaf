"""Replies and threads: over sockets in both encodings, and over REST."""

from typing import Any

import pytest
from support.chat_hosts import JSON, MSGPACK, ChatCluster, Socket

from streamhub.protocol import frames, threads
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def done(socket: Socket, name: str, body: frames.Incoming) -> Any:
    reply = await socket.command(name, body)
    assert reply.problem is None, reply.problem
    return reply_body(name, reply.body)


async def heard(socket: Socket, name: str) -> frames.MessageObject:
    event = await socket.event(name)
    assert isinstance(event.body, frames.MessageEvent)
    return event.body.message


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_thread_has_its_own_unread(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    made = {"name": "general", "visibility": "public"}
    _, created = await ann.rest("POST", "/v1/channels", made)
    channel = created["id"]
    await bob.rest("POST", f"/v1/channels/{channel}/join")
    mine = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    root = await done(mine, "message.send", frames.MessageSend(channel=channel, text="root"))
    assert (await heard(mine, "message.created")).id == root.id
    shown, last = None, 0
    for n in range(2):
        sent = frames.MessageSend(channel=channel, text=f"reply {n}", thread=root.id)
        receipt = await done(his, "message.send", sent)
        reply = await heard(mine, "message.created")
        assert (receipt.nth, reply.nth, reply.thread) == (1, 1, root.id), "it does not count here"
        shown, last = await heard(mine, "message.updated"), receipt.seq
        assert (shown.id, shown.replies, shown.last_reply_seq) == (root.id, n + 1, last)
        assert shown.rev == receipt.rev + 1
    page = await done(mine, "thread.list", threads.ThreadList())
    assert shown is not None
    assert page.items == (frames.ThreadObject(root=shown, following=True, unread=2),)
    read = threads.ThreadRead(channel=channel, message=root.id, seq=last)
    assert (await done(mine, "thread.read", read)).unread == 0
    history = frames.MessageHistory(channel=channel, thread=root.id)
    replies = (await done(mine, "message.history", history)).items
    assert [one.text for one in replies] == ["reply 0", "reply 1"]
    both = frames.MessageSend(channel=channel, text="for all", thread=root.id, in_channel=True)
    assert (await done(his, "message.send", both)).nth == 2
    assert (await heard(mine, "message.created")).in_channel
    synced = await done(mine, "channel.sync", frames.ChannelSync(channel=channel, rev=root.rev))
    assert [m.seq for m in synced.messages] == [2, 3, 4, 1]
    await mine.close()
    await his.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    path = f"/v1/channels/{made['id']}/messages"
    await bob.rest("POST", f"/v1/channels/{made['id']}/join")
    _, root = await ann.rest("POST", path, {"text": "root"})
    once = {"Idempotency-Key": "once"}
    sent = {"text": f"@{ann.handle}", "thread": root["id"]}
    status, reply = await bob.rest("POST", path, sent, headers=once)
    assert (status, reply["nth"]) == (201, 2), "who is mentioned sees that in the channel"
    assert await bob.rest("POST", path, sent, headers=once) == (status, reply)
    status, page = await ann.rest("GET", f"{path}?thread={root['id']}")
    assert (status, [one["seq"] for one in page["items"]]) == (200, [2])
    status, listed = await ann.rest("GET", "/v1/threads")
    assert (status, [one["unread"] for one in listed["items"]]) == (200, [1])
    thread = f"{path}/{root['id']}/thread"
    status, one = await ann.rest("POST", f"{thread}/read", {"seq": 2})
    assert (status, one["unread"], one["root"]["replies"]) == (200, 0, 1)
    status, one = await ann.rest("PUT", thread, {"following": False})
    assert (status, one["following"]) == (200, False)
    assert (await ann.rest("GET", "/v1/threads"))[1] == {"items": []}
    nested = {"text": "x", "thread": reply["id"]}
    status, problem = await bob.rest("POST", path, nested)
    assert (status, problem["code"], problem["field"]) == (400, "bad_request", "thread")
    status, problem = await bob.rest("PUT", f"{path}/{reply['id']}/thread", {"following": True})
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_silent_message_is_unread_for_nobody(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    await bob.rest("POST", f"/v1/channels/{made['id']}/join")
    path = f"/v1/channels/{made['id']}/messages"
    sent = {"text": f"@{bob.handle}", "silent": True}
    status, receipt = await ann.rest("POST", path, sent)
    assert (status, receipt["seq"], receipt["nth"]) == (201, 1, 0)
    his = await bob.connect()
    (overview,) = his.ready.channels
    assert (overview.last_seq, overview.unread, overview.mentions) == (1, 0, 0)
    await his.close()
