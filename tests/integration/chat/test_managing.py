"""Owning and moderating a channel: over sockets in both encodings, over REST, and by the SDK."""

import time
from typing import Any

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, Socket, User

from streamhub.client import ChannelUpdated, Refused, StreamHubClient
from streamhub.domain.access import Role
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.protocol import frames, managing, revising
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body
from streamhub.protocol.scalars import MAX_INT


async def done(socket: Socket, name: str, body: frames.Incoming) -> Any:
    reply = await socket.command(name, body)
    assert reply.problem is None, reply.problem
    return reply_body(name, reply.body)


async def refused(socket: Socket, name: str, body: frames.Incoming) -> frames.Problem:
    reply = await socket.command(name, body)
    assert reply.problem is not None, reply.body
    return reply.problem


async def members_told(socket: Socket, name: str) -> tuple[frames.MemberObject, ...]:
    event = await socket.event(name)
    assert isinstance(event.body, frames.MemberEvent)
    return event.body.members


async def room(owner: User, *others: User, **fields: Any) -> str:
    body = {"name": "general", "visibility": "public", **fields}
    status, made = await owner.rest("POST", "/v1/channels", body)
    assert status == 201, made
    if others:
        users = {"users": [one.id for one in others]}
        assert (await owner.rest("POST", f"/v1/channels/{made['id']}/members", users))[0] == 200
    return str(made["id"])


