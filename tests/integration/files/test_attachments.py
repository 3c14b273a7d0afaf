"""Files attached to messages: who may read the message may read them."""

from typing import Any

import asyncpg
import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, User
from support.uploads import Uploader, content

from streamhub.client import StreamHubClient
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.files import _READABLE
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def room(owner: User, *members: User, **more: Any) -> str:
    body = {"name": "a", "visibility": "private", **more}
    _, made = await owner.rest("POST", "/v1/channels", body)
    users = {"users": [member.id for member in members]}
    if members:
        status, answer = await owner.rest("POST", f"/v1/channels/{made['id']}/members", users)
        assert status == 200, answer
    return str(made["id"])


async def put(user: User, name: str = "a.bin") -> str:
    status, file = await Uploader(user).put(content(1000), name)
    assert status == 201, file
    return str(file["id"])


async def can_read(user: User, file: str) -> bool:
    answer, got = await Uploader(user).content(file)
    about, _ = await Uploader(user).call("GET", f"/v1/files/{file}")
    assert answer.status == about.status
    assert answer.status == 404 or got == content(1000)
    return answer.status == 200


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_members_read_what_is_attached(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    channel, file = await room(ann, bob), await put(ann)
    assert not await can_read(bob, file)
    listening = await bob.connect(cluster.hosts[1], codec=codec)
    socket = await ann.connect(codec=codec)
    body = frames.MessageSend(channel=channel, files=(file,))
    reply = await socket.command("message.send", body, key="one")
    receipt = reply_body("message.send", reply.body)
    assert isinstance(receipt, frames.Receipt)
    event = await listening.event("message.created")
    assert isinstance(event.body, frames.MessageEvent)
    assert (event.body.message.text, event.body.message.files) == ("", (file,))
    again = await socket.command("message.send", body, key="one")
    assert again.body == reply.body
    other = frames.MessageSend(channel=channel, files=(), text="x")
    reused = await socket.command("message.send", other, key="one")
    assert reused.problem is not None
    assert reused.problem.code == "key_reused"
    assert await can_read(bob, file)
    assert not await can_read(eve, file)
    answer, _ = await Uploader(bob).call("DELETE", f"/v1/files/{file}")
    assert answer.status == 404, "to read is not to own"


async def test_what_takes_the_access_away(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel, file = await room(ann, bob), await put(ann)
    path = f"/v1/channels/{channel}/messages"
    _, first = await ann.rest("POST", path, {"text": "one", "files": [file]})
    _, second = await ann.rest("POST", path, {"text": "two", "files": [file]})
    await ann.rest("DELETE", f"{path}/{first['id']}")
    assert await can_read(bob, file), "the other message has it, too"
    await ann.rest("DELETE", f"{path}/{second['id']}")
    assert not await can_read(bob, file)
    assert await can_read(ann, file)
    _, third = await ann.rest("POST", path, {"text": "three", "files": [file]})
    await ann.rest("PATCH", f"{path}/{third['id']}", {"text": "edited"})
    assert await can_read(bob, file), "an edit keeps them"
    await Uploader(ann).call("DELETE", f"/v1/files/{file}")
    assert not await can_read(bob, file), "it is in the trash"
    await ann.rest("POST", f"/v1/files/{file}/restore")
    await ann.rest("DELETE", f"/v1/channels/{channel}/members/{bob.id}")
    assert not await can_read(bob, file), "who left reads nothing"


async def test_who_came_later_reads_what_they_see(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel, before, after = await room(ann), await put(ann), await put(ann)
    path = f"/v1/channels/{channel}"
    await ann.rest("POST", f"{path}/messages", {"files": [before]})
    await ann.rest("POST", f"{path}/members", {"users": [bob.id]})
    await ann.rest("POST", f"{path}/messages", {"files": [after]})
    assert not await can_read(bob, before)
    assert await can_read(bob, after)


async def test_only_ones_own_files_can_be_attached(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel, hers, trashed = await room(ann, bob), await put(ann), await put(bob)
    await Uploader(bob).call("DELETE", f"/v1/files/{trashed}")
    path, mine = f"/v1/channels/{channel}/messages", await put(bob)
    problems = []
    for file in (hers, trashed, "fi_" + "0" * 26):
        status, problem = await bob.rest("POST", path, {"text": "x", "files": [mine, file]})
        problems.append((status, problem["code"], problem["detail"], problem["field"]))
    assert set(problems) == {(404, "not_found", "you have no such file", "files[1]")}
    for wrong, field in (({"files": [mine] * 11}, "files"), ({}, "text"), ({"text": ""}, "text")):
        status, problem = await bob.rest("POST", path, wrong)
        assert (status, problem["code"], problem["field"]) == (400, "bad_request", field)
    status, problem = await bob.rest("POST", path, {"files": [mine, mine]})
    assert (status, problem["field"]) == (404, "files[1]")


async def test_replies_have_files_and_the_sdk_sends_them(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel, file = await room(ann, bob), await put(ann)
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as client:
        root = await client.send(channel, "look")
        reply = await client.send(channel, "here @everybody", thread=root.id, files=[file])
        found = await client.message(channel, reply.id)
    assert found.files == (file,)
    assert await can_read(bob, file)


async def test_what_is_attached_is_found_by_its_index(
    cluster: ChatCluster, servers: EmbeddedUrls
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel, file = await room(ann, bob), await put(ann)
    await ann.rest("POST", f"/v1/channels/{channel}/messages", {"files": [file]})
    connection = await asyncpg.connect(servers.postgres)
    await connection.execute("SET enable_seqscan = off")
    await connection.execute(f"PREPARE readable(text, text) AS {_READABLE}")
    plan = await connection.fetch(f"EXPLAIN EXECUTE readable('{file}', '{bob.id}')")
    await connection.close()
    assert any("messages_files" in row[0] for row in plan), plan
