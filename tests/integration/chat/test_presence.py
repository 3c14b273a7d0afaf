"""Presence: over sockets in both encodings, over REST, on two hosts, and when one of them dies."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, ChatHost, Socket, User, until

from streamhub.actors import whereabouts
from streamhub.client import PresenceUpdated, StreamHubClient
from streamhub.config import load_settings
from streamhub.domain.messages import ActorId
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.presence import (
    PresenceGet,
    PresenceObject,
    PresenceSet,
    StatusObject,
    StatusSet,
)
from streamhub.protocol.received import reply_body
from streamhub.transport import relay


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who left are given up, and owners trusted, sooner than otherwise."""
    monkeypatch.setattr(relay, "_LINGER_TICKS", 2)
    monkeypatch.setattr(whereabouts, "DOUBT_S", 2.0)


async def together(*users: User) -> str:
    """The id of a channel that they share."""
    made = {"name": "a", "visibility": "public"}
    _, channel = await users[0].rest("POST", "/v1/channels", made)
    for user in users[1:]:
        await user.rest("POST", f"/v1/channels/{channel['id']}/join")
    return str(channel["id"])


async def look_at(socket: Socket, *users: User) -> None:
    focus = frames.Focus(users=tuple(user.id for user in users))
    assert (await socket.command("focus", focus)).problem is None


async def told(socket: Socket) -> PresenceObject:
    body = (await socket.event("presence.updated", within_s=30.0)).body
    assert isinstance(body, PresenceObject)
    return body


async def told_state(socket: Socket, user: User) -> str:
    presence = await told(socket)
    assert presence.user == user.id
    return presence.state


