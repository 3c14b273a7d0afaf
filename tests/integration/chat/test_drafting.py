"""Drafts: the same in all of one's sessions, on all hosts."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster

from streamhub.client import DraftUpdated, StreamHubClient
from streamhub.protocol import drafting
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_what_one_writes_is_seen_in_ones_other_sessions(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"})
    await bob.rest("POST", f"/v1/channels/{made['id']}/join")
    desk, phone = [await ann.connect(host, codec=codec) for host in cluster.hosts]
    his = await bob.connect(cluster.hosts[1], codec=codec)
    for text in ("I have", "I have been", ""):
        body = drafting.DraftSet(channel=made["id"], text=text)
        reply = await desk.command("draft.set", body)
        kept = reply_body("draft.set", reply.body)
        assert isinstance(kept, drafting.DraftObject)
        assert (kept.channel, kept.text) == (made["id"], text)
        assert (await phone.event("draft.updated")).body == kept
    await ann.rest("POST", f"/v1/channels/{made['id']}/messages", {"text": "end"})
    await his.event("message.created")
    assert not [event for event in his.seen if event.name == "draft.updated"], "it is her own"
    for socket in (desk, phone, his):
        await socket.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, stranger = await cluster.user(), await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    path = f"/v1/channels/{made['id']}"
    _, root = await ann.rest("POST", f"{path}/messages", {"text": "root"})
    assert (await ann.rest("PUT", f"{path}/draft", {"text": "a"}))[0] == 200
    reply = {"text": "b", "thread": root["id"]}
    assert (await ann.rest("PUT", f"{path}/draft", reply))[1]["thread"] == root["id"]
    _, first = await ann.rest("GET", "/v1/drafts?limit=1")
    _, rest = await ann.rest("GET", f"/v1/drafts?limit=1&cursor={first['next_cursor']}")
    assert [one["text"] for one in first["items"] + rest["items"]] == ["b", "a"]
    status, problem = await stranger.rest("PUT", f"{path}/draft", {"text": "a"})
    assert (status, problem["code"]) == (404, "not_found")
    for body, code in (
        ({"text": "a" * 16_001}, "bad_request"),
        ({"text": "\u0000"}, "invalid_text"),
        ({}, "bad_request"),
    ):
        status, problem = await ann.rest("PUT", f"{path}/draft", body)
        assert (problem["code"], problem["field"]) == (code, "text"), problem
    assert (await ann.rest("GET", "/v1/drafts?cursor=x"))[1]["field"] == "cursor"


async def test_drafts_go_with_the_account(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    await ann.rest("PUT", f"/v1/channels/{made['id']}/draft", {"text": "a"})
    count = "SELECT count(*) FROM drafts WHERE user_id = $1"
    assert await cluster.pool.fetchval(count, ann.id) == 1
    url, mine = f"{cluster.hosts[0].url}/v1/me/delete", {"Authorization": f"Bearer {ann.token}"}
    proof = {"current_password": PASSWORD}
    async with cluster.http.post(url, json=proof, headers=mine) as answer:
        assert answer.status == 204
    assert await cluster.pool.fetchval(count, ann.id) == 0


async def test_the_sdk_keeps_and_hears(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    urls = [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as desk,
        StreamHubClient(urls[1], login=ann.handle, password=PASSWORD) as phone,
    ):
        kept = await desk.set_draft(made["id"], "hm")
        async for event in phone.events():
            if isinstance(event, DraftUpdated):
                break
        assert event == DraftUpdated(kept)
        assert (await phone.drafts()).items == (kept,)
