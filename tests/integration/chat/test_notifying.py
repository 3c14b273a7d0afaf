"""Notifications: the same in all of one's sessions, on all hosts."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, Socket, User

from streamhub.client import (
    ClientEvent,
    NotificationsRead,
    Notified,
    NotifyUpdated,
    StreamHubClient,
)
from streamhub.protocol import frames, notifying
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def channel_of(ann: User, *others: User) -> str:
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    for other in others:
        await other.rest("POST", f"/v1/channels/{made['id']}/join")
    return str(made["id"])


async def post(user: User, channel: str, text: str, **more: object) -> dict[str, object]:
    status, made = await user.rest(
        "POST", f"/v1/channels/{channel}/messages", {"text": text, **more}
    )
    assert status == 201, made
    return dict(made)


async def told(socket: Socket) -> notifying.NotificationCreated:
    body = (await socket.event("notification.created")).body
    assert isinstance(body, notifying.NotificationCreated)
    return body


async def read(socket: Socket) -> notifying.NotificationsRead:
    body = (await socket.event("notification.read")).body
    assert isinstance(body, notifying.NotificationsRead)
    return body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_mention_is_told_to_all_sessions_and_read_in_all(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    desk, phone = [await bob.connect(host, codec=codec) for host in cluster.hosts]
    first = await post(ann, channel, f"hi @{bob.handle}")
    made, also = await told(desk), await told(phone)
    assert made == also
    one = made.notification
    assert (one.kind, one.channel, one.message, one.by) == ("mention", channel, first["id"], ann.id)
    assert (one.excerpt, made.unread) == (f"hi @{bob.handle}", 1)
    await post(ann, channel, f"again @{bob.handle}")
    assert [(await told(socket)).unread for socket in (desk, phone)] == [2, 2]

    late = await bob.connect(cluster.hosts[0], codec=codec)
    assert late.ready.notifications.unread == 2
    reply = await desk.command(
        "notification.read", notifying.NotificationRead(notifications=(one.id,))
    )
    assert reply_body("notification.read", reply.body) == notifying.NotificationsLeft(unread=1)
    assert await read(phone) == notifying.NotificationsRead(notifications=(one.id,), unread=1)

    await desk.command("channel.read", frames.ChannelRead(channel=channel, seq=2))
    assert (await read(late)).unread == 1, "the one before"
    assert (await read(late)).unread == 0
    reply = await late.command("notification.list", notifying.NotificationList())
    page = reply_body("notification.list", reply.body)
    assert isinstance(page, notifying.NotificationPage)
    assert [item.read_at is None for item in page.items] == [False, False]
    for socket in (desk, phone, late):
        await socket.close()


async def test_replies_directs_being_added_edits_and_deletions(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann)
    his = await bob.connect(cluster.hosts[1], codec=MSGPACK)
    await ann.rest("POST", f"/v1/channels/{channel}/members", {"users": [bob.id]})
    assert (await told(his)).notification.kind == "added"

    root = await post(bob, channel, "root")
    reply = await post(ann, channel, "reply", thread=root["id"])
    made = await told(his)
    assert (made.notification.kind, made.notification.thread) == ("reply", root["id"])
    await ann.rest("DELETE", f"/v1/channels/{channel}/messages/{reply['id']}")
    assert (await read(his)).notifications == (made.notification.id,)

    plain = await post(ann, channel, "plain")
    path = f"/v1/channels/{channel}/messages/{plain['id']}"
    await ann.rest("PATCH", path, {"text": f"now @{bob.handle}"})
    mention = (await told(his)).notification
    assert (mention.kind, mention.message) == ("mention", plain["id"])

    _, direct = await ann.rest("POST", "/v1/directs", {"users": [bob.id]})
    await post(ann, direct["id"], "one")
    one = (await told(his)).notification
    await post(ann, direct["id"], "two")
    two = (await told(his)).notification
    assert (one.kind, one.id, two.excerpt) == ("direct", two.id, "two")
    _, page = await bob.rest("GET", "/v1/notifications")
    assert [item["kind"] for item in page["items"]] == ["direct", "mention", "added"]
    await his.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    hers = await bob.connect(cluster.hosts[0], codec=JSON)
    for text in ("one", "two", "three"):
        await post(ann, channel, f"{text} @{bob.handle}")
        await told(hers)
    _, first = await bob.rest("GET", "/v1/notifications?limit=2")
    _, rest = await bob.rest("GET", f"/v1/notifications?limit=2&cursor={first['next_cursor']}")
    items = first["items"] + rest["items"]
    assert [item["excerpt"].split()[0] for item in items] == ["three", "two", "one"]
    assert "next_cursor" not in rest
    middle = items[1]["id"]
    answer = await bob.rest("POST", "/v1/notifications/read", {"up_to": middle})
    assert answer == (200, {"unread": 1})
    status, problem = await ann.rest("POST", "/v1/notifications/read", {"up_to": middle})
    assert (status, problem["code"]) == (404, "not_found")
    for body in ({}, {"up_to": middle, "notifications": [middle]}):
        status, problem = await bob.rest("POST", "/v1/notifications/read", body)
        assert (status, problem["field"]) == (400, "notifications")
    assert (await bob.rest("GET", "/v1/notifications?cursor=x"))[1]["field"] == "cursor"
    await hers.close()


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_muted_channel_is_muted_in_all_sessions(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob, stranger = [await cluster.user() for _ in range(3)]
    channel, other = await channel_of(ann, bob), await channel_of(ann, bob)
    desk, phone = [await bob.connect(host, codec=codec) for host in cluster.hosts]
    body = notifying.ChannelNotify(channel=channel, level="none")
    reply = await desk.command("channel.notify", body)
    state = reply_body("channel.notify", reply.body)
    assert state == notifying.NotifyState(channel=channel, level="none")
    assert (await phone.event("notify.updated")).body == state
    await post(ann, channel, f"quiet @{bob.handle}")
    await post(ann, other, f"loud @{bob.handle}")
    assert (await told(phone)).notification.channel == other
    late = await bob.connect(cluster.hosts[0], codec=codec)
    assert {one.id: one.notify for one in late.ready.channels} == {channel: "none", other: None}
    _, got = await bob.rest("GET", f"/v1/channels/{channel}")
    _, listed = await bob.rest("GET", "/v1/channels")
    shown = {one["id"]: one.get("notify") for one in listed["items"]}
    assert (got["notify"], shown[channel], shown[other]) == ("none", "none", None)
    assert "notify" not in (await ann.rest("GET", f"/v1/channels/{channel}"))[1]
    _, problem = await stranger.rest("PUT", f"/v1/channels/{channel}/notify", {"level": "none"})
    assert problem["code"] == "not_found"
    for socket in (desk, phone, late):
        await socket.close()


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_markers_of_threads_are_told_to_ones_other_sessions(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    root = await post(ann, channel, "root")
    reply = await post(bob, channel, "reply", thread=root["id"])
    phone = await ann.connect(cluster.hosts[1], codec=codec)
    path = f"/v1/channels/{channel}/messages/{root['id']}/thread"
    for method, where, body, expected in (
        ("POST", f"{path}/read", {"seq": reply["seq"]}, (True, 0)),
        ("PUT", path, {"following": False}, (False, 0)),
    ):
        await ann.rest(method, where, body)
        thread = (await phone.event("thread.updated")).body
        assert isinstance(thread, frames.ThreadObject)
        assert (thread.root.id, thread.following, thread.unread) == (root["id"], *expected)
        if body.get("seq"):
            assert (await read(phone)).unread == 0, "of the reply"
    await phone.close()


async def test_the_sdk_lists_reads_and_hears(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    urls = [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=bob.handle, password=PASSWORD) as desk,
        StreamHubClient(urls[1], login=bob.handle, password=PASSWORD) as phone,
    ):
        await post(ann, channel, f"hi @{bob.handle}")
        made = await _first(phone, Notified)
        assert isinstance(made, Notified)
        assert (await desk.notifications()).items == (made.notification,)
        id = made.notification.id
        assert (await desk.read_notifications([id])).unread == 0
        assert await _first(phone, NotificationsRead) == NotificationsRead((id,), 0)
        state = await desk.notify(channel, "none", until_at=2**52)
        assert await _first(phone, NotifyUpdated) == NotifyUpdated(state)


async def _first(client: StreamHubClient, kind: type[ClientEvent]) -> ClientEvent | None:
    async for event in client.events():
        if isinstance(event, kind):
            return event
    return None


async def test_notifications_go_with_the_account(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    his = await bob.connect(cluster.hosts[0])
    await post(ann, channel, f"hi @{bob.handle}")
    await told(his)
    await bob.rest("PUT", f"/v1/channels/{channel}/notify", {"level": "all"})
    await his.close()
    counts = [
        f"SELECT count(*) FROM {table} WHERE user_id = $1"  # noqa: S608 - one of two names
        for table in ("notifications", "notify_levels")
    ]
    assert [await cluster.pool.fetchval(count, bob.id) for count in counts] == [1, 1]
    url, mine = f"{cluster.hosts[0].url}/v1/me/delete", {"Authorization": f"Bearer {bob.token}"}
    proof = {"current_password": PASSWORD}
    async with cluster.http.post(url, json=proof, headers=mine) as answer:
        assert answer.status == 204
    assert [await cluster.pool.fetchval(count, bob.id) for count in counts] == [0, 0]