def silence(channel: str, user: User, until_at: int) -> managing.MemberUpdate:
    return managing.MemberUpdate(channel=channel, user=user.id, muted_until_at=until_at)


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_channel_is_changed_and_archived(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    channel = await room(ann, bob)
    hers = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    update = managing.ChannelUpdate(
        channel=channel, name="renamed", topic="why", announcers="moderators"
    )
    changed = await done(hers, "channel.update", update)
    assert (changed.name, changed.topic, changed.announcers) == ("renamed", "why", "moderators")
    event = await his.event("channel.updated")
    assert (event.body, event.rev) == (frames.ChannelEvent(channel=changed), changed.rev)
    assert await done(his, "channel.get", frames.ChannelGet(channel=channel)) == changed
    synced = await done(
        his, "channel.sync", frames.ChannelSync(channel=channel, rev=changed.rev - 1)
    )
    assert (synced.info, synced.to_rev) == (changed, changed.rev)
    assert (await refused(his, "channel.update", update)).code == "forbidden"
    archive = managing.ChannelArchive(channel=channel)
    assert (await refused(his, "channel.archive", archive)).code == "forbidden"

    closed = await done(hers, "channel.archive", archive)
    assert closed.archived
    assert (await his.event("channel.archived")).body == frames.ChannelEvent(channel=closed)
    send = frames.MessageSend(channel=channel, text="too late")
    assert (await refused(hers, "message.send", send)).code == "channel_archived"
    again = managing.ChannelArchive(channel=channel, archived=False)
    assert not (await done(hers, "channel.archive", again)).archived
    assert not (await his.event("channel.updated")).body.channel.archived  # type: ignore[attr-defined]
    await done(his, "message.send", frames.MessageSend(channel=channel, text="back"))
    await hers.close()
    await his.close()


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_roles_mutes_and_bans(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob, carol = [await cluster.user() for _ in range(3)]
    channel = await room(ann, bob, carol)
    hers = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    carols = await carol.connect(cluster.hosts[1], codec=codec)
    of_carol = {"channel": channel, "user": carol.id}
    mute = silence(channel, carol, MAX_INT)
    assert (await refused(his, "member.update", mute)).code == "forbidden"
    promote = managing.MemberUpdate(channel=channel, user=bob.id, role="moderator")
    (member,) = (await done(hers, "member.update", promote)).members
    assert (member.user, member.role) == (bob.id, "moderator")
    assert await members_told(carols, "member.updated") == (member,)
    assert await members_told(his, "member.updated") == (member,)

    (muted,) = (await done(his, "member.update", mute)).members
    assert muted.muted_until_at == MAX_INT
    assert await members_told(carols, "member.updated") == (muted,)
    send = frames.MessageSend(channel=channel, text="may I?")
    assert (await refused(carols, "message.send", send)).code == "muted"
    receipt = await done(hers, "message.send", frames.MessageSend(channel=channel, text="no"))
    react = revising.ReactionAdd(channel=channel, message=receipt.id, reaction="-1")
    assert (await refused(carols, "reaction.add", react)).code == "muted"
    soon = int(time.time() * 1000) + 60_000
    await done(his, "member.update", silence(channel, carol, soon))
    left = (await refused(carols, "message.send", send)).retry_after_ms
    assert left is not None
    assert 0 < left <= 60_000
    await done(his, "member.update", silence(channel, carol, 0))
    await done(carols, "message.send", send)

    (gone,) = (await done(his, "member.ban", managing.MemberBan(**of_carol))).members
    assert (gone.left, gone.banned) == (True, True)
    assert await members_told(carols, "member.left") == (gone,)
    assert (await refused(carols, "message.send", send)).code == "not_a_member"
    join = frames.ChannelJoin(channel=channel)
    problem = await refused(carols, "channel.join", join)
    assert (problem.code, problem.detail) == ("forbidden", "you are banned from this channel")
    add = frames.MemberAdd(channel=channel, users=(carol.id,))
    assert (await refused(hers, "member.add", add)).field == "users[0]"
    banned = managing.MemberBanned(channel=channel)
    assert (await done(his, "member.banned", banned)).items == (gone,)
    (back,) = (await done(his, "member.unban", managing.MemberUnban(**of_carol))).members
    assert (back.left, back.banned) == (True, False)
    assert (await done(hers, "member.banned", banned)).items == ()
    await done(carols, "channel.join", join)
    assert (await refused(carols, "member.banned", banned)).code == "forbidden"
    for socket in (hers, his, carols):
        await socket.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, bob, stranger = [await cluster.user() for _ in range(3)]
    channel = await room(ann, bob, visibility="private")
    path = f"/v1/channels/{channel}"
    status, changed = await ann.rest("PATCH", path, {"topic": "why", "history": "all"})
    assert (status, changed["topic"], "history" in changed) == (200, "why", False)
    status, member = await ann.rest("PATCH", f"{path}/members/{bob.id}", {"role": "moderator"})
    assert (status, member["members"][0]["role"]) == (200, "moderator")
    status, gone = await ann.rest("PUT", f"{path}/bans/{bob.id}")
    assert (status, gone["members"][0]["banned"]) == (200, True)
    _, listed = await ann.rest("GET", f"{path}/bans")
    assert [one["user"] for one in listed["items"]] == [bob.id]
    assert (await ann.rest("DELETE", f"{path}/bans/{bob.id}"))[0] == 200
    assert (await ann.rest("POST", f"{path}/archive", {}))[1]["archived"]
    for method, tail, body in (
        ("PATCH", "", {"topic": "x"}),
        ("POST", "/archive", {}),
        ("PATCH", f"/members/{bob.id}", {"role": "owner"}),
        ("PUT", f"/bans/{bob.id}", None),
        ("DELETE", f"/bans/{bob.id}", None),
        ("GET", "/bans", None),
    ):
        status, problem = await stranger.rest(method, path + tail, body)
        assert (status, problem["code"]) == (404, "not_found"), (method, tail)


@pytest.mark.parametrize(
    ("method", "tail", "body", "code", "field"),
    [
        ("PATCH", "", {"slow_mode_s": 21_601}, "bad_request", "slow_mode_s"),
        ("PATCH", "", {"slow_mode_s": -1}, "bad_request", "slow_mode_s"),
        ("PATCH", "", {"history": "some"}, "bad_request", "history"),
        ("PATCH", "", {"history": "joined"}, "bad_request", "history"),
        ("PATCH", "", {"name": ""}, "bad_request", "name"),
        ("PATCH", "", {"topic": "a\u0000"}, "invalid_text", "topic"),
        ("PATCH", "/members/{me}", {}, "bad_request", None),
        ("PATCH", "/members/{me}", {"role": "owner", "muted_until_at": 1}, "bad_request", None),
        ("PATCH", "/members/{me}", {"role": "king"}, "bad_request", "role"),
        ("PATCH", "/members/{me}", {"role": "member"}, "conflict", "role"),
        ("PUT", "/bans/{me}", None, "forbidden", "users[0]"),
        ("PUT", "/bans/us_01kc3v9n8c1d3e5f7g9hajbkcm", None, "not_found", "user"),
        ("GET", "/bans?cursor=x", None, "bad_request", "cursor"),
    ],
)
async def test_bad_input(
    cluster: ChatCluster, method: str, tail: str, body: Any, code: str, field: str | None
) -> None:
    ann = await cluster.user()
    path = f"/v1/channels/{await room(ann)}{tail.replace('{me}', ann.id)}"
    _, problem = await ann.rest(method, path, body)
    assert (problem["code"], problem.get("field")) == (code, field), problem


async def test_what_joins_a_private_channel_sees(cluster: ChatCluster) -> None:
    ann, bob, carol = [await cluster.user() for _ in range(3)]
    channel = await room(ann, visibility="private")
    path = f"/v1/channels/{channel}"
    await ann.rest("POST", f"{path}/messages", {"text": "before"})
    await ann.rest("POST", f"{path}/members", {"users": [bob.id]})
    assert (await bob.rest("GET", f"{path}/messages"))[1]["items"] == []
    assert (await ann.rest("GET", path))[1]["history"] == "joined"
    await ann.rest("PATCH", path, {"history": "all"})
    await ann.rest("POST", f"{path}/members", {"users": [carol.id]})
    assert len((await carol.rest("GET", f"{path}/messages"))[1]["items"]) == 1
    open = await room(ann, visibility="private", history="all")
    assert "history" not in (await ann.rest("GET", f"/v1/channels/{open}"))[1]
    body = {"name": "a", "visibility": "public", "history": "joined"}
    status, problem = await ann.rest("POST", "/v1/channels", body)
    assert (status, problem["code"]) == (400, "bad_request")


async def test_a_slow_channel_holds_members_back_also_on_another_host(
    cluster: ChatCluster,
) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    channel = await room(ann, bob)
    path = f"/v1/channels/{channel}"
    await ann.rest("PATCH", path, {"slow_mode_s": 3600})
    send = {"text": "hi"}
    assert (await bob.rest("POST", f"{path}/messages", send))[0] == 201
    status, problem = await bob.rest("POST", f"{path}/messages", send)
    assert (status, problem["code"]) == (429, "slow_mode")
    assert 0 < problem["retry_after_ms"] <= 3_600_000
    for _ in range(2):
        assert (await ann.rest("POST", f"{path}/messages", send))[0] == 201
    for old in tuple(cluster.hosts):  # one of them owned it; a new one loads it
        await cluster.add()
        await cluster.remove(old)
        await cluster.publish()
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=bob.handle, password=PASSWORD) as client:
        with pytest.raises(Refused, match="one message in 3600 s"):
            await client.send(channel, "too soon")


async def test_everybody_is_called(cluster: ChatCluster) -> None:
    ann, bob, carol = [await cluster.user() for _ in range(3)]
    channel = await room(ann, bob, carol)
    his = await bob.connect(cluster.hosts[1])
    send = frames.MessageSend(channel=channel, text="@here and @channel: lunch")
    socket = await ann.connect(cluster.hosts[0])
    await done(socket, "message.send", send)
    event = await his.event("message.created")
    assert isinstance(event.body, frames.MessageEvent)
    assert [(one.type, one.user) for one in event.body.message.entities] == [
        ("here", None),
        ("channel", None),
    ]
    read = await his.event("read.updated")
    assert isinstance(read.body, frames.ReadState)
    assert (read.body.mentions, read.body.unread) == (1, 1)
    here = frames.MessageSend(channel=channel, text="@here only")
    await done(socket, "message.send", here)
    fresh = await carol.connect(cluster.hosts[0])
    assert fresh.ready is not None
    (overview,) = fresh.ready.channels
    assert (overview.mentions, overview.unread) == (1, 2)
    await ann.rest("PATCH", f"/v1/channels/{channel}", {"announcers": "moderators"})
    problem = await refused(his, "message.send", send)
    assert (problem.code, problem.field) == ("forbidden", "text")
    for one in (his, socket, fresh):
        await one.close()


@pytest.mark.parametrize(("role", "expected"), [("user", 403), ("moderator", 200), ("admin", 200)])
async def test_the_sites_moderators_may_it_in_every_channel_they_are_in(
    cluster: ChatCluster, role: Role, expected: int
) -> None:
    ann, bob, carol = [await cluster.user() for _ in range(3)]
    channel = await room(ann, bob, carol)
    edit = AccountEdit(role=role)
    await PostgresAccountEdits(cluster.pool).edit(UserId(carol.id), edit, [])
    path = f"/v1/channels/{channel}"
    mute = {"muted_until_at": MAX_INT}
    assert (await carol.rest("PATCH", path, {"topic": "x"}))[0] == expected
    assert (await carol.rest("PATCH", f"{path}/members/{ann.id}", mute))[0] == expected
    assert (await carol.rest("PUT", f"{path}/bans/{bob.id}"))[0] == expected
    assert (await carol.rest("GET", f"{path}/bans"))[0] == expected
    assert (await carol.rest("DELETE", f"{path}/members/{ann.id}"))[0] == expected


async def test_the_sdk_knows_its_own_role(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await room(ann, bob)
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=bob.handle, password=PASSWORD) as his:
        assert his.channels[channel].overview.role == "member"
        async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as hers:
            await hers.give_role(channel, bob.id, "moderator")
            await hers.update_channel(channel, name="ours")
            async for event in his.events():
                if isinstance(event, ChannelUpdated):
                    break
        mine = his.channels[channel].overview
        assert (mine.role, mine.name) == ("moderator", "ours")
        await his.update_channel(channel, slow_mode_s=5)