async def say(socket: Socket, body: PresenceSet) -> None:
    assert (await socket.command("presence.set", body)).problem is None


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_who_looks_is_told_what_is_and_what_changes(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    await together(ann, bob)
    looking = await ann.connect(cluster.hosts[0], codec=codec)
    assert "presence" in looking.hello.features
    await look_at(looking, bob)
    assert await told(looking) == PresenceObject(user=bob.id, state="offline")
    socket = await bob.connect(cluster.hosts[1], codec=codec)
    assert await told_state(looking, bob) == "online"
    await say(socket, PresenceSet(state="away"))
    assert await told_state(looking, bob) == "away"
    until_ms = int(time.time() * 1000) + 3_600_000
    status = StatusSet(text="in a meeting", emoji="x", expires_at=until_ms)
    await say(socket, PresenceSet(state="dnd", status=status))
    said = StatusObject(text="in a meeting", emoji="x", expires_at=until_ms)
    assert await told(looking) == PresenceObject(user=bob.id, state="dnd", status=said)
    reply = await looking.command("presence.get", PresenceGet(user=bob.id))
    assert reply_body("presence.get", reply.body) == PresenceObject(
        user=bob.id, state="dnd", status=said
    )
    await say(socket, PresenceSet(state="online", status=StatusSet()))
    assert await told(looking) == PresenceObject(user=bob.id, state="online")
    await socket.close()
    assert await told_state(looking, bob) == "offline"
    await looking.close()


async def test_one_is_away_when_all_sessions_are(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    await together(ann, bob)
    here, there = [await bob.connect(host) for host in cluster.hosts]
    looking = await ann.connect()
    await look_at(looking, bob)
    assert await told_state(looking, bob) == "online"
    await say(here, PresenceSet(state="away"))
    assert (await ann.rest("GET", f"/v1/users/{bob.id}/presence"))[1]["state"] == "online"
    await say(there, PresenceSet(state="away"))
    assert await told_state(looking, bob) == "away"
    again = await bob.connect(cluster.hosts[0])
    assert await told_state(looking, bob) == "online"
    for socket in (here, there, again, looking):
        await socket.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    await together(ann, bob)
    path = f"/v1/users/{bob.id}/presence"
    assert await ann.rest("GET", path) == (200, {"user": bob.id, "state": "offline"})
    sockets = [await bob.connect(host) for host in cluster.hosts]
    looking = await ann.connect()
    await look_at(looking, bob)
    assert await told_state(looking, bob) == "online"
    assert await bob.rest("PUT", "/v1/me/presence", {"state": "away"}) == (200, {})
    assert await told_state(looking, bob) == "away"
    said = {"state": "dnd", "status": {"text": "busy"}}
    assert await bob.rest("PUT", "/v1/me/presence", said) == (200, {})
    seen = {"user": bob.id, "state": "dnd", "status": {"text": "busy"}}
    assert await ann.rest("GET", path, host=cluster.hosts[1]) == (200, seen)
    for refused, field in (
        ({}, None),
        ({"state": "offline"}, "state"),
        ({"status": {"text": "x" * 101}}, "status.text"),
        ({"status": {"text": "x", "expires_at": 1}}, "status.expires_at"),
    ):
        status, problem = await bob.rest("PUT", "/v1/me/presence", refused)
        assert (status, problem["code"], problem.get("field")) == (400, "bad_request", field)
    for socket in (*sockets, looking):
        await socket.close()


async def test_a_stranger_is_told_nothing(cluster: ChatCluster) -> None:
    ann, bob, eve = await cluster.user(), await cluster.user(), await cluster.user()
    await together(ann, bob)
    socket = await bob.connect()
    looking = await eve.connect()
    await look_at(looking, bob, eve)
    assert await told_state(looking, eve) == "online"
    for user in (bob.id, "us_" + "0" * 26):
        status, problem = await eve.rest("GET", f"/v1/users/{user}/presence")
        assert (status, problem["code"], problem["field"]) == (404, "not_found", "user")
    assert looking.seen == []
    channel = await together(bob, eve)
    assert await told_state(looking, bob) == "online"
    await bob.rest("POST", f"/v1/channels/{channel}/leave")
    await looking.event("member.left")
    await until(lambda: topic_listeners(cluster, bob) == 0, within_s=20)
    await say(socket, PresenceSet(state="away"))
    assert (await eve.rest("GET", f"/v1/users/{bob.id}/presence"))[0] == 404
    assert not any(event.name == "presence.updated" for event in looking.seen)
    await socket.close()
    await looking.close()


def topic_listeners(cluster: ChatCluster, user: User) -> int:
    """Sessions, on all hosts, that look at a user."""
    topics = [host.chat.relay._topics.get(f"presence:{user.id}") for host in cluster.hosts]
    return sum(len(topic.live) for topic in topics if topic is not None)


async def test_for_whom_nobody_looks_at_nothing_is_done(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    await together(ann, bob)
    sockets = [await bob.connect(host) for host in cluster.hosts]
    await say(sockets[0], PresenceSet(state="away"))
    for host in cluster.hosts:
        assert f"presence:{bob.id}" not in [str(actor) for actor in host.chat.actors._cells]
        assert host.chat.actors.interests.presences() == ()
    for socket in sockets:
        await socket.close()


async def test_who_does_not_want_to_be_seen_looks_offline(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    await together(ann, bob)
    socket, looking = await bob.connect(cluster.hosts[1]), await ann.connect()
    await say(socket, PresenceSet(status=StatusSet(text="here")))
    await look_at(looking, bob)
    assert await told_state(looking, bob) == "online"
    await bob.rest("PATCH", "/v1/me", {"show_presence": False})
    assert await told(looking) == PresenceObject(user=bob.id, state="offline")
    path = f"/v1/users/{bob.id}/presence"
    assert (await ann.rest("GET", path))[1] == {"user": bob.id, "state": "offline"}
    assert (await bob.rest("GET", path))[1]["state"] == "online"
    await bob.rest("PATCH", "/v1/me", {"show_presence": True})
    assert await told_state(looking, bob) == "online"
    await socket.close()
    await looking.close()


async def test_the_users_of_a_dead_host_go_offline(cluster: ChatCluster) -> None:
    third = await cluster.add()
    await cluster.publish()
    ann, others = await cluster.user(), [await cluster.user() for _ in range(6)]
    await together(ann, *others)
    looking = await ann.connect(cluster.hosts[0])
    for user in others:
        await user.connect(third)
    await look_at(looking, *others)
    assert {(await told(looking)).state for _ in others} == {"online"}
    await cluster.remove(third)
    await cluster.publish()
    gone = [await told(looking) for _ in others]
    assert {presence.user for presence in gone} == {user.id for user in others}
    assert {presence.state for presence in gone} == {"offline"}
    await looking.close()


async def newcomer_owning(cluster: ChatCluster, actors: list[ActorId]) -> ChatHost:
    """A new host that owns one of these, as most would."""
    while True:
        newcomer = await cluster.add()
        await cluster.publish()
        if any(newcomer.membership.owner(actor) == newcomer.id for actor in actors):
            return newcomer


async def test_nobody_flickers_when_owners_change(cluster: ChatCluster) -> None:
    ann, others = await cluster.user(), [await cluster.user() for _ in range(6)]
    await together(ann, *others)
    looking = await ann.connect(cluster.hosts[0])
    sockets = [await user.connect(cluster.hosts[1]) for user in others]
    for socket in sockets[:3]:
        await say(socket, PresenceSet(state="away"))
    await look_at(looking, *others)
    states: dict[str, str] = {}
    while sorted(states.values()) != ["away"] * 3 + ["online"] * 3:
        presence = await told(looking)
        states[presence.user] = presence.state
    third = await newcomer_owning(cluster, [ActorId("presence", user.id) for user in others])
    await until(lambda: not third.chat.actors.whereabouts.in_doubt, within_s=20)
    await looking.command("focus", frames.Focus(users=tuple(user.id for user in others)))
    assert not any(event.name == "presence.updated" for event in looking.seen)
    for socket in (*sockets, looking):
        await socket.close()


async def test_the_sdk_tells_who_is_there(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    await together(ann, bob)
    urls = [host.url for host in cluster.hosts]
    async with StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as looking:
        async with StreamHubClient(urls[1], login=bob.handle, password=PASSWORD) as client:
            await looking.focus(users=(bob.id,))
            await client.set_presence("dnd", StatusSet(text="busy"))
            busy = PresenceObject(user=bob.id, state="dnd", status=StatusObject(text="busy"))
            await until(lambda: looking.presences.get(bob.id) == busy)
            assert await looking.presence(bob.id) == busy
            await client.set_presence("away", StatusSet())
            await client.set_presence("online")
            await client.set_presence("away")
            await until(lambda: looking.presences[bob.id].state == "away")
        offline = PresenceObject(user=bob.id, state="offline")
        await until(lambda: looking.presences[bob.id] == offline, within_s=20)
        told = [event async for event in ended(looking)]
    assert [event.presence for event in told][-1] == offline


async def ended(client: StreamHubClient) -> AsyncIterator[PresenceUpdated]:
    """What it told of presence so far."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            async for event in client.events():
                if isinstance(event, PresenceUpdated):
                    yield event


@pytest.fixture
async def without(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    """A host on which presence is switched off."""
    await migrate(servers.postgres)
    settings = load_settings({"STREAMHUB_PRESENCE": "off"}, cwd=tmp_path)
    cluster = ChatCluster(settings, servers.postgres)
    await cluster.start(1)
    yield cluster
    await cluster.close()


async def test_administrators_switch_it_off(without: ChatCluster) -> None:
    ann, bob = await without.user(), await without.user()
    await together(ann, bob)
    socket, looking = await bob.connect(), await ann.connect()
    reply = await socket.command("presence.set", PresenceSet(state="dnd"))
    assert reply.problem is not None
    assert reply.problem.code == "forbidden"
    assert "switched off" in (reply.problem.detail or "")
    for method, path, body in (
        ("PUT", "/v1/me/presence", {"state": "away"}),
        ("GET", f"/v1/users/{bob.id}/presence", None),
    ):
        status, problem = await ann.rest(method, path, body)
        assert (status, problem["code"]) == (403, "forbidden")
    await look_at(looking, bob)
    assert without.hosts[0].chat.actors.interests.presences() == ()
    assert without.hosts[0].chat.actors.whereabouts._away == {}
    assert looking.hello.features == ("chat", "files")
    assert (await ann.rest("GET", "/v1/server"))[1]["features"] == ["chat", "files"]
    await socket.close()
    await looking.close()
