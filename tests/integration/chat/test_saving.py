"""Saved messages: over sockets in both encodings, over REST, and by the SDK."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster

from streamhub.client import StreamHubClient
from streamhub.protocol import frames, saving
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_message_is_saved_for_oneself(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    path = f"/v1/channels/{made['id']}"
    await bob.rest("POST", f"{path}/join")
    _, sent = await ann.rest("POST", f"{path}/messages", {"text": "keep this"})
    socket = await bob.connect(cluster.hosts[1], codec=codec)
    saved = saving.MessageSave(channel=made["id"], message=sent["id"])
    assert (await socket.command("message.save", saved)).problem is None
    reply = await socket.command("message.saved", saving.MessageSaved())
    page = reply_body("message.saved", reply.body)
    assert isinstance(page, frames.SavedPage)
    ((item,), cursor) = page.items, page.next_cursor
    assert (item.message.text, cursor) == ("keep this", None)
    assert item.saved_at >= item.message.created_at
    assert (await ann.rest("GET", "/v1/saved"))[1] == {"items": []}
    unsaved = saving.MessageUnsave(channel=made["id"], message=sent["id"])
    for _ in range(2):
        assert (await socket.command("message.unsave", unsaved)).problem is None
    assert (await bob.rest("GET", "/v1/saved"))[1] == {"items": []}
    await socket.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, stranger = await cluster.user(), await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    path = f"/v1/channels/{made['id']}/messages"
    ids = [(await ann.rest("POST", path, {"text": text}))[1]["id"] for text in "abc"]
    for id in ids:
        assert (await ann.rest("PUT", f"{path}/{id}/saved"))[0] == 200
    _, first = await ann.rest("GET", "/v1/saved?limit=2")
    _, rest = await ann.rest("GET", f"/v1/saved?limit=2&cursor={first['next_cursor']}")
    assert sorted(one["message"]["text"] for one in first["items"] + rest["items"]) == [*"abc"]
    assert (await ann.rest("DELETE", f"{path}/{ids[0]}/saved"))[0] == 200
    assert len((await ann.rest("GET", "/v1/saved"))[1]["items"]) == 2
    for method in ("PUT", "DELETE"):
        status, problem = await stranger.rest(method, f"{path}/{ids[1]}/saved")
        assert (status, problem["code"]) == (404, "not_found")
    status, problem = await ann.rest("GET", "/v1/saved?cursor=x")
    assert (status, problem["field"]) == (400, "cursor")


async def test_the_list_goes_with_the_account(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    path = f"/v1/channels/{made['id']}/messages"
    _, sent = await ann.rest("POST", path, {"text": "a"})
    await ann.rest("PUT", f"{path}/{sent['id']}/saved")
    count = "SELECT count(*) FROM saved_messages WHERE user_id = $1"
    assert await cluster.pool.fetchval(count, ann.id) == 1
    url, mine = f"{cluster.hosts[0].url}/v1/me/delete", {"Authorization": f"Bearer {ann.token}"}
    proof = {"current_password": PASSWORD}
    async with cluster.http.post(url, json=proof, headers=mine) as answer:
        assert answer.status == 204
    assert await cluster.pool.fetchval(count, ann.id) == 0


async def test_the_sdk_saves_and_lists(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as client:
        receipt = await client.send(made["id"], "hi")
        await client.save_message(made["id"], receipt.id)
        (one,) = (await client.saved()).items
        assert one.message.text == "hi"
        await client.unsave_message(made["id"], receipt.id)
        assert (await client.saved()).items == ()
