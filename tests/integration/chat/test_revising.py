"""Editing, deleting, reacting and pinning: over sockets in both encodings, and over REST."""

from typing import Any

import pytest
from support.chat_hosts import JSON, MSGPACK, ChatCluster, Socket, User

from streamhub.protocol import frames, revising
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def done(socket: Socket, name: str, body: frames.Incoming) -> Any:
    reply = await socket.command(name, body)
    assert reply.problem is None, reply.problem
    return reply_body(name, reply.body)


async def changed(socket: Socket, name: str) -> frames.MessageObject:
    event = await socket.event(name)
    assert isinstance(event.body, frames.MessageEvent)
    assert event.rev == event.body.message.rev
    return event.body.message


async def channel_of(owner: User, *members: User, visibility: str = "public") -> str:
    made = {"name": "general", "visibility": visibility}
    _, channel = await owner.rest("POST", "/v1/channels", made)
    if members:
        users = {"users": [member.id for member in members]}
        await owner.rest("POST", f"/v1/channels/{channel['id']}/members", users)
    return str(channel["id"])


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_what_happens_to_a_message_is_told_whole(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    channel = await channel_of(ann, bob)
    mine = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    sent = frames.MessageSend(channel=channel, text="one")
    receipt = await done(mine, "message.send", sent)
    about = {"channel": channel, "message": receipt.id}
    edit = revising.MessageEdit(**about, text=f"hi @{bob.handle}")
    edited = await done(mine, "message.edit", edit)
    assert edited == await changed(his, "message.updated")
    assert (edited.text, edited.seq, edited.rev) == (edit.text, receipt.seq, receipt.rev + 1)
    assert edited.entities[0].user == bob.id
    assert edited.edited_at is not None
    editions = await done(mine, "message.editions", revising.MessageEditions(**about))
    assert [one.text for one in editions.items] == ["one"]
    assert editions.items[0].written_at == receipt.created_at

    await done(his, "reaction.add", revising.ReactionAdd(**about, reaction="\U0001f44d"))
    reacted = await changed(his, "message.updated")
    assert reacted.reactions == (
        frames.ReactionObject(reaction="\U0001f44d", count=1, users=(bob.id,)),
    )
    await done(his, "reaction.remove", revising.ReactionRemove(**about, reaction="\U0001f44d"))
    assert (await changed(his, "message.updated")).reactions == ()

    pinned = await done(his, "pin.add", revising.PinAdd(**about))
    assert (pinned.pinned_by, pinned) == (bob.id, await changed(his, "message.updated"))
    pins = await done(mine, "pin.list", revising.PinList(channel=channel))
    assert (pins.items, pins.next_cursor) == ((pinned,), None)
    unpinned = await done(mine, "pin.remove", revising.PinRemove(**about))
    assert (unpinned.pinned_at, unpinned) == (None, await changed(his, "message.updated"))

    gone = await done(mine, "message.delete", revising.MessageDelete(**about))
    assert gone == await changed(his, "message.deleted")
    assert (gone.deleted, gone.text, gone.entities, gone.nth) == (True, None, (), 1)
    snapshot = await done(his, "message.history", frames.MessageHistory(channel=channel))
    assert snapshot.items == (gone,)
    synced = await done(his, "channel.sync", frames.ChannelSync(channel=channel, rev=receipt.rev))
    assert (synced.messages, synced.to_rev) == ((gone,), gone.rev)
    await mine.close()
    await his.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    path = f"/v1/channels/{channel}"
    _, receipt = await ann.rest("POST", f"{path}/messages", {"text": "one"})
    message = f"{path}/messages/{receipt['id']}"
    status, edited = await ann.rest("PATCH", message, {"text": "two"})
    assert (status, edited["text"], edited["rev"]) == (200, "two", receipt["rev"] + 1)
    assert (await ann.rest("PATCH", message, {"text": "two"}))[1] == edited
    assert (await ann.rest("GET", f"{message}/editions"))[1]["items"][0]["text"] == "one"
    assert await bob.rest("PUT", f"{message}/reactions/%2B1") == (200, {})
    assert await bob.rest("PUT", f"{message}/reactions/%2B1") == (200, {})
    _, found = await ann.rest("GET", message)
    assert found["reactions"] == [{"reaction": "+1", "count": 1, "users": [bob.id]}]
    assert found["rev"] == edited["rev"] + 1
    assert (await bob.rest("DELETE", f"{message}/reactions/%2B1"))[0] == 200
    status, pinned = await bob.rest("PUT", f"{message}/pin")
    assert (status, pinned["pinned_by"]) == (200, bob.id)
    assert (await ann.rest("GET", f"{path}/pins"))[1] == {"items": [pinned]}
    assert "pinned_at" not in (await ann.rest("DELETE", f"{message}/pin"))[1]
    status, gone = await ann.rest("DELETE", message)
    assert (status, gone["deleted"], "text" in gone) == (200, True, False)
    assert (await ann.rest("GET", f"{message}/editions"))[1] == {"items": []}
    status, problem = await ann.rest("PATCH", message, {"text": "three"})
    assert (status, problem["code"], problem["field"]) == (410, "gone", "message")


async def test_a_key_gives_the_first_answer_again(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    path = f"/v1/channels/{await channel_of(ann)}/messages"
    _, receipt = await ann.rest("POST", path, {"text": "one"})
    once = {"Idempotency-Key": "once"}
    path += f"/{receipt['id']}"
    first = await ann.rest("PATCH", path, {"text": "two"}, headers=once)
    await ann.rest("PATCH", path, {"text": "three"})
    assert await ann.rest("PATCH", path, {"text": "two"}, headers=once) == first
    assert (await ann.rest("GET", path))[1]["text"] == "three"
    other = await ann.rest("PATCH", path, {"text": "four"}, headers=once)
    assert (other[0], other[1]["code"]) == (409, "key_reused")


async def test_who_may_edit_delete_and_read_what_was_said(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    channel = await channel_of(ann, bob, eve)
    path = f"/v1/channels/{channel}/messages"
    _, receipt = await bob.rest("POST", path, {"text": "one"})
    message = f"{path}/{receipt['id']}"
    await bob.rest("PATCH", message, {"text": "two"})
    for user in (ann, eve):
        assert (await user.rest("PATCH", message, {"text": "x"}))[1]["code"] == "forbidden"
    assert (await eve.rest("DELETE", message))[1]["code"] == "forbidden"
    assert (await eve.rest("GET", f"{message}/editions"))[1]["code"] == "forbidden"
    assert len((await ann.rest("GET", f"{message}/editions"))[1]["items"]) == 1, "she owns it"
    elsewhere = f"/v1/channels/{await channel_of(bob)}/messages/{receipt['id']}"
    for method, rest in (("PATCH", ""), ("DELETE", ""), ("GET", "/editions"), ("PUT", "/pin")):
        body = {"text": "x"} if method == "PATCH" else None
        status, problem = await bob.rest(method, elsewhere + rest, body)
        assert (status, problem["code"]) == (404, "not_found")
    assert (await ann.rest("DELETE", message))[0] == 200


async def test_what_was_before_one_joined_cannot_be_touched(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, visibility="private")
    path = f"/v1/channels/{channel}"
    _, old = await ann.rest("POST", f"{path}/messages", {"text": "old"})
    await ann.rest("POST", f"{path}/members", {"users": [bob.id]})
    his = await bob.connect()
    for method, rest in (
        ("PUT", "/reactions/a"),
        ("PUT", "/pin"),
        ("DELETE", ""),
        ("GET", "/editions"),
    ):
        status, problem = await bob.rest(method, f"{path}/messages/{old['id']}{rest}")
        assert (status, problem["code"]) == (404, "not_found"), rest
    await ann.rest("PATCH", f"{path}/messages/{old['id']}", {"text": "still secret"})
    skipped = await his.event("rev.skipped")
    assert (skipped.body, skipped.rev) == (frames.ChannelRef(channel=channel), old["rev"] + 2)
    _, new = await ann.rest("POST", f"{path}/messages", {"text": "new"})
    created = await his.event("message.created")
    assert created.rev == new["rev"] == old["rev"] + 3
    await his.close()


@pytest.mark.parametrize(
    "reaction", ["", " ", "a b", "x" * 65, "tab\t", "nul\0", "\u202eevil", "\u2066", "\ufeff"]
)
async def test_what_is_no_reaction_is_refused(cluster: ChatCluster, reaction: str) -> None:
    ann = await cluster.user()
    channel = await channel_of(ann)
    socket = await ann.connect(codec=JSON)
    receipt = await done(socket, "message.send", frames.MessageSend(channel=channel, text="x"))
    body = revising.ReactionAdd(channel=channel, message=receipt.id, reaction=reaction)
    reply = await socket.command("reaction.add", body)
    assert reply.problem is not None
    assert reply.problem.code in ("bad_request", "invalid_text")
    assert reply.problem.field == "reaction"
    await socket.close()


async def test_a_mention_that_is_deleted_is_counted_no_more(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    his = await bob.connect()
    path = f"/v1/channels/{channel}/messages"
    _, receipt = await ann.rest("POST", path, {"text": f"@{bob.handle}"})
    told = await his.event("read.updated")
    assert isinstance(told.body, frames.ReadState)
    assert (told.body.unread, told.body.mentions) == (1, 1)
    await ann.rest("DELETE", f"{path}/{receipt['id']}")
    told = await his.event("read.updated")
    assert isinstance(told.body, frames.ReadState)
    assert (told.body.unread, told.body.mentions) == (1, 0), "unread stays: nth - read_nth"
    await his.close()
